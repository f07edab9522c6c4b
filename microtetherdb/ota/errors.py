"""Why an update was refused. Whatever is raised, the device goes on booting what it booted before."""


class OTAError(Exception):
    """Base of all errors of `microtetherdb.ota`."""


class BadManifest(OTAError):
    """Not an update manifest, or a field of it is missing, of the wrong type or out of range."""


class BadSignature(OTAError):
    """Signature missing or wrong for this device's public key; or the device has no key and unsigned updates are not allowed."""


class WrongBoard(OTAError):
    """Made for another board or variant."""


class OldSecurity(OTAError):
    """Security version below the one this device has run already."""


class UpdaterTooOld(OTAError):
    """The manifest asks for a newer updater than this firmware has: install an intermediate release first."""


class FailedBefore(OTAError):
    """This version was installed before and failed its self-test or did not start."""


class Unconfirmed(OTAError):
    """The running image is on trial, an activated one waits for the restart, or another update goes on."""


class TooLarge(OTAError):
    """The image does not fit the slot."""


class Truncated(OTAError):
    """The source ended, stayed away or took too long before the whole file was there. What was received is kept for a resume."""


class SourceError(OTAError):
    """The source answered with something that is neither the file nor a passing failure (HTTP status in `args[0]`)."""


class Unreachable(SourceError):
    """The source gave not a byte: refused, no route, no such host, no answer in time. Try again later."""


class BadState(OTAError):
    """The journal or the boot state (path in `args[0]`) is damaged, so the lowest security version accepted is not known."""


class BadHash(OTAError):
    """What is in the slot has not the SHA-256 of the manifest."""


class BadImage(OTAError):
    """Not an application image for this chip, e.g. a full-flash image, or refused by the boot loader's own check."""


class SelfTestFailed(OTAError):
    """The running image failed its self-test and was rolled back."""
