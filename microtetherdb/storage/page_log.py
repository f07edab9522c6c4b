"""Log-structured page store: the stream under a persistent B-tree (docs/format.md, "Page log").

A page that the B-tree writes is appended to a log as a frame instead of being overwritten; a
commit frame makes everything before it valid at once; a table in RAM maps each page to its
newest frame (`frames`). The media are `file_medium.FileMedium` and `region_medium.RegionMedium`; opening is
in `recovery`, reclaiming space in `compaction`.

After Rosenblum and Ousterhout, "The Design and Implementation of a Log-Structured File System".
"""

import sys
from binascii import crc32
from struct import pack_into

import uctypes
from micropython import const

from ..errors import DBCorrupt, DBFull
from ..loading import module
from .frames import Frames

_PAGE = const(0x1000000)  # frame kinds and sizes, see frames.py
_COMMIT = const(0x4000000)
_CLEAR = const(0x6000000)
_HEAD = const(12)
_COMMIT_SIZE = const(28)
_EIO = const(5)
_EAGAIN = const(11)
_EINVAL = const(22)
_ENOSPC = const(28)

# Where `whence` lies in the seek request: mp_off_t has 64 bits on 64-bit hosts and on unix.
_WHENCE = 8 if sys.maxsize > 1 << 31 or sys.platform in ("linux", "darwin") else 4
_SEEK = {"at": uctypes.UINT32 | 0, "whence": uctypes.UINT8 | _WHENCE}


def open(target, pagesize=512, *, create=True, max_retries=3, retry_delay=0.1, read_only=False, **options):
    """Open the log in a file (path) or on a block device with the extended protocol. `read_only`: recovery changes nothing there.

    `pagesize`: bytes, for a new log; an existing one keeps its own. `retry_delay`: seconds.
    `options`: of the medium. Raises `DBCorrupt`, `DBFull`, OSError.
    """
    if isinstance(target, str):
        Medium = module("storage.file_medium").FileMedium
    else:
        Medium = module("storage.region_medium").RegionMedium
    medium = Medium(target, pagesize, create, max_retries, retry_delay, **options)
    try:
        if read_only:
            module("storage.read_only").guard(medium)
        log = PageLog(medium)
        module("storage.recovery").recover(log)
    except BaseException:
        medium.close()
        raise
    return log


