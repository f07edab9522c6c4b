"""The sectors of a flash region: read, programmed in pages of 256 bytes, erased, with retries and read back.

Each sector begins with a header that names the sector before it and how far that one is valid. A page that a commit left
incomplete is programmed again with ones where it is written already, which NOR flash allows (bits go from 1 to 0).
"""

import time
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from .errors import DBCorrupt

_MAGIC = b"MTdb"
_VERSION = const(1)
_HEADER = const(28)  # magic, version, kind, page size, seq, seq before, cut, sectors, sector size / 256, crc
_FORMAT = "<4sBBHIIIHH"
_KIND = const(0x52)
_PROGRAM = const(256)  # bytes a program: RP2040 and all serial NOR flash
_EIO = const(5)

len = len  # see database.py: a look-up by hash instead of a search


class Sectors:
    """`dev`: block device with `readblocks(n, buf, off)`, `writeblocks(n, buf, off)`, `ioctl(6, n)`.

    `verify`: read back what is programmed and erased.
    """

    def __init__(self, dev, pagesize, max_retries, retry_delay, verify):
        self._dev = dev
        self._retries = max_retries
        self._delay = retry_delay
        self._verify = verify
        self._blocks = self._do(dev.ioctl, 4, 0)
        self._block = self._do(dev.ioctl, 5, 0)
        self._hbuf = bytearray(_HEADER)
        self._buf = bytearray(_PROGRAM)
        self._ones = b"\xff" * _PROGRAM
        self.bad = set()  # sectors that failed; their valid frames stay readable
        self._failed = set()  # sectors in which a program failed
        self._failures = {}  # sector: how often the device failed in it, one time after the other
        self._moved = False
        self._page = bytearray(_PROGRAM)  # what is read back
        self.programs = self.erases = self.bytes_written = self.bytes_read = 0
        self._geometry(pagesize)

    def _geometry(self, pagesize):
        if not 512 <= pagesize <= 32768 or pagesize & 1:
            raise ValueError("btree_pagesize: 512 to 32768, even")
        n = 1
        while n * self._block < 3 * (pagesize + 64):
            n *= 2
        self._per = n
        self.pagesize = pagesize
        self.sector = n * self._block
        self.count = self._blocks // n
        if self.count < 8:
            raise ValueError("region: at least %d erase blocks of %d bytes" % (8 * n, self._block))
        self.usable = self.sector - _HEADER - pagesize // 2

    # Device

    def _do(self, call, *args):
        # A device may raise or return a negative errno; both may pass.
        left = self._retries
        while True:
            try:
                r = call(*args)
                if r is None or r >= 0:
                    return r
                raise OSError(-r)
            except OSError:
                if left <= 0:
                    raise
                left -= 1
                time.sleep(self._delay)

    def _read(self, pos, buf):
        block = self._block
        try:
            r = self._dev.readblocks(pos // block, buf, pos % block)
            if not r:
                return
        except OSError:
            pass
        self._do(self._dev.readblocks, pos // block, buf, pos % block)

    def _program(self):
        # Program the page in the buffer.
        start = self._flushed & -_PROGRAM
        block = self._block
        buf = self._buf
        try:
            self._do(self._dev.writeblocks, start // block, buf, start % block)
            if self._verify and not self._written(start):
                self._failed.add(self.head)
                self._moved = True
                raise OSError(_EIO)
        except OSError:
            # Once may have been the device's fault; twice, or data that come out wrong, the sector's.
            (self.bad if self.head in self._failed else self._failed).add(self.head)
            if not self._moved:
                self._failures[self.head] = self._failures.get(self.head, 0) + 1
            self._stop = -1  # a frame may be there in part: nothing is appended until `reopen()`
            raise
        self.programs += 1
        self.bytes_written += _PROGRAM
        buf[:] = self._ones

    def _written(self, start):
        self._read(start, self._page)
        at = self._flushed - start  # what was programmed before is ones in the buffer
        return memoryview(self._page)[at:] == memoryview(self._buf)[at:]

    def moved(self):
        """Tell whether a sector was retired since this was asked last, because data came out wrong in it."""
        moved, self._moved = self._moved, False
        return moved

    def _erase(self, s):
        # True if sector s is blank now.
        try:
            for i in range(self._per):
                self._do(self._dev.ioctl, 6, s * self._per + i)
                self.erases += 1
            if not self._verify or self._is_blank(s * self.sector, (s + 1) * self.sector):
                self.bad.discard(s)
                if s not in self._failed:
                    self._failures.pop(s, None)
                return True
        except OSError:
            pass
        self.bad.add(s)
        self._failures[s] = self._failures.get(s, 0) + 1
        return False

    def _is_blank(self, start, end):
        buf = self._page
        while start < end:
            n = _PROGRAM - start % _PROGRAM
            if n < _PROGRAM:
                view = memoryview(buf)[:n]
                self._read(start, view)
                if view != self._ones[:n]:
                    return False
            else:
                self._read(start, buf)
                if buf != self._ones:
                    return False
            start += n
        return True

    # Reading

    def read_once(self, pos, view):
        """Read into a memoryview; returns the number of bytes, fewer at the end of the region. Without retries."""
        n = len(view)
        if pos + n > self._flushed and self._start <= pos < self.end or pos + n > self._total:
            return self.read(pos, view)
        if self._dev.readblocks(pos // self._block, view, pos % self._block):
            raise OSError(_EIO)
        self.bytes_read += n
        return n

    def read(self, pos, view):
        """Do the same with retries."""
        n = len(view)
        end = pos + n
        if end > self._flushed and self._start <= pos < self.end:
            # the last frames, of which a part is not programmed yet
            flushed = self._flushed
            if pos < flushed:
                self._read(pos, view[: flushed - pos])
                view = view[flushed - pos :]
                pos = flushed
            stop = min(self.end, end)
            self.bytes_read += n
            if stop > pos:
                at = pos % _PROGRAM
                view[: stop - pos] = memoryview(self._buf)[at : at + stop - pos]
            return n - (end - stop)
        if end > self._total:
            n = self._total - pos
            if n <= 0:
                return 0
            view = view[:n]
        self._read(pos, view)
        self.bytes_read += n
        return n

    # Headers

    def _header(self, s):
        # Read a header: its sequence number, 0 if there is none. Sets _before, _cut.
        header = self._hbuf
        self._read(s * self.sector, header)
        self.bytes_read += _HEADER
        if header[:4] != _MAGIC or crc32(memoryview(header)[:24]) != unpack_from("<I", header, 24)[0]:
            return 0
        _, version, kind, pagesize, seq, self._before, self._cut, count, size = unpack_from(_FORMAT, header)
        if version != _VERSION:
            raise DBCorrupt("region has format %d, this is format %d" % (version, _VERSION))
        if pagesize != self.pagesize:
            self._geometry(pagesize)
            return -1
        if count != self.count or size * 256 != self.sector or kind != _KIND:
            raise DBCorrupt("region was made for %d sectors of %d bytes" % (count, size * 256))
        return seq

    def _make_header(self, header, seq, before, cut):
        pack_into(_FORMAT, header, 0, _MAGIC, _VERSION, _KIND, self.pagesize, seq, before, cut, self.count, self.sector // 256)
        pack_into("<I", header, 24, crc32(memoryview(header)[:24]))
