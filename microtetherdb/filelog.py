"""A file as a medium of the page log; on littlefs, FAT or POSIX.

The file is only ever appended to. When too much of it is dead, commits go on in a second file,
`<name>.new`, whose header says how far the first is valid; what is live in the first is copied
over step by step; the commit after the last copy makes the first superfluous, and the second is
renamed over it. Opening is in `filerecovery`.
"""

import os
import time

from micropython import const

from .files import Files
from .loading import module

_HEADER = const(28)  # see files.py
_BIT = const(0x20000000)
_MASK = const(0x1FFFFFFF)
_CHUNK = const(1024)
_ENOENT = const(2)
_ENOSPC = const(28)
_EISDIR = const(21)
_PIECE = const(512)  # bytes of a PAD frame, at most
_NEAR = const(1500)  # a commit of the log's own begins so many bytes before the end of a block, for the tree's last pages
_LEAST = const(4096)  # bytes that are worth a commit
_MARGIN = const(16384)  # bytes that puts leave free on the file system


def _block_end(off, size):
    # Where littlefs's block that holds the byte before `off` ends in the file: block n begins with
    # ctz(n) + 1 pointers of 4 bytes (littlefs DESIGN.md, "CTZ skip-lists").
    size -= 8
    n = max(1, (off - 96) // size)
    while True:
        end = n * size + 8 + 4 * bin(n - 1).count("1")
        if end >= off:
            return end
        n += 1


len = len  # see database.py: a look-up by hash instead of a search


class FileMedium(Files):
    """`path`, `buffer`: see `Files`."""

    ordered = False  # a file system may write later blocks first
    sector = 4096  # bytes that one step of compaction walks at most
    pace = 0  # bytes to walk at each step
    checkpoint_due = False
    checkpoint_end = 0  # where the checkpoint lies, counted in the newer file
    _old = -1  # the older file's bit while it is needed
    _cut = 0  # how far it is valid
    _done = False  # what is live in it has been copied
    _wanted = False  # a compaction, at the next commit
    _planned = 0  # `end` when `_plan` ran
    _ample = True  # there is room to fill blocks up

    def __init__(self, path, pagesize, create=True, max_retries=3, retry_delay=0.1, buffer=12288):
        if not 512 <= pagesize <= 32768 or pagesize & 1:
            raise ValueError("btree_pagesize: 512 to 32768, even")
        super().__init__(path, max_retries, retry_delay, buffer)
        self.pagesize = pagesize
        self.seq = 0
        header = module("filerecovery").header
        self._found = header(self, path)
        if self._found is None and header(self, self._new) is None:
            if not create:
                raise OSError(_ENOENT)
            folder = self._folder()
            try:
                self._size(folder)  # which file system this is
            except OSError:
                pass  # FAT does not know "."
            if self._is_folder(path):
                raise OSError(_EISDIR)
            if "/" in path and not self._is_folder(folder):
                raise OSError(_ENOENT)

    def _is_folder(self, path):
        try:
            return self._do(os.stat, path)[0] & 0x4000
        except OSError as e:
            if e.args[0] != _ENOENT:
                raise
            return 0

    def recovery(self):
        """Return the module with this medium's part of recovery."""
        return module("filerecovery")

    def moved(self):
        """Tell whether a flush failed, for a moment perhaps, so that all since the last one is to be done again."""
        if not self._failed or self._failures > self._retries:
            return False
        time.sleep(self._delay)
        return True

    def overfull(self):
        """Tell whether more waits in RAM for room on the file system than what reads may bring there."""
        return self.end - self._written > self._limit_chunks * (_CHUNK + _CHUNK // 2)

    def room(self, pos):
        """Return the bytes from `pos` to the end of what is valid in its file."""
        return (self.end if pos & _BIT == self._bit else self._cut) - (pos & _MASK)

    def next(self, pos):
        """Return the position of the first frame at or behind `pos`, -1 at the end of the log."""
        if pos & _BIT == self._bit:
            return pos if pos & _MASK < self.end else -1
        if pos & _MASK < self._cut:
            return pos
        return self._bit | _HEADER if self.end > _HEADER else -1

    # Appending

    def before_commit(self, n):
        """Make room for a commit of `n` bytes, which ends with a block of the file system if that is near.

        littlefs copies an incomplete last block to a new one when the file grows after a sync.
        """
        self.ensure(n)
        size = self._fsblock
        if size and self._ample:
            left = _block_end(self.end + n, size) - self.end - n
            if left <= min(size, 4 * (self.end - self._written)) // 2:
                while left >= 12:
                    m = left if left <= _PIECE else min(left - 12, _PIECE)
                    self.append(module("frames").pad(m))
                    left -= m

    def _aim(self):
        # From where a commit is in order: near the end of a block, and before the buffer is full.
        start = self._written
        limit = start + (self._limit_chunks - 2) * _CHUNK
        size = self._fsblock
        if size and self._ample:
            end = start
            while (more := _block_end(end + 1, size)) <= limit + _NEAR:
                end = more
            if end - start > _LEAST:
                limit = end - _NEAR
        self._commit_at = limit

    def sync(self):
        """Write the buffer and make it durable."""
        self._spill()
        if self._out is not None:
            self._flush()
            self.syncs += 1
            self._seen = 0  # the reader's last block may be given away now
            if not self.posix:
                # littlefs 2.8 knows only from opening a file whether its folder's block takes another entry
                # without being written anew, and if it was full then, writes it anew at each sync.
                self._close_out()
            if self._free is not None and self.bytes_written - self._asked > (65536 if self._free > 65536 else 8192):
                self._free = None
                self._space()
            while len(self._chunks) > 4:
                self._chunks.pop()
        self._aim()

    # Compaction

    def _start(self, seq, before, cut):
        # Begin a file with its header, in the buffer.
        self.seq = seq
        self._bit = (seq & 1) << 29
        self._written = self._seen = self.end = 0
        self._aim()
        self._out = None
        self._out_pos = -1
        self.append(self._make_header(seq, before, cut))

    def begin(self, log):
        """Begin to compact, if that is not going on; False if nothing is to be reclaimed."""
        if self._old >= 0:
            return True
        if self.end - _HEADER - log.live <= 512 or not log.last:
            return False
        if log.grown or self._main != self._bit:
            return False  # only behind a commit, and when the second file's name is free
        if self.end > self._written:
            self.sync()  # a mark of `filerecovery`
        self._see()
        self._close_out()
        self._old = self._bit
        self._cut = self.end
        self._done = self._wanted = False
        behind = self.end - self.checkpoint_end
        self._start(self.seq + 1, self.seq, self._cut)
        self.checkpoint_end = self.end - behind
        self._plan(log)
        return True

    def victim(self):
        """Return (first frame, end) of the older file, or None."""
        if self._old < 0 or self._done:
            return None
        return self._old | _HEADER, self._old | self._cut

    def drained(self):
        """Everything live in the older file has been copied; the next commit gives it up."""
        self._done = True

    def span(self):
        """Return how many generations back the oldest needed file lies (for the commit)."""
        return 1 if self._old >= 0 and not self._done else 0

    def pending(self):
        """Return how many files the next commit frees."""
        return 1 if self._done else 0

    def release(self, log):
        """A commit is durable: an older file that was drained before it goes."""
        if self._done or self._old < 0 and self._main != self._bit:
            self._replace()
        if self._wanted:
            self.begin(log)

    def _replace(self):
        # Only one file is needed from here on, at any cut.
        self._done = False
        self._close_reader(0)
        self._close_reader(1)
        self._close_out()
        self._old = -1
        self._cut = self._seen = 0
        self.checkpoint_due = False
        try:
            self._do(os.rename, self._new, self._path)
        except OSError as e:
            if e.args[0] != _ENOSPC:
                raise
            return  # with the next commit, or when it is opened
        if self.held is not None and len(self.held) > 4:
            self.held.pop(3).close()
            self.held.pop(2).close()  # the file that has gone
        self._main = self._bit
        self._free = None
        self._space()

    def _plan(self, log):
        # When to compact: when three quarters of the file are dead, sooner if the file system is small.
        self.pace = 0
        self._ample = True
        self._wanted = False
        self.checkpoint_due = self.end - self.checkpoint_end > max(32768, log.live // 4)
        if self._old >= 0:
            # Through before the new file has grown by what is live, or by half of what space is left.
            spare = max(self._space() - self._to_copy(log) - _MARGIN, _MARGIN // 4)
            self._ample = spare > log.live
            self.pace = max(1024, 1024 * self._cut // (log.live + 1024), min(800 * self._cut // spare, 2 * self.sector))
        else:
            dead = self.end - log.live
            if dead > 16384 and log.last:
                # Sooner on a small file system: there must be room for the copy.
                if dead > 3 * log.live or self._space() < log.live + self.end // 12 + 3 * _MARGIN:
                    self._wanted = True

    def idle(self, log):
        """Tell whether there is nothing to do in the background."""
        if self.end - self._planned > 2048 or self.end < self._planned:
            self._planned = self.end
            self._plan(log)
        return not self.pace and not self.checkpoint_due and not self.wants_commit()

    def erase_ahead(self):
        """A file system erases by itself."""
        return False

    def wants_commit(self):
        """Tell whether a commit would free a file, or spare writing the buffer without one."""
        return self._done or self.end > self._commit_at

    def can_copy(self, committed):
        """Tell whether there is room for copies."""
        return True

    def rounds(self):
        """Return how many steps compaction may take for one request."""
        return 2 + (self._cut + self.end) // self.sector

    def capacity(self):
        """Return how many bytes of frames may be live."""
        # Twice that and something must fit, for compaction; the rest belongs to other files.
        return max(0, min(self._space() + self.end + self._cut, _MASK) // 16 * 7 - _MARGIN)

    def roomy(self, nbytes, log):
        """Tell whether `nbytes` more fit, and a copy of what is live besides."""
        if self.end - self._written > self._limit_chunks * _CHUNK:
            return False  # the file system was full when that was to be written
        if self._fits(nbytes, log):
            return True
        self._free = None  # other files may have gone meanwhile
        return self._fits(nbytes, log)

    def _fits(self, nbytes, log):
        return self._space() > nbytes + self._to_copy(log) + _MARGIN // 2 and log.live + nbytes <= self.capacity()

    def _to_copy(self, log):
        # Bytes that the running or the next compaction will write, at most.
        if self._old < 0:
            return log.live
        return log.live * (self._cut - (log.walk & _MASK)) // self._cut if not self._done else 0

    def in_victim(self, pos):
        """Tell whether the frame at `pos` lies in the older file (0: at its beginning)."""
        return self._old >= 0 and (pos == 0 or pos & _BIT == self._old)

    def checkpointed(self):
        """A checkpoint begins."""
        self.checkpoint_end = self.end
        self.checkpoint_due = False

    def wants_checkpoint(self, log):
        """Tell whether opening would read much."""
        return self.end - self.checkpoint_end > 1024 + 512 * len(log.table)

    def stats(self, out):
        """Add this medium's counters to a dict."""
        out["programs"] = self.syncs
        out["erases"] = 0
        out["bytes_written"] = self.bytes_written
        out["size"] = self.end + self._cut
        out["free"] = self._space()
