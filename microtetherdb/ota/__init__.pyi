"""Updates over the air: download, verify, install, and after the restart confirm or roll back (docs/update.md).

The classes marked `type_check_only` are for annotations: a program imports them in `if TYPE_CHECKING:`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, type_check_only

from typing_extensions import NotRequired, TypeAlias, TypedDict, Unpack

from .. import MicroTetherDB

Test: TypeAlias = str | MicroTetherDB | Callable[[], object]  # path, open database, or a function that returns a true value
SlotState: TypeAlias = Literal["empty", "new", "pending", "valid", "aborted"]

UPDATER: int

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

@type_check_only
class Stream(Protocol):
    """Where an image may come from."""

    def readinto(self, buf: memoryview, /) -> int | None | Awaitable[int | None]: ...

@type_check_only
class Slot(Protocol):
    """What a board's `_mtdb_board.slot()` returns; `microtetherdb/ota/slot.py` says what each has to do."""

    @property
    def running(self) -> str | int: ...
    @property
    def target(self) -> str | int: ...
    @property
    def capacity(self) -> int: ...
    def status(self) -> tuple[str, str]: ...
    def check(self, head: memoryview, /) -> None: ...
    def begin(self, size: int, /) -> None: ...
    def write(self, offset: int, buf: memoryview, /) -> None: ...
    def readinto(self, offset: int, buf: memoryview, /) -> None: ...
    def finish(self) -> None: ...
    def activate(self) -> None: ...
    def confirm(self) -> None: ...
    def rollback(self) -> None: ...
    def restart(self) -> None: ...

@type_check_only
class Manifest(TypedDict):
    """What `Updater.check` returns: the manifest's members, and where the image is."""

    board: str
    variant: str
    version: str
    security: int
    size: int
    sha256: str
    updater: int
    file: NotRequired[str]
    signature: NotRequired[str]
    slots: NotRequired[list[dict[str, Any]]]
    slots_signature: NotRequired[str]
    image: NotRequired[str | None]

@type_check_only
class Status(TypedDict):
    """What `Updater.status` returns."""

    slot: str | int
    running: SlotState
    target: SlotState
    version: str | None
    trial: str | None
    failed: list[str]
    security: int
    download: int

@type_check_only
class SourceOptions(TypedDict, total=False):
    """How a URL is asked: seconds, but for the number of `retries`."""

    timeout: float
    retries: int
    pause: float
    ssl: Any
    total: float
    headers: Mapping[str, object] | None

@type_check_only
class Options(SourceOptions, total=False):
    """The arguments of `Updater`."""

    slot: Slot | None
    board: str | None
    variant: str | None
    key: str | None
    security: int | None
    journal: str
    allow_unsigned: bool

class Updater:
    """Updates of this board.

    What is None comes from the board's frozen `_mtdb_board`: `board` (name), `variant`, `key` (public key, 128 hex digits),
    `security` (security version of the running image). `slot`: backend, see `slot.py`. `journal`: path of the journal.
    `allow_unsigned`: accept manifests without a signature on a board without a key. Other keywords go to `Source`:
    `timeout`, `retries`, `pause`, `total`, `ssl`, `headers`. Raises BadState.
    """

    slot: Slot
    def __init__(
        self,
        slot: Slot | None = None,
        board: str | None = None,
        variant: str | None = None,
        key: str | None = None,
        security: int | None = None,
        journal: str = "ota.json",
        allow_unsigned: bool = False,
        **source: Unpack[SourceOptions],
    ) -> None: ...
    def status(self) -> Status:
        """Return a dict: `running` and `target` (states of the slots), `slot` (the running one's name), `version` (last confirmed
        here, None before the first update), `trial` (version activated and not confirmed), `failed` (versions), `security` (lowest
        one accepted), `download` (bytes kept of a download broken off).
        """
    async def check(self, where: str | Manifest | dict[str, Any]) -> Manifest:
        """Return the manifest at `where` (URL, path, or a dict), verified and fit for this device. Its member `image` says where
        the image is.

        Raises Truncated, Unreachable, SourceError, BadManifest, BadSignature, BadState, WrongBoard,
        OldSecurity, UpdaterTooOld, FailedBefore, TooLarge, Unconfirmed.
        """
    async def update(
        self,
        where: str | Manifest | dict[str, Any],
        image: str | Stream | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Manifest:
        """Download the update whose manifest is at `where` (or is what `check` returned), verify it and make it boot next; return
        the manifest.

        `image`: where the image is, if not where the manifest says (URL, path or stream). `progress(done, size)` is
        called after each 4096 bytes. Yields to the loop between them; a cancelled or broken download goes on where it was at the
        next call. Then call `restart()`. Raises what `check` raises, Unconfirmed also while another update goes on, Truncated,
        Unreachable, SourceError, BadImage, BadHash, OSError.
        """
    def confirm(self, test: Test) -> bool:
        """Finish the trial of the running image: True when it has been confirmed now, False when it was not on trial.

        `test`: path of a database that is there, which is opened and read (one that the program has open already has passed), an
        open database, which is read, or a function that returns a true value when all is well. If it fails, the image is rolled
        back (restarts into the old one, or raises SelfTestFailed where that returns) and its version remembered as failed.
        """
    def forget(self) -> None:
        """Forget which versions failed, so that they may be tried again."""
    def restart(self) -> None:
        """Restart the device into the image chosen."""

def confirm(test: Test, **options: Unpack[Options]) -> bool:
    """`Updater(**options).confirm(test)`: to be called at every start, once the application works."""

def status(**options: Unpack[Options]) -> Status:
    """`Updater(**options).status()`: a dict about slots, trial, failed versions and a download broken off."""
