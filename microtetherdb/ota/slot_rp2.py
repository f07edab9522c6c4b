"""Slots of the Picos: two places in the flash, each with images linked for it. The boot loader (ports/rp2/boot) starts one.

What may be written and what the states allow is decided in C, by the module `_mtdb_slot` (ports/rp2/slot); it refuses with
OSError(EPERM). `docs/update.md` has the table of states.
"""

from binascii import crc32

import _mtdb_slot
from micropython import const

from .errors import BadImage, OTAError, TooLarge
from .slot import ABORTED, EMPTY, NEW, PENDING, VALID

_STATES = (EMPTY, NEW, PENDING, VALID, ABORTED)
_BEGIN = const(0)
_ACTIVATE = const(1)
_CONFIRM = const(2)
_ROLLBACK = const(3)


class PicoSlot:
    """Slot 0 (A) and 1 (B) of this chip. Raises OTAError when there is no boot loader."""

    linked = True  # a release has an image for each slot: the manifest's `slots`

    def __init__(self):
        try:
            self.running, _, _, self.capacity = _mtdb_slot.status()
        except OSError:
            raise OTAError("no boot loader on this board")
        self.target = 1 - self.running
        self._read = self._crc = 0  # bytes read back one after the other, and their CRC-32: what the boot loader is told

    def status(self):
        """Return the states of the running and of the target slot."""
        _, running, target, _ = _mtdb_slot.status()
        return _STATES[running], _STATES[target]

    def check(self, head):
        """Raise BadImage unless `head` begins an image for this chip that is linked for the target slot."""
        if not _mtdb_slot.fits(head):
            raise BadImage("not an image for slot %s of this chip" % "AB"[self.target])

    def begin(self, size):
        """Mark the target as empty: from here on only the running image can start. Raises TooLarge, BadImage."""
        if size > self.capacity:
            raise TooLarge(size, self.capacity)
        if size % 4:
            raise BadImage("size")
        _mtdb_slot.step(_BEGIN)

    def write(self, offset, buf):
        """Erase a sector of 4096 bytes and write `buf` there."""
        _mtdb_slot.write(offset, buf)

    def readinto(self, offset, buf):
        """Fill `buf` from `offset` of the target."""
        _mtdb_slot.read(offset, buf)
        if not offset:
            self._read = self._crc = 0
        if offset == self._read:
            self._crc = crc32(buf, self._crc)
            self._read += len(buf)

    def finish(self):
        """Sectors are durable when written."""

    def activate(self):
        """Boot the target next, on trial: what was read back last, from its beginning to its end."""
        _mtdb_slot.step(_ACTIVATE, self._read, self._crc)

    def confirm(self):
        """Keep the running image."""
        _mtdb_slot.step(_CONFIRM)

    def rollback(self):
        """Give up the running image and restart into the other; return when there is none that can start."""
        try:
            _mtdb_slot.step(_ROLLBACK)
        except OSError:
            return
        self.restart()

    def restart(self):
        """Reset the chip."""
        from machine import reset

        reset()
