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
_CUTS = const(24)  # the same, where the page's gap lies, bytes of its slots that are as before, number of pieces cut out
_LINKS = const(0x8000)  # a PATCH has the page's numbers and flags too
_CHAIN = const(4)  # patches of a page, at most


def _shape(page, data):
    # Where the gap of a page lies: its begin, and from bit 16 on its end.
    if not page:
        return 32 | len(data) << 16
    # Berkeley DB's btree.h: struct _page. Leaf and internal pages fill from both ends.
    if data[12] & 0x1F in (1, 2):
        lower = data[16] | data[17] << 8
        upper = data[18] | data[19] << 8
        if 20 <= lower <= upper <= len(data):
            return lower | upper << 16
    return 20 | 20 << 16


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
        end = self._fetch(self.table[page >> 7][page & 127])
        if end and self._words[2] == _PAGE | page:
            self._spread(out, (self._words[1] >> 16) + _HEAD, end)
        else:
            at = self._unroll(page, end)
            if not at:
                self._lost(page)
            self._spread(out, (self._words[1] >> 16) + _HEAD, (self._words[1] & 0xFFFF) + _HEAD)
            self._patch(page, memoryview(out), at)

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

    def _unroll(self, page, end):
        # The frame read, of `end` bytes, is a patch perhaps: put it aside, at the end of `_frame`, and what it builds on, until
        # that is a full frame. Where the oldest one lies; 0 if one of them is damaged.
        at = len(self._frame)
        word = self._words[2]
        while end and word != _PAGE | page:
            at -= end - 4
            if at <= 0 or word != _PATCH | page and word != _DELTA | page:
                return 0
            self._out[at : at + end - 4] = self._in[4:end]
            end = self._fetch(self._words[3])
            word = self._words[2]
        return at if end else 0

    def _patch(self, page, out, at):
        # Apply the patches put aside, the oldest first, to a page (memoryview).
        end = len(self._frame)
        shape = _shape(page, out)
        while at < end:
            length, head, word = unpack_from("<HHI", self._frame, at)
            at += 8
            if word & _KINDS == _PATCH:
                shape = self._patch_one(out, at, head, shape)
            else:
                self._delta_one(out, at, head, length)
            at += length

    def _delta_one(self, out, at, head, length):
        keep = self.pagesize - unpack_from("<H", self._frame, at + 4)[0]
        at += 6
        length -= 6 + head
        out[:head] = self._out[at : at + head]
        at += head
        out[keep - length : keep] = self._out[at : at + length]

    def _patch_one(self, out, at, head, shape):
        # `shape`: the page's before; returns that after.
        frame = self._out
        shape_after, same, cuts = unpack_from("<IHH", self._frame, at + 4)
        out[16:20] = frame[at + 4 : at + 8]
        at += 12
        up = shape >> 16
        while cuts:
            start, n = unpack_from("<HH", self._frame, at)
            out[up + n : start + n] = out[up:start]
            up += n
            at += 4
            cuts -= 1
        if same & _LINKS:
            out[4:16] = frame[at : at + 12]
            at += 12
        self._patch_ends(out, at, head, 20 + (same & _LINKS - 1), shape & 0xFFFF, up, shape_after)
        return shape_after

    def _patch_ends(self, out, at, head, same, lower, up, new):
        # What is new of the slots and at the lower end of the entries.
        frame = self._out
        upper = new >> 16
        new &= 0xFFFF
        out[upper:up] = frame[at + head : at + head + up - upper]
        out[same + head : new] = out[lower - (new - same - head) : lower]
        out[same : same + head] = frame[at : at + head]

    # Writing

    def put(self, page, data):
        """Append a page (memoryview), whole or as a patch of what is stored; not at all if it is as stored."""
        self.pages_written += 1
        shape = _shape(page, data)
        whole = (shape & 0xFFFF) + self.pagesize - (shape >> 16)
        old = gone = length = 0
        if page < self.pages:
            old = self.table[page >> 7][page & 127]
        if old:
            most = whole >> self.medium.thrift
            patches = self._image(page, old) if most and page else -1
            if patches >= 0:
                image = self._in[_HEAD : _HEAD + self.pagesize]
                was = _shape(page, image)
                gone = (was & 0xFFFF) + self.pagesize - (was >> 16) + _HEAD
                length = self._differ(data, image, shape, was, old, most - patches)
                if length < 0:
                    return
            else:
                gone = self.counted(page, old)
        if length:
            head = length >> 16
            pos = self.append(length & 0xFFFF, head, _PATCH | page)
        else:
            head = shape & 0xFFFF
            out = self._out
            out[_HEAD : _HEAD + head] = data[:head]
            if whole > head:
                out[_HEAD + head : _HEAD + whole] = data[shape >> 16 :]
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
                shape = self._words[4]
                return (shape & 0xFFFF) + self.pagesize - (shape >> 16) + _HEAD
            if word != _PAGE | page and (word != _DELTA | page or gone):
                return gone
            gone += (self._words[1] & 0xFFFF) + _HEAD
            if word == _PAGE | page:
                return gone
            pos = self._words[3]

    def _image(self, page, old):
        # Make of the frame at `old` the page, in `_in` behind a frame's head: the bytes of its patches, -1 if there is no such
        # page or a patch more is too many.
        self._read = self.medium.read
        try:
            at = self._unroll(page, self._fetch(old))
        finally:
            self._read = self.medium.read_once
        return self._rebuild(page, at) if at else -1

    def _rebuild(self, page, at):
        loaded = self._in
        size = self.pagesize
        length = self._words[1]
        head = length >> 16
        tail = (length & 0xFFFF) - head
        patches = 0
        i = at
        while i < len(self._frame):
            length, n, word = unpack_from("<HHI", self._frame, i)
            if word & _KINDS == _DELTA or patches >> 16 == _CHAIN - 1:
                return -1
            i += length + 8
            patches += length + _HEAD + 65536
        image = loaded[_HEAD : _HEAD + size]
        image[size - tail :] = loaded[_HEAD + head : _HEAD + head + tail]
        if _shape(page, image) >> 16 != size - tail:
            return -1  # trimmed
        self._patch(page, image, at)
        return patches & 0xFFFF

    def _differ(self, data, image, shape, was, old, most):
        # Make a patch, of `most` bytes, that makes `data` of the page stored: its length, from bit 16 on that of its slots; 0 if
        # the page is better written whole, -1 if it is the same.
        size = self.pagesize
        up = was >> 16
        upper = shape >> 16
        lower = shape & 0xFFFF
        if was & 0xFFFF > upper:
            return 0
        k = self._common(data, image, size - (up if up > upper else upper))
        slots = data[20:lower]
        cuts = pieces = ()
        if up + k < size:
            found = None
            if upper > 20:
                found = self._entries(data, lower, up, k)
            if found is not None:
                slots, cuts, pieces = found
            else:
                cuts = ((up, size - up - k),)
                pieces = ((upper, size - upper - k),)
        elif upper + k < size:
            pieces = ((upper, size - upper - k),)
        was = image[20 : was & 0xFFFF]
        low = len(was)
        end = len(slots)
        same = 0
        while same < end and same < low and slots[same] == was[same]:
            same += 1
        while end > same and low > same and slots[end - 1] == was[low - 1]:
            end -= 1
            low -= 1
        links = data[4:16] != image[4:16]
        if not (links or cuts or pieces or end > same or low > same):
            return -1
        return self._emit(data, old, shape, slots[same:end], same | _LINKS if links else same, cuts, pieces, most)

    def _emit(self, data, old, shape, slots, same, cuts, pieces, most):
        # Put a patch together, if it has at most so many bytes.
        out = self._out
        at = _CUTS + 4 * len(cuts)
        end = at + len(slots)
        if same & _LINKS:
            end += 12
        for start, n in pieces:
            end += n
        if end > most:
            return 0
        pack_into("<IIHH", self._frame, _HEAD, old, shape, same, len(cuts))
        end = _CUTS
        for start, n in cuts:
            pack_into("<HH", self._frame, end, start, n)
            end += 4
        if same & _LINKS:
            out[at : at + 12] = data[4:16]
            at += 12
        n = len(slots)
        out[at : at + n] = slots
        at += n
        for start, n in pieces:
            out[at : at + n] = data[start : start + n]
            at += n
        return at - _HEAD | len(slots) << 16

    def _entries(self, data, lower, up, k):
        # How the page in `_in`, whose entries begin at `up`, becomes `data`, whose last `k` bytes it has: slots, what is to be cut
        # out of it and what of `data` to be put before the rest, as (start, bytes). None if that cannot be told.
        kept = []
        places = []
        pieces = []
        size = self.pagesize
        for i in range(20, lower, 2):
            # Berkeley DB's btree.h: struct _binternal, _bleaf.
            start = data[i] | data[i + 1] << 8
            n = (data[start] | data[start + 1] << 8) + 12
            if data[12] & 2:
                n += data[start + 4] | data[start + 5] << 8
            n &= -4
            at = start
            if start < size - k:
                at = self._loaded.find(bytes(data[start : start + n]), _HEAD + up, _HEAD + size) - _HEAD
                if at < 0:
                    pieces.append((start, n))
            if at >= 0:
                kept.append(at << 16 | n)
            places.append(at)
        kept.sort()
        kept.append(size << 16)
        cuts = []
        at = up
        for n in kept:
            if n >> 16 > at:
                cuts.append((at, (n >> 16) - at))
            elif n >> 16 < at:
                return None
            at = (n >> 16) + (n & 0xFFFF)
        slots = bytearray(lower - 20)
        below = data[18] | data[19] << 8
        i = j = 0
        for at in places:
            if at < 0:
                at = below
                below += pieces[j][1]
                j += 1
            else:
                for start, n in cuts:
                    if start > at:
                        at += n
            slots[i] = at & 255
            slots[i + 1] = at >> 8
            i += 2
        for start, n in cuts:
            up += n
        return (slots, cuts, pieces) if below == up else None

    def _common(self, data, image, k):
        # Length of the longest common end of two pages, `k` at most.
        size = self.pagesize
        if data[size - k :] == image[size - k :]:
            return k
        low = 0
        while k - low > 4:
            mid = (low + k) >> 1
            if data[size - mid :] == image[size - mid :]:
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
