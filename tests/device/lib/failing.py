"""Media that fail: a flash whose programs and erases fail for a while, and a file system whose writes, flushes and renames do."""

import io
import os

from flashsim import Flash


class Faults:
    """Operations are counted; those from `first` on fail with `errno`, `times` of them (-1: until `clear()`)."""

    def __init__(self):
        self.count = 0
        self.arm(-1, 0, 0)

    def arm(self, first, times, errno):
        self.first = first
        self.times = times
        self.errno = errno
        self.failed = 0

    def clear(self):
        self.first = -1

    def failing(self):
        return 0 <= self.first <= self.count and self.failed != self.times

    def fails(self):
        """Count an operation; tell whether it fails."""
        failing = self.failing()
        self.count += 1
        self.failed += failing
        return failing


class FailingFlash(Flash):
    """Returns a negative errno, as littlefs wants it."""

    def __init__(self, blocks, block=4096, atomic=False):
        super().__init__(blocks, block, True, atomic)
        self.faults = Faults()

    def writeblocks(self, n, buf, off=None):
        if self.faults.fails():
            return -self.faults.errno
        return super().writeblocks(n, buf, off)

    def ioctl(self, op, arg):
        if op == 6 and self.faults.fails():
            return -self.faults.errno
        return super().ioctl(op, arg)


class File(io.IOBase):
    def __init__(self, fs, f):
        self._fs = fs
        self._f = f

    def write(self, buf):
        if self._fs.faults.fails():
            n = len(buf) // 2  # in part, as a file system does that fills up
            self._f.write(bytes(buf)[:n])
            if self._fs.faults.errno == 28 and n:
                return n
            raise OSError(self._fs.faults.errno)
        return self._f.write(buf)

    def readinto(self, buf):
        return self._f.readinto(buf)

    def read(self, n=-1):
        return self._f.read(n)

    def seek(self, offset, whence=0):
        return self._f.seek(offset, whence)

    def ioctl(self, request, arg):
        return 0

    def flush(self):
        self._fs.check()
        self._f.flush()

    def close(self):
        self._f.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class FailingFS:
    """The folder `root` of the host."""

    def __init__(self, root):
        self._root = root
        self.faults = Faults()

    def check(self):
        if self.faults.fails():
            raise OSError(self.faults.errno)

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def _at(self, path):
        return self._root + "/" + path.lstrip("/")

    def open(self, path, mode, buffering=-1):
        if "r" in mode and "+" not in mode:
            return open(self._at(path), mode)
        self.check()
        return File(self, open(self._at(path), mode))

    def rename(self, old, new):
        self.check()
        os.rename(self._at(old), self._at(new))

    def remove(self, path):
        if self.faults.errno != 28:  # that needs no room
            self.check()
        os.remove(self._at(path))

    def stat(self, path):
        return os.stat(self._at(path))

    def statvfs(self, path):
        free = 0 if self.faults.failing() and self.faults.errno == 28 else 200000
        return 512, 512, 1000, free // 512, free // 512, 0, 0, 0, 0, 255
