"""The stream behind a RAM database's tree.

The tree's page cache is given the whole quota, so its pages live there, allocated one by one
(no large block is ever needed), and this stream stays empty until the quota is used up:
the pages that it then takes in tell that the database is full.
"""

import io
import uctypes
import sys
from micropython import const

_FLUSH = const(1)
_SEEK = const(2)

# mp_off_t of the seek request: 64 bits on 64-bit hosts and where off_t is 64 bits wide.
_OFFSET = 8 if sys.maxsize > 1 << 31 else 4


class RamStream(io.IOBase):
    """A file of pages; `pages` is the number of pages it had to take in."""

    def __init__(self, pagesize):
        self._size = pagesize
        self._pages = {}
        self._pos = 0
        self.pages = 0
        self.on_spill = None  # called with each page taken in
        self.dead = False  # True: the tree is being thrown away, write nothing

    def another(self):
        """Return a new, empty stream of the same kind."""
        stream = RamStream(self._size)
        stream.on_spill = self.on_spill
        return stream

    def ioctl(self, request, arg):
        if request == _SEEK:
            at = uctypes.bytearray_at(arg, _OFFSET + 4)
            whence = at[_OFFSET]
            if whence == 0:
                self._pos = int.from_bytes(at[:_OFFSET], "little")
            elif whence == 2:
                # the size of the file: Berkeley DB asks once, when it opens
                at[:_OFFSET] = b"\0" * _OFFSET
                self._pos = 0
        return 0

    def readinto(self, buf):
        page = self._pages.get(self._pos)
        if page is None:
            return 0
        n = len(buf)
        buf[:] = page[:n]
        return n

    def write(self, buf):
        if self.dead:
            return len(buf)
        page = self._pages.get(self._pos)
        if page is None:
            page = bytearray(self._size)
            self._pages[self._pos] = page
            self.pages += 1
            self.on_spill()
        page[: len(buf)] = buf
        return len(buf)
