"""Frames of a page log: what a page becomes in it (docs/format.md, "Page log").

A frame carries a page without the free gap in its middle, or only what differs from the page's frame before (a patch; older
releases wrote deltas, of the page's last full frame).
"""

import io
from array import array
from binascii import crc32
from struct import pack_into, unpack_from

import uctypes
from micropython import const

from ..errors import DBCorrupt

try:
    from _mtdb_patch import build, differ, shape  # ports/patch
except ImportError:  # stock firmware
    from .patches import build, differ, shape

# Kinds of frames, in the top byte of the word that holds the page number (docs/format.md). MicroPython puts a constant into
# the code of its own module only: what several modules name is in each of them, and tests/test_constants.py holds them equal.
_PAGE = const(0x1000000)
_DELTA = const(0x2000000)
_PAD = const(0x7000000)
_PATCH = const(0x8000000)
_KINDS = const(0x7F000000)
_NUMBER = const(0xFFFFFF)  # of a page

_HEAD = const(12)  # crc, length of what follows, length of the page's head, kind and page
_BASED = const(16)  # the same, position of the frame that a DELTA or PATCH builds on
_CHAIN = const(4)  # patches of a page, at most
_ALONE = const(0xFFFFFF)  # behind all patches
_NO = const(-2)


def gap(page, data):
    """Return where the gap of a page lies: its begin, and from bit 16 on its end."""
    return shape(data) if page else 32 | len(data) << 16


def pad(n):
    """Return a PAD frame of `n` bytes, 12 or more."""
    frame = bytearray(n)
    pack_into("<HHI", frame, 4, n - _HEAD, 0, _PAD)
    pack_into("<I", frame, 0, crc32(memoryview(frame)[4:]))
    return frame


