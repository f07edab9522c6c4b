"""A file system that cuts the power: passes everything through to a directory of the host and kills this process, for real,
at the n-th step. Steps are each whole write, half of each longer write, each flush, open for writing, rename and remove."""

import io
import os


class File(io.IOBase):
    def __init__(self, fs, f):
        self._fs = fs
        self._f = f

    def write(self, buf):
        half = bytes(buf)[: len(buf) // 2] if len(buf) > 8 else b""
        if half:
            self._f.write(half)
            self._fs.step("torn write")
        n = len(half) + self._f.write(bytes(buf)[len(half) :])
        self._fs.step("write")
        return n

    def readinto(self, buf):
        return self._f.readinto(buf)

    def read(self, n=-1):
        return self._f.read(n)

    def seek(self, offset, whence=0):
        return self._f.seek(offset, whence)

    def ioctl(self, request, arg):
        return 0

    def flush(self):
        self._f.flush()
        self._fs.step("flush")

    def close(self):
        self._f.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class CutFS:
    def __init__(self, root, cut):
        self._root = root
        self._cut = cut
        self.steps = 0

    def step(self, what):
        self.steps += 1
        if self.steps == self._cut:
            print("CUT", self.steps, what)
            os.system("kill -9 $PPID")

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def open(self, path, mode, buffering=-1):
        f = open(self._root + "/" + path.lstrip("/"), mode)
        if "r" in mode and "+" not in mode:
            return f
        self.step("open")
        return File(self, f)

    def rename(self, old, new):
        os.rename(self._root + "/" + old.lstrip("/"), self._root + "/" + new.lstrip("/"))
        self.step("rename")

    def remove(self, path):
        os.remove(self._root + "/" + path.lstrip("/"))
        self.step("remove")

    def stat(self, path):
        return os.stat(self._root + "/" + path.lstrip("/"))
