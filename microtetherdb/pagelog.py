"""Log-structured page store: the stream under a persistent B-tree (docs/format.md, "Page log").

A page that the B-tree writes is appended to a log as a frame instead of being overwritten; a
commit frame makes everything before it valid at once; a table in RAM maps each page to its
newest frame. A frame carries a page without the free gap in its middle, or only what differs
from the page's last full frame (a delta). The media are `filelog.FileMedium` and
`region.RegionMedium`; opening and checking are in `recovery`, reclaiming space in `compaction`.

After Rosenblum and Ousterhout, "The Design and Implementation of a Log-Structured File System".
"""

import io
import sys
from array import array
from binascii import crc32
from struct import pack_into, unpack_from

import uctypes
from micropython import const

from . import recovery
from .errors import DBCorrupt, DBFull

_PAGE = const(0x1000000)  # frame kinds, in the top byte of the word that holds the page number
_DELTA = const(0x2000000)
_COMMIT = const(0x4000000)
_CLEAR = const(0x6000000)
_PAD = const(0x7000000)
_MASK = const(0xFFFFFF)

_HEAD = const(12)  # crc, length of what follows, length of the page's head, kind and page
_DHEAD = const(18)  # the same, position of the base, bytes kept from its end
_COMMIT_SIZE = const(28)
_EIO = const(5)
_EAGAIN = const(11)
_EINVAL = const(22)
_ENOSPC = const(28)

# Where `whence` lies in the seek request: mp_off_t has 64 bits on 64-bit hosts and on unix.
_WHENCE = 8 if sys.maxsize > 1 << 31 or sys.platform in ("linux", "darwin") else 4
_SEEK = {"at": uctypes.UINT32 | 0, "whence": uctypes.UINT8 | _WHENCE}

_package = sys.modules["microtetherdb"]  # its attributes are modules, loaded when they are first asked for

len = len  # see database.py: a look-up by hash instead of a search


def open(target, pagesize=512, *, create=True, max_retries=3, retry_delay=0.1, **options):
    """Open the log in a file (path) or on a block device with the extended protocol.

    `pagesize`: bytes, for a new log; an existing one keeps its own. `retry_delay`: seconds.
    `options`: of the medium. Raises `DBCorrupt`, `DBFull`, OSError.
    """
    if isinstance(target, str):
        Medium = _package.filelog.FileMedium
    else:
        Medium = _package.region.RegionMedium
    medium = Medium(target, pagesize, create, max_retries, retry_delay, **options)
    try:
        log = PageLog(medium)
        log.rollback()
    except BaseException:
        medium.close()
        raise
    return log


def pad(n):
    """Return a PAD frame of `n` bytes, 12 or more."""
    frame = bytearray(n)
    pack_into("<HHI", frame, 4, n - _HEAD, 0, _PAD)
    pack_into("<I", frame, 0, crc32(memoryview(frame)[4:]))
    return frame


