"""A stand-in for MicroPython's module `esp32` and the boot loader of ESP-IDF, NOT the real ones: it behaves as documented.

- Partition: MicroPython's docs, library/esp32: find, info, readblocks, writeblocks, set_boot, get_next_update, mark_app_valid...
- `otadata`, states and rollback: ESP-IDF programming guide, "Over The Air Updates"; esp_flash_partitions.h for the entry's layout.
- `set_boot` verifies the image: here its magic and the SHA-256 that ends it.
"""

import hashlib
import struct
from binascii import crc32

_NEW, _PENDING, _VALID, _INVALID, _ABORTED, _UNDEFINED = 0, 1, 2, 3, 4, 0xFFFFFFFF
BLANK = b"\xff" * 32


class Reset(BaseException):
    pass


def image(text, chip=0, size=9000):
    """An application image: esp_image_header_t, segment header, esp_app_desc_t at 0x20, ..., SHA-256 at its end."""
    body = bytearray(size - 32)
    body[0] = 0xE9
    body[12] = chip
    body[32:36] = b"\x32\x54\xcd\xab"
    body[48 : 48 + len(text)] = text
    return bytes(body) + hashlib.sha256(body).digest()


class Flash:
    """Two slots of 64 KB and the otadata of one device; `boot()` plays the boot loader."""

    def __init__(self, first, size=65536):
        self.size = size
        self.slots = [bytearray(first + b"\xff" * (size - len(first))), bytearray(b"\xff" * size)]
        self.lengths = {}
        self.otadata = [bytearray(BLANK), bytearray(BLANK)]
        self.running = 0
        self.log = []

    def entries(self):
        """Valid otadata entries: (seq, state, sector), the latest first."""
        found = []
        for sector in (0, 1):
            seq, state, crc = struct.unpack_from("<I20xII", self.otadata[sector])
            if seq != 0xFFFFFFFF and crc == crc32(self.otadata[sector][:4], 0xFFFFFFFF) and state not in (_INVALID, _ABORTED):
                found.append((seq, state, sector))
        return sorted(found, reverse=True)

    def put(self, sector, seq, state):
        raw = struct.pack("<I", seq)
        self.otadata[sector][:] = raw + b"\xff" * 20 + struct.pack("<II", state, crc32(raw, 0xFFFFFFFF))

    def boot(self):
        """Reset: a trial that was not confirmed is aborted, a new image goes on trial."""
        for seq, state, sector in self.entries():
            if state == _PENDING:
                self.put(sector, seq, _ABORTED)
        found = self.entries()
        if found:
            seq, state, sector = found[0]
            if state == _NEW:
                self.put(sector, seq, _PENDING)
            self.running = (seq - 1) % 2
        else:
            self.running = 0

    def partition(self):
        flash = self

        class Partition:
            BOOT, RUNNING, TYPE_APP, TYPE_DATA = 0, 1, 0, 1

            def __init__(self, which):
                self.slot = flash.running if which == Partition.RUNNING else which[1]

            @staticmethod
            def find(type=0, subtype=0xFF, label=None, block_size=4096):
                if type == Partition.TYPE_DATA:
                    return [Partition(("data", 2))] if subtype in (0, 0xFF) else []
                return [Partition(("app", n)) for n in (0, 1)]

            def info(self):
                if self.slot == 2:
                    return (1, 0, 0xD000, 0x2000, "otadata", False)
                return (0, 0x10 + self.slot, 0x10000 + self.slot * flash.size, flash.size, "ota_%d" % self.slot, False)

            def readblocks(self, block, buf):
                data = flash.otadata[block] if self.slot == 2 else flash.slots[self.slot]
                at = 0 if self.slot == 2 else block * 4096
                buf[:] = data[at : at + len(buf)]

            def writeblocks(self, block, buf):
                assert self.slot == 1 - flash.running and len(buf) % 4096 == 0 and block * 4096 + len(buf) <= flash.size
                flash.log.append(block)
                flash.slots[self.slot][block * 4096 : block * 4096 + len(buf)] = buf

            def get_next_update(self):
                return Partition(("app", 1 - flash.running))

            def set_boot(self):
                # esp_ota_set_boot_partition: verify, then write the entry that is not the active one
                data = flash.slots[self.slot]
                size = flash.lengths.get(self.slot, 9000)
                if data[0] != 0xE9 or hashlib.sha256(data[: size - 32]).digest() != data[size - 32 : size]:
                    raise OSError(-5379, "ESP_ERR_OTA_VALIDATE_FAILED")
                found = flash.entries()
                seq = found[0][0] if found else 0
                new = self.slot + 1
                while new < seq or new == seq and found:
                    new += 2
                flash.put(1 - found[0][2] if found else 0, new, _NEW)

            @staticmethod
            def mark_app_valid_cancel_rollback():
                for seq, state, sector in flash.entries():
                    if (seq - 1) % 2 == flash.running and state in (_NEW, _PENDING):
                        flash.put(sector, seq, _VALID)

        return Partition


def install(flash):
    """Make `import esp32` and `import machine` give the stand-ins."""
    import sys

    class esp32:
        Partition = flash.partition()

    class machine:
        @staticmethod
        def reset():
            raise Reset

    sys.modules["esp32"] = esp32
    sys.modules["machine"] = machine
