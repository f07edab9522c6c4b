# NOR flash in RAM, as fast as MicroPython allows: the database region of the measurements of time and RAM. No counts, no errors; those
# are in tests/device/lib/flashsim.py.

BLOCK = 4096
PROGRAM = 256


class Nor:
    """Block device of `blocks` erase blocks of 4,096 bytes; programs of 256 bytes at aligned offsets. It allocates nothing large."""

    def __init__(self, blocks=128, path=None):
        self._blocks = blocks
        self._data = memoryview(bytearray(blocks * BLOCK))
        self._ones = b"\xff" * PROGRAM
        if path is not None:
            self.load(path)
        else:
            for n in range(blocks):
                self.ioctl(6, n)

    def readblocks(self, n, buf, off=0):
        n = n * BLOCK + off
        buf[:] = self._data[n : n + len(buf)]

    def writeblocks(self, n, buf, off=0):
        n = n * BLOCK + off
        buf = memoryview(buf)
        for i in range(0, len(buf), PROGRAM):
            old = self._data[n + i : n + i + PROGRAM]
            if old == self._ones:
                old[:] = buf[i : i + PROGRAM]
            else:
                for j in range(PROGRAM):
                    old[j] &= buf[i + j]

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK
        if op == 6:
            for i in range(arg * BLOCK, (arg + 1) * BLOCK, PROGRAM):
                self._data[i : i + PROGRAM] = self._ones
        return 0

    def save(self, path):
        with open(path, "wb") as f:
            f.write(self._data)

    def load(self, path):
        with open(path, "rb") as f:
            f.readinto(self._data)
