"""A stand-in for the Picos' C module `_mtdb_slot` and for their boot loader, NOT the real ones: a chip with slots of 64 KB in RAM.

The real ones are tested on a model of the flash (tests/test_boot.py) and in the emulator (tests/test_pico_update.py); the states are
those of docs/update.md.
"""

import struct
from binascii import crc32

_EMPTY, _NEW, _PENDING, _VALID, _ABORTED = 0, 1, 2, 3, 4
SIZE = 65536
PLACES = (0x10008000, 0x10018000)


class Reset(BaseException):
    pass


def image(text, slot, size=9000):
    """An image linked for `slot`: boot2, then the vectors, then the text."""
    head = bytes(256) + struct.pack("<II", 0x20042000, PLACES[slot] + 0x201)
    return head + (text + b" " * size)[: size - len(head)]


def fresh(text):
    """A board that was flashed by cable."""
    global flash, states, said, boot, me, log
    flash = [bytearray(b"\xff" * SIZE), bytearray(b"\xff" * SIZE)]
    first = image(text, 0)
    flash[0][: len(first)] = first
    states = [_VALID, _EMPTY]
    said = [(len(first), crc32(first)), None]
    boot = me = 0
    log = []


def _whole(slot):
    return said[slot] and crc32(flash[slot][: said[slot][0]]) == said[slot][1]


def start():
    """Power on: the boot loader's part. Return the slot that starts."""
    global boot, me
    if states[boot] == _NEW and _whole(boot):
        states[boot] = _PENDING
    elif states[boot] != _VALID:
        states[boot] = _ABORTED
        boot = 1 - boot
        assert states[boot] == _VALID and _whole(boot), "USB boot"
    me = boot
    return me


def _may(allowed):
    if not allowed:
        raise OSError(1)  # EPERM


def status():
    return me, states[me], states[1 - me], SIZE


def fits(head):
    if len(head) < 264:
        return False
    stack, reset = struct.unpack_from("<II", head, 256)
    place = PLACES[1 - me]
    return 0x20000000 < stack <= 0x20042000 and not stack & 3 and reset & 1 == 1 and place <= reset < place + SIZE


def read(at, buf):
    _may(at + len(buf) <= SIZE)
    buf[:] = flash[1 - me][at : at + len(buf)]


def write(at, buf):
    _may(boot == me and states[me] == _VALID and states[1 - me] == _EMPTY and at % 4096 == 0 and at < SIZE and len(buf) <= 4096)
    flash[1 - me][at : at + 4096] = bytes(buf) + b"\xff" * (4096 - len(buf))
    log.append(at)


def step(what, size=0, crc=0):
    global boot
    other = 1 - me
    if what == 0:
        _may(states[me] == _VALID)
        states[other] = _EMPTY
        boot = me
    elif what == 1:
        _may(states[me] == _VALID and states[other] == _EMPTY and size % 4 == 0 and size <= SIZE)
        states[other] = _NEW
        said[other] = size, crc
        boot = other
    elif what == 2:
        _may(states[me] == _PENDING)
        states[me] = _VALID
    else:
        _may(states[me] == _PENDING and states[other] == _VALID)
        states[me] = _ABORTED
        boot = other
    log.append("BACR"[what])
