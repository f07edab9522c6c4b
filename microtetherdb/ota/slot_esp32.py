"""Slots that are the OTA partitions of an ESP32.

The states are read from the `otadata` partition, whose two entries (ESP-IDF, esp_flash_partitions.h: sequence, label[20],
state, CRC-32 of the sequence) tell which slot boots and how far its trial is; `esp32.Partition` itself does not say.
"""

import struct
from binascii import crc32

from .errors import BadImage, OTAError, TooLarge
from .slot import ABORTED, EMPTY, NEW, PENDING, VALID

_STATES = (NEW, PENDING, VALID, ABORTED, ABORTED)  # 3 is INVALID: refused by its own application


class Esp32Slot:
    """The running partition and the next one. Raises OTAError when the partition table has no second slot."""

    def __init__(self):
        from esp32 import Partition

        self._partition = Partition
        self._from = Partition(Partition.RUNNING)
        try:
            self._to = self._from.get_next_update()
        except OSError:
            raise OTAError("no second OTA partition")
        self.running = self._from.info()[4]
        self.target = self._to.info()[4]
        self.capacity = self._to.info()[3]
        if self.target == self.running:
            raise OTAError("no second OTA partition")

    def status(self):
        """Return the states of the running and of the target slot."""
        P = self._partition
        found = {}
        slots = len([p for p in P.find(P.TYPE_APP) if p.info()[1] & 0xF0 == 0x10])
        data = P.find(P.TYPE_DATA, 0)
        entry = bytearray(32)
        for sector in range(2 if data else 0):
            data[0].readblocks(sector, entry)
            seq, state, crc = struct.unpack_from("<I20xII", entry)
            if seq != 0xFFFFFFFF and crc == crc32(entry[:4], 0xFFFFFFFF):
                # two entries may name one slot: the later one counts
                slot = 0x10 + (seq - 1) % slots
                if seq > found.get(slot, (0,))[0]:
                    found[slot] = seq, _STATES[state] if state < 5 else VALID
        # a board that was never updated has no entry: what runs came by cable and is good
        running = found.get(self._from.info()[1], (0, VALID))[1]
        return running, found.get(self._to.info()[1], (0, EMPTY))[1]

    def check(self, head):
        """Raise BadImage unless `head` begins an application image for this chip."""
        own = bytearray(16)
        self._from.readblocks(0, own)
        # esp_image_header_t: magic, ..., chip id at 12; then a segment header, then esp_app_desc_t at 0x20
        if len(head) < 36 or head[0] != 0xE9 or head[32:36] != b"\x32\x54\xcd\xab":
            raise BadImage("not an application image (.app-bin)")
        if head[12:14] != own[12:14]:
            raise BadImage("for another chip")

    def begin(self, size):
        """Nothing to prepare: `write` erases as it goes. Raises TooLarge."""
        if size > self.capacity:
            raise TooLarge(size)

    def write(self, offset, buf):
        """Erase and write one or more 4096-byte blocks; a shorter rest is filled up with 0xFF."""
        rest = -len(buf) % 4096
        if rest:
            buf = bytes(buf) + b"\xff" * rest
        self._to.writeblocks(offset // 4096, buf)

    def readinto(self, offset, buf):
        """Fill `buf` from `offset` of the target."""
        self._to.readblocks(offset // 4096, buf)

    def finish(self):
        """Blocks are durable when written."""

    def activate(self):
        """Boot the target next, on trial. Raises BadImage when ESP-IDF's verification refuses it."""
        try:
            self._to.set_boot()
        except OSError as e:
            raise BadImage(e)

    def confirm(self):
        """Keep the running image."""
        self._partition.mark_app_valid_cancel_rollback()

    def rollback(self):
        """Give up the running image: on trial, a restart is enough."""
        if self.status()[0] != PENDING:
            self.activate()
        self.restart()

    def restart(self):
        """Reset the chip."""
        from machine import reset

        reset()
