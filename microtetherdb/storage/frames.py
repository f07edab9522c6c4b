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


def _shape(page, data):
    # Where the gap of a page lies: its begin, and from bit 16 on its end.
    return shape(data) if page else 32 | len(data) << 16


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
        # Read a page's frame. If it is a patch put it aside, at the end of `_frame`, and what it builds on, until that is a full
        # frame. Where the oldest one lies; 0 if one of them is damaged.
        words = self._words
        at = _ALONE
        while end := self._fetch(pos):
            word = words[2]
            if word == _PAGE | page:
                return at
            if at == _ALONE:
                at = len(self._frame)
            at -= end - 4
            if at <= 0 or word != _PATCH | page and word != _DELTA | page:
                break
            self._out[at : at + end - 4] = self._in[4:end]
            pos = words[3]
        return 0

    # Writing

    def put(self, page, data):
        """Append a page (memoryview), whole or as a patch of what is stored; not at all if it is as stored."""
        self.pages_written += 1
        gap = _shape(page, data)
        whole = (gap & 0xFFFF) + self.pagesize - (gap >> 16)
        old = gone = length = 0
        if page < self.pages:
            old = self.table[page >> 7][page & 127]
        if old:
            most = whole >> self.medium.thrift
            patches = self._image(page, old) if most and page else -1
            if patches >= 0:
                image = self._in[_HEAD : _HEAD + self.pagesize]
                was = shape(image)
                gone = (was & 0xFFFF) + self.pagesize - (was >> 16) + _HEAD
                length = differ(self._frame, data, image, old, most - patches)
                if length < 0:
                    return
            else:
                gone = self.counted(page, old)
        if length:
            head = length >> 16
            pos = self.append(length & 0xFFFF, head, _PATCH | page)
        else:
            head = gap & 0xFFFF
            out = self._out
            out[_HEAD : _HEAD + head] = data[:head]
            if whole > head:
                out[_HEAD + head : _HEAD + whole] = data[gap >> 16 :]
            pos = self.append(whole, head, _PAGE | page)
        self.set(page, pos)
        self.live += whole + _HEAD - gone

    def counted(self, page, pos):
        """Return how many bytes `live` has for a page: those of its frame, were it whole; with a DELTA both frames, as older releases did."""
        view = self._in[: _BASED + 4]
        gone = 0
        while True:
            self.medium.read(pos, view)
            word = self._words[2]
            if word == _PATCH | page:
                gap = self._words[4]
                return (gap & 0xFFFF) + self.pagesize - (gap >> 16) + _HEAD
            if word != _PAGE | page and (word != _DELTA | page or gone):
                return gone
            gone += (self._words[1] & 0xFFFF) + _HEAD
            if word == _PAGE | page:
                return gone
            pos = self._words[3]

    def _image(self, page, old):
        # Make of the frame at `old` the page, in `_in` behind a frame's head: the bytes of its patches, -1 if there is no such
        # page or a patch more is too many.
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
            if patches < _CHAIN << 16:
                return patches & 0xFFFF if patches >= 0 else -1
        return -1

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
