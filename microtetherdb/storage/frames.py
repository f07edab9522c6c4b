"""Frames of a page log: what a page becomes in it (docs/format.md, "Page log").

A frame carries a page without the free gap in its middle, or only what differs from the page's last full frame (a delta).
"""

import io
from array import array
from binascii import crc32
from struct import pack_into, unpack_from

import uctypes
from micropython import const

from ..errors import DBCorrupt

# Kinds of frames, in the top byte of the word that holds the page number (docs/format.md). MicroPython puts a constant into
# the code of its own module only: what several modules name is in each of them, and tests/test_constants.py holds them equal.
_PAGE = const(0x1000000)
_DELTA = const(0x2000000)
_PAD = const(0x7000000)

_HEAD = const(12)  # crc, length of what follows, length of the page's head, kind and page
_DHEAD = const(18)  # the same, position of the base, bytes kept from its end


def pad(n):
    """Return a PAD frame of `n` bytes, 12 or more."""
    frame = bytearray(n)
    pack_into("<HHI", frame, 4, n - _HEAD, 0, _PAD)
    pack_into("<I", frame, 0, crc32(memoryview(frame)[4:]))
    return frame


class Frames(io.IOBase):
    """The pages of a `medium`, each at the position that the table names; the base of `PageLog`."""

    def __init__(self, medium):
        self.medium = medium
        self._read = medium.read_once
        self.pagesize = size = medium.pagesize
        self._frame = bytearray((size + _DHEAD + 3) // 4 * 4)  # frame to append
        self._out = memoryview(self._frame)
        self._words = array("I", self._frame)  # frame read: checksum, length and head, kind and page
        self._loaded = uctypes.bytearray_at(uctypes.addressof(self._words), size + _DHEAD)
        self._in = memoryview(self._loaded)
        self.pages_read = 0
        self.pages_written = 0

    # Reading

    def get(self, page, out):
        """Read a page into `out`; raises `DBCorrupt` naming the page."""
        self._read = self.medium.read
        try:
            self._get(page, out)
        finally:
            self._read = self.medium.read_once

    def _get(self, page, out):
        self.pages_read += 1
        end = self._fetch(self.table[page >> 7][page & 127])
        if end and self._words[2] == _PAGE | page:
            self._spread(out, (self._words[1] >> 16) + _HEAD, end)
        elif end and self._words[2] == _DELTA | page:
            self._get_delta(page, out, self._words[1] >> 16, end)
        else:
            self._lost(page)

    def _fetch(self, pos):
        # Read the frame at `pos`: its size, or 0 if it is damaged or (position 0) not there.
        if not pos:
            return 0
        n = self._read(pos, self._in)
        end = (self._words[1] & 0xFFFF) + _HEAD
        return end if end <= n and crc32(self._in[4:end]) == self._words[0] else 0

    def _spread(self, out, at, end):
        # The page of the frame read: its head, the gap, its end.
        frame = self._in
        out[: at - _HEAD] = frame[_HEAD:at]
        if at < end:
            out[self.pagesize + at - end :] = frame[at:end]

    def _lost(self, page):
        pos = self.table[page >> 7][page & 127]
        raise DBCorrupt("page %d is damaged (frame at %d)" % (page, pos) if pos else "page %d is missing" % page)

    def _get_delta(self, page, out, head, end):
        frame = self._in
        base, keep = unpack_from("<IH", self._loaded, _HEAD)
        at = _DHEAD + head
        keep = self.pagesize - keep
        out[:head] = frame[_DHEAD:at]
        out[keep + at - end : keep] = frame[at:end]
        end = self._fetch(base)
        if not end or self._words[2] != _PAGE | page:
            raise DBCorrupt("page %d is damaged (frame at %d)" % (page, base))
        out[keep:] = frame[end - self.pagesize + keep : end]

    # Writing

    def put(self, page, data):
        """Append a page (memoryview), whole or as a delta; not at all if it is as stored."""
        size = self.pagesize
        self.pages_written += 1
        # Berkeley DB's btree.h: struct _page. Leaf and internal pages fill from both ends.
        if page == 0:
            lower = 32
            upper = size
        else:
            lower = upper = 20
            if data[12] & 0x1F in (1, 2):
                lower = data[16] | data[17] << 8
                upper = data[18] | data[19] << 8
                if not 20 <= lower <= upper <= size:
                    lower = upper = 20
        tail = size - upper
        frame = self._frame
        out = self._out
        old = base = keep = gone = 0
        length = lower + tail
        kind = _PAGE
        at = _HEAD
        if page < self.pages:
            old = self.table[page >> 7][page & 127]
        if old:
            if not self.medium.posix:
                base, end, head, gone, crc = self._base(page, old)
            else:
                gone = self._replaced(page, old)
            if base:
                keep = self._common(data, tail, end, end - _HEAD - head)
                if base == old and head == lower and keep == tail == end - _HEAD - head:
                    if data[:lower] == self._in[_HEAD : _HEAD + head]:
                        return
                delta = lower + tail - keep + 6
                if delta * 2 <= length:
                    kind = _DELTA
                    at = _DHEAD
                    length = delta
                    pack_into("<IH", frame, _HEAD, base, keep)
                    gone -= end
                    if base == old:
                        crc = -1
                else:
                    keep = 0
                    crc = -1
        out[at : at + lower] = data[:lower]
        at += lower
        tail -= keep
        if tail:
            out[at : at + tail] = data[upper : upper + tail]
        if old and kind == _DELTA and crc >= 0 and self._same(length, lower, kind | page, crc, old):
            return
        pos = self.append(length, lower, kind | page)
        self.set(page, pos)
        self.live += length + _HEAD - gone

    def _replaced(self, page, pos):
        # Bytes of a page's frames, as far as their headers tell.
        view = self._in[:_DHEAD]
        self.medium.read(pos, view)
        crc, length, head, word = unpack_from("<IHHI", self._loaded)
        if word == _PAGE | page:
            return length + _HEAD
        if word != _DELTA | page:
            return 0
        self.medium.read(unpack_from("<I", self._loaded, _HEAD)[0], view)
        crc, base, head, word = unpack_from("<IHHI", self._loaded)
        return length + base + 2 * _HEAD

    def _same(self, length, head, word, crc, old):
        # Is the delta in self._frame the one that is stored already?
        out = self._out
        end = length + _HEAD
        pack_into("<HHI", self._frame, 4, length, head, word)
        if crc32(out[4:end]) != crc:
            return False
        self.medium.read(old, self._in)
        return out[4:end] == self._in[4:end]

    def _base(self, page, old):
        # Load the page's full frame: (position or 0, end, head, bytes of frames to be given up, crc of the newest)
        gone = 0
        first = None
        base = old
        while True:
            n = self.medium.read(base, self._in)
            crc, length, head, word = unpack_from("<IHHI", self._loaded)
            end = length + _HEAD
            if first is None:
                first = crc
            if end > n or crc32(self._in[4:end]) != crc:
                return 0, 0, 0, gone, -1  # damaged: the new frame will be whole
            gone += end
            if word == _PAGE | page:
                return base, end, head, gone, first
            if word != _DELTA | page or base != old:
                return 0, 0, 0, gone, -1
            base = unpack_from("<I", self._loaded, _HEAD)[0]

    def _common(self, data, tail, end, limit):
        # Length of the longest common end of a page and the full frame that was loaded.
        size = self.pagesize
        base = self._in
        k = min(tail, limit)
        if data[size - k :] == base[end - k : end]:
            return k
        low = 0
        while k - low > 4:
            mid = (low + k) >> 1
            if data[size - mid :] == base[end - mid : end]:
                low = mid
            else:
                k = mid
        return low

    def append(self, length, head, word):
        """Append the frame whose payload is in `self._frame`; returns its position."""
        frame = self._frame
        out = self._out
        end = length + _HEAD
        pack_into("<HHI", frame, 4, length, head, word)
        pack_into("<I", frame, 0, crc32(out[4:end]))
        pos = self.medium.append(out[:end])
        self._run = crc32(out[:_HEAD], self._run)
        self.grown += end
        return pos

    def set(self, page, pos):
        """Enter a position into the page table."""
        table = self.table
        i = page >> 7
        while i >= len(table):
            table.append(array("I", bytearray(512)))
        table[i][page & 127] = pos
        if page >= self.pages:
            self.pages = page + 1

    def load(self, pos):
        """Read and check the frame at `pos`.

        Returns (word, size, good): word -1 if there is no frame; good False if its checksum is
        wrong. The frame is then in `frame_loaded()`.
        """
        frame = self._in
        room = self.medium.room(pos)
        if room < _HEAD:
            return -1, 0, False
        n = self.medium.read(pos, frame if self.medium.posix else frame[:_HEAD])
        if n < _HEAD:
            return -1, 0, False
        crc, length, word = self._words[0], self._words[1], self._words[2]
        end = (length & 0xFFFF) + _HEAD
        if not _PAGE <= word < _PAD + _PAGE or end > room or end > len(frame):
            return -1, 0, False
        if end > n and self.medium.read(pos + n, frame[n:end]) < end - n:
            return -1, 0, False
        return word, end, crc32(frame[4:end]) == crc

    def table_loaded(self):
        """Return the page table's piece (an array) in the frame that was read last."""
        return self._words[_HEAD // 4 : _HEAD // 4 + 128]

    def frame_loaded(self):
        """Return the bytearray of the frame that was read last."""
        return self._loaded
