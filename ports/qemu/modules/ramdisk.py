"""Memory of the QEMU boards beside the heap: a ROMFS, a RAM disk, and a region of NOR flash."""

import uctypes
from micropython import const

import _mtdb_board

_BLOCK = const(4096)
_ONES = memoryview(b"\xff" * _BLOCK)

_BASE = _mtdb_board.MEMORY
_ROM = const(0x400000)  # bytes
_DISK = const(0x200000)
_FLASH = const(0x100000)


class Memory:
    """Block device in the memory at `address`; with `nor`, programming can only clear bits, as on a flash chip."""

    def __init__(self, address, size, nor=False):
        # Parts are views, of which all is set: setting a part of a bytearray moves what is behind it.
        self._data = memoryview(uctypes.bytearray_at(address, size))
        self._nor = nor
        self._blocks = size // _BLOCK

    def readblocks(self, n, buf, off=0):
        """Fill `buf` from byte `off` of block `n`."""
        at = n * _BLOCK + off
        buf[:] = self._data[at : at + len(buf)]

    def writeblocks(self, n, buf, off=None):
        """Program `buf` at byte `off` of block `n`; without `off`, erase the blocks first."""
        at = n * _BLOCK + (off or 0)
        part = self._data[at : at + len(buf)]
        if self._nor and off is not None and part != _ONES[: len(buf)]:
            for i in range(len(buf)):
                part[i] &= buf[i]
        else:
            part[:] = buf

    def ioctl(self, op, arg):
        """Answer the block protocol: 4 blocks, 5 block size, 6 erase block `arg`."""
        if op == 4:
            return self._blocks
        if op == 5:
            return _BLOCK
        if op == 6:
            self._data[arg * _BLOCK : (arg + 1) * _BLOCK][:] = _ONES
        return 0

    def erase(self):
        """Erase all blocks."""
        for n in range(self._blocks):
            self.ioctl(6, n)


rom = memoryview(uctypes.bytearray_at(_BASE, _ROM))
device = Memory(_BASE + _ROM, _DISK)
flash = Memory(_BASE + _ROM + _DISK, _FLASH, True)