class PageLog(Frames):
    """Stream of pages for `btree.open()`. Create with `page_log.open()`."""

    # In the class what is rarely asked for: an object's own attributes are set one by one, and moved whenever there are more.
    error = None  # exception behind the last negative errno
    before_compaction = None  # called when room can only be made after a commit
    owner = None  # called at each commit with (log, whether it must); returns the state that the commit keeps, or b""
    state = b""  # the newest one: some bytes of the owner's
    walk = copied = 0  # how far the victim is copied, and bytes that were
    _next_checkpoint = 0  # commit behind which the running checkpoint began
    trimmed = 0  # commit behind which free pages are headers only
    _page = None  # page buffer, for what is not a whole page of the tree's

    def __init__(self, medium):
        super().__init__(medium)
        self.dead = False  # True: the tree is being thrown away, write nothing
        self.broken = False  # the medium failed between two calls of the tree
        self.tree_wrote = False  # since the last commit
        self.grown = self.reserved = 0  # bytes appended, and asked for, since the last commit
        self._seek_at = -1  # address of the seek request that `_seek` describes
        self._chunk = -1  # next piece of the table to write in the running checkpoint
        self.cache = 0  # bytes of changed pages that the tree may hold back until a commit
        self.allowance = -1  # pages that may still be written before `write` says EAGAIN; below 0: any number
        self._pos = 0

    def _reset(self):
        # What recovery finds.
        self.table = []  # arrays of 128 positions
        self.pages = self.live = 0  # live: bytes of the frames of all pages, were they whole
        self._split = ()
        self._run = 0  # checksum over the headers since the last commit
        self.last = 0  # position of the last commit
        self.checkpoint = 0  # commit from which opening reads; 0: from the beginning
        self.state = b""

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
        n = len(buf)
        if self._fetch(self.table[page >> 7][page & 127]) and self._words[2] == _PAGE | page and at + n <= self._words[1] >> 16:
            buf[:] = self._in[_HEAD + at : _HEAD + at + n]  # the tree's header, when it is opened: in the head of its frame
        else:
            whole = self.page_buffer()
            self._get(page, whole)
            buf[:] = whole[at : at + n]

    def write(self, buf):
        n = len(buf)
        if self.dead:
            return n
        if not self.allowance:
            return -_EAGAIN
        self.allowance -= 1
        if n != self.pagesize or self.broken:
            self.error = self.error or OSError(_EINVAL)
            return -_EIO
        try:
            self.tree_wrote = True
            self.broken = True  # until the page is in the log: a second Ctrl-C gets past whatever catches the first
            self.put(self._pos // n, memoryview(buf))
            self.broken = False
            self._pos += n
            return n
        except DBFull as e:
            self.broken = False
            self.error = e
            return -_ENOSPC
        except Exception as e:
            self.broken = False
            self.error = e
            return -_EIO

    def page_buffer(self):
        """Return a bytearray of a page, the same each time."""
        if self._page is None:
            self._page = bytearray(self.pagesize)
        return self._page

    def part(self, page):
        """Write whole what builds on frames of `page` besides itself (see frames.py)."""
        module("storage.compaction").part(self, page)

    # Commit and rollback

    def commit(self, force=False):
        """Make everything written so far durable, at once; `force`: also if there is nothing, and with the owner's state."""
        if self.broken:
            raise OSError(_EIO)
        if not self.grown and not force:
            return
        medium = self.medium
        checkpoint = self.checkpoint
        through = self._chunk >= 0 and self._chunk >= len(self.table)
        if through:
            checkpoint = self._next_checkpoint
            force = True  # opening reads no commit before the checkpoint
        state = self.owner(self, force) if self.owner is not None else self.state if force else b""
        end = _COMMIT_SIZE + len(state)
        self.broken = True  # until the commit's frame is in the log: see `write`
        try:
            medium.before_commit(end)
            frame = self._frame
            out = self._out
            out[_COMMIT_SIZE:end] = state
            pack_into("<HHIIIII", frame, 4, end - _HEAD, medium.span(), _COMMIT, self._run, checkpoint, self.live, medium.seq)
            crc = crc32(out[4:end])
            pack_into("<I", frame, 0, crc)
            self.last = medium.append(out[:end])
        except Exception:
            self.broken = False
            raise
        # What fails from here on leaves a commit that is not durable yet, and the next one stands on it.
        self._run = crc
        self.checkpoint = checkpoint
        if through:
            self._chunk = -1
        if state:
            self.state = state
        self.broken = False
        medium.sync()
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

    def waits(self):
        """Tell whether what did not fit on the medium waits in RAM, with all that is in it."""
        return not (self.broken or self.medium.ordered)

    def rollback(self):
        """Go back to the last commit, by what the medium holds."""
        self._reset()
        self.grown = self.reserved = self.walk = self.copied = self._next_checkpoint = 0
        self.tree_wrote = self.broken = False
        self._chunk = -1
        module("storage.recovery").recover(self)

    def clear(self):
        """Forget every page; takes effect on the medium with the next commit."""
        if self.broken:
            raise OSError(_EIO)
        self.tree_wrote = True
        self.append(0, 0, _CLEAR)
        self.table = []
        self.pages = 0
        self.live = 0
        self._split = ()
        self._chunk = -1

    def reserve(self, nbytes):
        """Raise `DBFull` unless `nbytes` more bytes of pages and compaction's own need fit.

        Reclaims space if needed, after a commit by `before_compaction`.
        """
        held = min(self.reserved, self.cache)
        self.reserved += nbytes
        if self.medium.roomy(nbytes + held, self):
            return
        bad = 2
        try:
            try:
                module("storage.compaction").make_room(self, nbytes)
                bad = 0
            finally:
                self.broken |= bad  # at once: see `write`
            self.reserved += nbytes  # a commit may have come between
        except DBFull:
            self.broken &= 1  # what else broke it stays
            raise
        except Exception as e:
            self._broke(e)
            raise

    def step(self):
        """Do one bounded piece of checkpoint, compaction or erase-ahead; True if there is more."""
        try:
            if self.broken or self.medium.idle(self) and self._chunk < 0:
                return False
        except MemoryError:
            return False  # another time
        bad = 2
        try:
            try:
                more = module("storage.compaction").step(self)
                bad = 0
                return more
            finally:
                self.broken |= bad  # at once: see `write`
        except DBFull:
            self.broken &= 1  # what else broke it stays
        except Exception as e:
            # also out of RAM: a frame may be there that the checksum of the next commit leaves out
            self._broke(e)
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

    def close(self):
        """Commit, with a checkpoint if opening would otherwise read much, and let go of the medium."""
        medium = self.medium
        if medium is None:
            return
        try:
            if not self.broken:
                self.commit()
                try:
                    if medium.wants_checkpoint(self):
                        module("storage.compaction").write_checkpoint(self)
                        self.commit()
                except (DBFull, OSError):
                    pass  # all is durable without it: the next opening reads more
        finally:
            self.medium = self._read = None
            medium.close()