class PageLog(io.IOBase):
    """Stream of pages for `btree.open()`. Create with `pagelog.open()`."""

    def __init__(self, medium):
        self.medium = medium
        self._read = medium.read_once
        self.pagesize = size = medium.pagesize
        self.error = None  # exception behind the last negative errno
        self.dead = False  # True: the tree is being thrown away, write nothing
        self.allowance = -1  # pages that may still be written before `write` says EAGAIN; below 0: any number
        self.cache = 0  # bytes of changed pages that the tree may hold back until a commit
        self.before_compaction = None  # called when room can only be made after a commit
        self._frame = bytearray(size + _DHEAD)  # frame to append
        self._out = memoryview(self._frame)
        self._words = array("I", bytearray((size + _DHEAD + 3) // 4 * 4))  # frame read: checksum, length and head, kind and page
        self._loaded = uctypes.bytearray_at(uctypes.addressof(self._words), size + _DHEAD)
        self._in = memoryview(self._loaded)
        self._page = None  # page buffer, for what is not a whole page of the tree's
        self._pos = 0
        self._seek_at = -1
        self._seek = None
        self.pages_read = 0
        self.pages_written = 0

    def _reset(self):
        self.table = []  # arrays of 128 positions
        self.pages = 0
        self.live = 0  # bytes of frames that are needed
        self.grown = 0  # bytes appended since the last commit
        self.reserved = 0  # bytes asked for since then
        self._run = 0  # checksum over the headers since the last commit
        self.last = 0  # position of the last commit
        self.checkpoint = 0  # commit from which opening reads; 0: from the beginning
        self._chunk = -1  # next piece of the table to write in the running checkpoint
        self._next_checkpoint = 0
        self.walk = 0  # how far the victim is copied
        self.tree_wrote = False  # since the last commit
        self.broken = False  # the medium failed between two calls of the tree

    # Stream

    def ioctl(self, request, arg):
        if request == 2:
            if arg != self._seek_at:
                self._seek_at = arg
                self._seek = uctypes.struct(arg, _SEEK)
            seek = self._seek
            whence = seek.whence
            if not whence:
                self._pos = seek.at
            else:
                self._pos = seek.at + (self._pos if whence == 1 else self.pages * self.pagesize)
                seek.at = self._pos
        return 0

    # Reading a page is in pieces whose frames MicroPython keeps on its stack (11 words): on the heap they would cost
    # more than all the rest. What fails is done once more, with retries, and what is wrong with it kept.

    def readinto(self, buf):
        try:
            return self._readinto(buf)
        except Exception:
            return self._readinto_again(buf)

    def _readinto_again(self, buf):
        try:
            self._read = self.medium.read
            return self._readinto(buf)
        except Exception as e:
            self.error = e
            return -_EIO
        finally:
            self._read = self.medium.read_once

    def _readinto(self, buf):
        n = len(buf)
        page = self._pos // self.pagesize
        if page >= self.pages:
            return 0
        if n == self.pagesize:
            self._get(page, buf)
        else:
            self._part(page, buf)
        self._pos += n
        return n

    def _part(self, page, buf):
        at = self._pos % self.pagesize
        whole = self.page_buffer()
        self._get(page, whole)
        buf[:] = whole[at : at + len(buf)]

    def write(self, buf):
        n = len(buf)
        if self.dead:
            return n
        if not self.allowance:
            return -_EAGAIN
        self.allowance -= 1
        try:
            if n != self.pagesize or self.broken:
                raise self.error or OSError(_EINVAL)
            self.tree_wrote = True
            self.put(self._pos // n, memoryview(buf))
            self._pos += n
            return n
        except DBFull as e:
            self.error = e
            return -_ENOSPC
        except Exception as e:
            self.error = e
            return -_EIO

    def page_buffer(self):
        """Return a bytearray of a page, the same each time."""
        if self._page is None:
            self._page = bytearray(self.pagesize)
        return self._page

    # Frames

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

    def frame_loaded(self):
        """Return the bytearray of the frame that was read last."""
        return self._loaded

    # Commit and rollback

    def commit(self, force=False):
        """Make everything written so far durable, at once; `force`: also if there is nothing."""
        if self.broken:
            raise OSError(_EIO)
        if not self.grown and not force:
            return
        medium = self.medium
        if self._chunk >= 0 and self._chunk >= len(self.table):
            self.checkpoint = self._next_checkpoint
            self._chunk = -1
        medium.before_commit(_COMMIT_SIZE)
        frame = self._frame
        out = self._out
        pack_into("<HHIIIII", frame, 4, 16, medium.span(), _COMMIT, self._run, self.checkpoint, self.live, medium.seq)
        crc = crc32(out[4:_COMMIT_SIZE])
        pack_into("<I", frame, 0, crc)
        self.last = medium.append(out[:_COMMIT_SIZE])
        medium.sync()
        self._run = crc
        self.grown = self.reserved = 0
        self.tree_wrote = False
        try:
            medium.release(self)
        except OSError as e:
            self._broke(e)

    def _broke(self, error):
        # The log must be opened anew, which the tree's next write brings about.
        self.broken = True
        self.error = error if isinstance(error, OSError) else None

    def again(self):
        """Tell whether the call that failed may be done again after `rollback()`: what failed was a
        piece of background work before it, or a sector that was retired for it."""
        return self.broken or self.medium.moved()

    def rollback(self):
        """Go back to the last commit, by what the medium holds."""
        recovery.recover(self)

    def clear(self):
        """Forget every page; takes effect on the medium with the next commit."""
        if self.broken:
            raise OSError(_EIO)
        self.tree_wrote = True
        self.append(0, 0, _CLEAR)
        self.table = []
        self.pages = 0
        self.live = 0
        self._chunk = -1

    def reserve(self, nbytes):
        """Raise `DBFull` unless `nbytes` more bytes of pages and compaction's own need fit.

        Reclaims space if needed, after a commit by `before_compaction`.
        """
        held = min(self.reserved, self.cache)
        self.reserved += nbytes
        if self.medium.roomy(nbytes + held, self):
            return
        from .compaction import make_room

        try:
            make_room(self, nbytes)
            self.reserved += nbytes  # a commit may have come between
        except BaseException as e:
            if not isinstance(e, DBFull):
                self._broke(e)
            raise

    def step(self):
        """Do one bounded piece of checkpoint, compaction or erase-ahead; True if there is more."""
        if self.broken or self.medium.idle(self) and self._chunk < 0:
            return False
        from .compaction import step

        try:
            return step(self)
        except DBFull:
            return False
        except BaseException as e:
            # also out of RAM: a frame may be there that the checksum of the next commit leaves out
            self._broke(e)
            if not isinstance(e, Exception):
                raise
            return False

    def stats(self):
        """Return counters of pages, bytes, programs, erases, and the medium's size, in a dict."""
        out = {"pages_read": self.pages_read, "pages_written": self.pages_written, "live": self.live}
        self.medium.stats(out)
        return out

    def check_page(self, page):
        """Read a page's frames; returns None or what is wrong with them."""
        try:
            self.get(page, self.page_buffer())
        except (DBCorrupt, OSError) as e:
            return str(e)

    def check(self):
        """Yield a line for each problem found while reading every page's frames."""
        for page in range(self.pages):
            problem = self.check_page(page)
            if problem:
                yield problem

    def close(self):
        """Commit, with a checkpoint if opening would otherwise read much, and let go of the medium."""
        medium = self.medium
        if medium is None:
            return
        try:
            if not self.broken:
                if medium.wants_checkpoint(self):
                    from .compaction import write_checkpoint

                    write_checkpoint(self)
                self.commit()
        finally:
            self.medium = self._read = None
            medium.close()