class Frames(io.IOBase):
    """The pages of a `medium`, each at the position that the table names; the base of `PageLog`."""

    _split = ()  # of the page split last: the new one, itself, where its frames before and after lie, bytes that were cut out

    def __init__(self, medium):
        self.medium = medium
        self._read = medium.read_once
        self.pagesize = size = medium.pagesize
        self._frame = bytearray((size + 18 + 3) // 4 * 4)  # frame to append; patches while a page is read
        self._out = memoryview(self._frame)
        self._words = array("I", self._frame)  # frame read: checksum, length and head, kind and page
        self._loaded = uctypes.bytearray_at(uctypes.addressof(self._words), size + 18)
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
        at = self._unroll(page, self.table[page >> 7][page & 127])
        if not at:
            self._lost(page)
        build(out, self._loaded, self._frame, at)

    def _fetch(self, pos):
        # Read the frame at `pos`: its size, or 0 if it is damaged or (position 0) not there.
        if not pos:
            return 0
        n = self._read(pos, self._in)
        end = (self._words[1] & 0xFFFF) + _HEAD
        return end if end <= n and crc32(self._in[4:end]) == self._words[0] else 0

    def _lost(self, page):
        pos = self.table[page >> 7][page & 127]
        raise DBCorrupt("page %d is damaged (frame at %d)" % (page, pos) if pos else "page %d is missing" % page)

    def _unroll(self, page, pos):
        # Read a page's frame. If it is a patch put it aside, and what it builds on, until that is a full frame, its own or that of
        # the page that it was split from. Where the oldest one lies; 0 if one of them is damaged.
        at = _ALONE
        while end := self._fetch(pos):
            pos = self._words[2]
            if pos == _PAGE | page or at != _ALONE and pos & _KINDS == _PAGE:
                return at
            at = self._aside(page, at, end)
            if not at:
                break
            pos = self._words[3]
        return 0

    def _aside(self, page, at, end):
        # Put the patch that was read in front of those at the end of `_frame`; returns where it lies, 0 if it is none.
        word = self._words[2]
        if at == _ALONE:
            if word & _NUMBER != page:
                return 0
            at = len(self._frame)
        at -= end - 4
        if at <= 0 or word & _KINDS != _PATCH and word & _KINDS != _DELTA:
            return 0
        self._out[at : at + end - 4] = self._in[4:end]
        return at

    # Writing

    def put(self, page, data):
        """Append a page (memoryview), whole or as a patch of what is stored; not at all if it is as stored."""
        self.pages_written += 1
        free = gap(page, data)
        whole = (free & 0xFFFF) + self.pagesize - (free >> 16)
        most = whole >> self.medium.thrift if page else 0
        old = gone = length = 0
        if page < self.pages:
            old = self.table[page >> 7][page & 127]
        if old:
            if self.medium.in_victim(old):
                most = 0  # it is about to be copied
                self.copied += whole
            patches = self._image(page, old) if most else _NO
            if patches != _NO:
                image = self._in[_HEAD : _HEAD + self.pagesize]
                was = shape(image)
                gone = (was & 0xFFFF) + self.pagesize - (was >> 16) + _HEAD
                if patches >= 0:
                    length = differ(self._frame, data, image, old, most - patches)
                    if length < 0:
                        return
                if patches and (not length or data[8:12] != image[8:12]) and self.leans(unpack_from("<I", image, 8)[0], page):
                    self.part(page)
                    if length:
                        self._image(page, old)
                        length = differ(self._frame, data, image, old, most - patches)
            else:
                gone = self.counted(page, old)
                if self._words[2] == _PATCH | page:
                    self.part(page)
        elif most and self._split:
            length = self._heir(page, data, most)
        if length:
            self.set(page, self.append(length & 0xFFFF, length >> 16, _PATCH | page))
            self.live += whole + _HEAD - gone
            if old and self._frame[21] & 0x80 and self._frame[22]:
                self._was_split(page, data, length, old, (free >> 16) - (was >> 16))
        else:
            self.put_whole(page, data, free, gone)

    def put_whole(self, page, data, free, gone):
        """Append a page (memoryview) with that gap as one frame. `gone`: bytes that do not count any more."""
        head = free & 0xFFFF
        free >>= 16
        size = self.pagesize
        out = self._out
        out[_HEAD : _HEAD + head] = data[:head]
        if free < size:
            out[_HEAD + head : _HEAD + head + size - free] = data[free:]
        length = head + size - free
        self.set(page, self.append(length, head, _PAGE | page))
        self.live += length + _HEAD - gone

    # When a page is split, its right half is stored as a patch of what it was before. So a frame may be needed by two pages, and
    # compaction, which comes upon it, must find the other one. Hence as long as it is, the newest frame of the first is a patch, of
    # that frame in the end, in which the other one is the next page; before that changes the other one is written whole.

    def _heir(self, page, data, most):
        # Make a patch of a new page, out of what the page before it was before its newest frame. Its length and so on, or 0.
        heir, before, old, pos, cut = self._split
        if heir != page or cut < (most >> 1) + 16 or self.table[before >> 7][before & 127] != pos:
            return 0
        patches = self._image(before, old)
        if patches < 0 or self._words[2] != _PAGE | before:
            return 0
        return max(0, differ(self._frame, data, self._in[_HEAD : _HEAD + self.pagesize], old, min(most >> 1, self.pagesize - patches)))

    def _was_split(self, page, data, length, old, grown):
        # A patch was written that cuts entries out, and brings another next page.
        cuts = self._frame[22]
        cut = grown + (length & 0xFFFF) - 28 - 4 * cuts - (length >> 16)
        self._split = unpack_from("<I", data, 8)[0], page, old, self.table[page >> 7][page & 127], cut

    def leans(self, heir, page):
        """Tell whether page `heir` builds on a frame of `page`."""
        if not 0 < heir < self.pages or heir == page:
            return False
        pos = self.table[heir >> 7][heir & 127]
        for _ in range(2 * _CHAIN):
            if not pos:  # there is no frame, nor need there be anything to read
                break
            self.medium.read(pos, self._in[:_BASED])
            word = self._words[2]
            if word & _NUMBER != heir:
                return word & _NUMBER == page
            if word & _KINDS != _PATCH:
                break
            pos = self._words[3]
        return False

    def counted(self, page, pos):
        """Return how many bytes `live` has for a page: those of its frame, were it whole; with a DELTA both frames, as older releases did."""
        view = self._in[: _BASED + 4]
        gone = 0
        while True:
            self.medium.read(pos, view)
            word = self._words[2]
            if word == _PATCH | page:
                free = self._words[4]
                return (free & 0xFFFF) + self.pagesize - (free >> 16) + _HEAD
            if word != _PAGE | page and (word != _DELTA | page or gone):
                return gone
            gone += (self._words[1] & 0xFFFF) + _HEAD
            if word == _PAGE | page:
                return gone
            pos = self._words[3]

    def _image(self, page, old):
        # Make of the frame at `old` the page, in `_in` behind a frame's head: the bytes of its patches, -1 if one more is too many,
        # _NO if there is no such page.
        try:
            return self._rebuild(page, old)
        except OSError:
            self._read = self.medium.read
        try:
            return self._rebuild(page, old)
        finally:
            self._read = self.medium.read_once

    def _rebuild(self, page, old):
        at = self._unroll(page, old)
        if at:
            patches = build(self._in[_HEAD : _HEAD + self.pagesize], self._loaded, self._frame, at)
            if patches >= 0:
                return patches & 0xFFFF if patches < _CHAIN << 16 else -1
        return _NO

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
        if not _PAGE <= word < _PATCH + _PAGE or end > room or end > len(frame):
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
