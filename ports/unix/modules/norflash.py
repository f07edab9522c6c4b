"""NOR flash kept in a file: the stand-in for a microcontroller's database region on a host.

Erase blocks of 4096 bytes; programming can only clear bits, as on the chip; an erase sets a block to 0xFF.
"""

_BLOCK = 4096


class File:
    """Block device with MicroPython's extended protocol over the file `path` of `blocks` erase blocks.

    The file is made, erased, when it does not exist. Raises `OSError` as the file system does.
    """

    def __init__(self, path, blocks=256):
        try:
            self._f = open(path, "r+b")
        except OSError:
            with open(path, "wb") as f:
                empty = b"\xff" * _BLOCK
                for _ in range(blocks):
                    f.write(empty)
            self._f = open(path, "r+b")
        self._blocks = self._f.seek(0, 2) // _BLOCK

    def readblocks(self, n, buf, off=0):
        """Fill `buf` from byte `off` of block `n`."""
        self._f.seek(n * _BLOCK + off)
        self._f.readinto(buf)

    def writeblocks(self, n, buf, off=None):
        """Program `buf` at byte `off` of block `n`; without `off`, erase the blocks first."""
        new = bytearray(buf)
        if off is None:
            off = 0
        else:
            old = bytearray(len(new))
            self.readblocks(n, old, off)
            for i in range(len(new)):
                new[i] &= old[i]
        self._f.seek(n * _BLOCK + off)
        self._f.write(new)

    def ioctl(self, op, arg):
        """Answer the block protocol: 2 and 3 end and sync, 4 blocks, 5 block size, 6 erase block `arg`."""
        if op == 2:
            self._f.close()
            return 0
        if op == 3:
            self._f.flush()
            return 0
        if op == 4:
            return self._blocks
        if op == 5:
            return _BLOCK
        if op == 6:
            self._f.seek(arg * _BLOCK)
            self._f.write(b"\xff" * _BLOCK)
            return 0
