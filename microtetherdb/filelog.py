"""A file as a medium of the page log; on littlefs, FAT or POSIX.

The file is only ever appended to. When too much of it is dead, commits go on in a second file,
`<name>.new`, whose header says how far the first is valid; what is live in the first is copied
over step by step; the commit after the last copy makes the first superfluous, and the second is
renamed over it. Bit 29 of a position tells the files apart: it is the lowest bit of the file's
generation.

Frames wait in RAM until a commit, because littlefs copies a block each time that a file is read
between two writes. Reading goes through a second file object, opened anew after a commit where
the file system needs it (it sees the file as it was when opened).
"""

import os
import time
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from .errors import DBCorrupt, DBFull

_MAGIC = b"MTdb"
_VERSION = const(1)
_HEADER = const(28)  # magic, version, kind, page size, generation, generation before, cut, 0, crc
_FORMAT = "<4sBBHIIII"
_KIND = const(0x46)
_BIT = const(0x20000000)
_MASK = const(0x1FFFFFFF)
_CHUNK = const(1024)
_ALIGN = const(512)  # where the log goes on behind a torn end
_ABORT = const(0x5000000)
_ENOENT = const(2)
_ENOSPC = const(28)
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


class FileMedium:
    """`path`: the file. `buffer`: bytes of frames that wait in RAM for a commit."""

    ordered = False  # a file system may write later blocks first
    posix = False  # True on a computer's file system: it has a cache, so that reading more costs nothing and deltas gain nothing
    sector = 4096  # bytes that one step of compaction walks at most

    def __init__(self, path, pagesize, create=True, max_retries=3, retry_delay=0.1, buffer=12288):
        if not 512 <= pagesize <= 32768 or pagesize & 1:
            raise ValueError("btree_pagesize: 512 to 32768, even")
        self._path = path
        self._new = path + ".new"
        self._retries = max_retries
        self._delay = retry_delay
        self.pagesize = pagesize
        self._limit_chunks = max(2, buffer // _CHUNK)
        self._chunks = []
        self._files = [None, None]  # for reading, by parity of the generation
        self._at = [0, 0]  # where they stand
        self._out = None  # for appending
        self._stuck = []  # files whose close failed
        self.syncs = self.bytes_written = self.bytes_read = 0
        self._asked = 0
        self._fsblock = 0  # size of the file system's blocks, 0 if commits take no notice of them
        self._commit_at = 0
        self.seq = 0
        self._found = self._header(path)
        if self._found is None and self._header(self._new) is None:
            if not create:
                raise OSError(_ENOENT)
            try:
                self._size(self._folder())  # which file system this is
            except OSError:
                pass  # FAT does not know "."

    # File system

    def _do(self, call, *args):
        # Repeat what failed for a moment; a full or missing file is no such thing.
        left = self._retries
        while True:
            try:
                return call(*args)
            except OSError as e:
                if left <= 0 or e.args[0] in (_ENOENT, _ENOSPC):
                    raise
                left -= 1
                time.sleep(self._delay)

    def _open_file(self, path, mode):
        return self._do(open, path, mode)

    def _header(self, path):
        """Read a file's header.

        Returns (generation, generation before, cut), or None if there is no such file or it is
        empty or a beginning of a header.
        """
        try:
            f = self._open_file(path, "rb")
        except OSError as e:
            if e.args[0] == _ENOENT:
                return None
            raise
        try:
            header = self._do(f.read, _HEADER)
            blank = not any(header)  # by a file system that made room, no more
            while blank and (more := self._do(f.read, 256)):
                blank = not any(more)
        finally:
            f.close()
        if blank:
            return None
        n = len(header)
        if n < _HEADER:
            if header[:4] == _MAGIC[:n]:
                return None
            raise DBCorrupt("%s is not a database" % path)
        magic, version, kind, pagesize, seq, before, cut, _ = unpack_from(_FORMAT, header)
        if magic != _MAGIC or kind != _KIND or crc32(header[:24]) != unpack_from("<I", header, 24)[0]:
            raise DBCorrupt("%s is not a database" % path)
        if version != _VERSION:
            raise DBCorrupt("%s has format %d, this is format %d" % (path, version, _VERSION))
        self.pagesize = pagesize
        return seq, before, cut

    def _size(self, path):
        stat = self._do(os.stat, path)
        if stat[1]:  # an inode number: neither littlefs nor FAT
            self.posix = True
            self._fsblock = 0
        return stat[6]

    def _folder(self):
        i = self._path.rfind("/")
        return "." if i < 0 else self._path[:i] or "/"

    def _open_reader(self, i, path):
        self._files[i] = self._open_file(path, "rb")
        self._at[i] = 0

    def _close_reader(self, i):
        self._close(self._files[i])
        self._files[i] = None

    # Reading

    def read(self, pos, view):
        """Read into a memoryview; returns the number of bytes, fewer at the end of the file."""
        try:
            return self.read_once(pos, view)
        except OSError:
            return self._do(self._read_again, pos, view)

    def _read_again(self, pos, view):
        self._at[pos >> 29] = -1
        return self.read_once(pos, view)

    def read_once(self, pos, view):
        """Do the same without retries."""
        off = pos & _MASK
        if off >= self._seen and pos & _BIT == self._bit:
            if off >= self._written:
                return self._read_buffer(off - self._written, view)
            self._see()
        if not self.posix:
            return self._read_on(pos >> 29, off, view)
        f = self._files[pos >> 29]
        f.seek(off)
        n = f.readinto(view)
        self.bytes_read += n
        return n

    def _read_on(self, i, off, view):
        f = self._files[i]
        if off != self._at[i]:
            # By way of 0: littlefs 2.8, after a read that ended with a block, takes a seek into the
            # next block for one within its cache, if the offset in the block is, and reads the wrong one.
            f.seek(0)
            f.seek(off)
        n = f.readinto(view)
        self._at[i] = off + n
        self.bytes_read += n
        return n

    def _read_buffer(self, off, view):
        n = min(len(view), self.end - self._written - off)
        i = 0
        while i < n:
            chunk = self._chunks[off // _CHUNK]
            at = off % _CHUNK
            m = min(n - i, _CHUNK - at)
            view[i : i + m] = memoryview(chunk)[at : at + m]
            i += m
            off += m
        return max(n, 0)

    def moved(self):
        """A file has no sectors to retire."""
        return False

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

    def ensure(self, n):
        """Make room in the buffer for `n` bytes."""
        if self.end + n - self._written > len(self._chunks) * _CHUNK:
            self._grow(n)

    def _grow(self, n):
        chunks = self._chunks
        used = self.end - self._written
        if used + n > self._limit_chunks * _CHUNK:
            self._spill()
            used = 0
        try:
            while used + n > len(chunks) * _CHUNK:
                chunks.append(bytearray(_CHUNK))
        except MemoryError:
            if not used:
                raise
            self._spill()  # short of RAM: go on with the chunks that there are
            self._grow(n)

    def before_commit(self, n):
        """Make room for a commit of `n` bytes, which ends with a block of the file system if that is near.

        littlefs copies an incomplete last block to a new one when the file grows after a sync.
        """
        self.ensure(n)
        size = self._fsblock
        if size and self._ample:
            left = _block_end(self.end + n, size) - self.end - n
            if left <= min(size, 4 * (self.end - self._written)) // 2:
                from .pagelog import pad

                while left >= 12:
                    m = left if left <= _PIECE else min(left - 12, _PIECE)
                    self.append(pad(m))
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

    def append(self, view):
        """Append a frame; returns its position. It is durable after `sync()`."""
        n = len(view)
        self.ensure(n)
        pos = self._bit | self.end
        off = self.end - self._written
        i = 0
        chunks = self._chunks
        while i < n:
            at = off % _CHUNK
            m = min(n - i, _CHUNK - at)
            chunks[off // _CHUNK][at : at + m] = view[i : i + m]
            i += m
            off += m
        self.end += n
        return pos

    def _spill(self):
        # Write the buffer to the file.
        n = self.end - self._written
        if not n:
            return
        if self._out is None:
            self._open_out()
        i = 0
        try:
            for chunk in self._chunks:
                m = min(_CHUNK, n - i)
                if m <= 0:
                    break
                self._do(self._write_at, self._written + i, chunk if m == _CHUNK else memoryview(chunk)[:m])
                i += m
        except OSError as e:
            if e.args[0] != _ENOSPC:
                raise
            raise DBFull("file system is full")
        self.bytes_written += n
        self._written = self.end
        if self._free is not None:
            self._free -= n

    def _write_at(self, off, data):
        f = self._out
        if off != self._out_pos:
            f.seek(off)
        self._out_pos = -1
        n = f.write(data)
        if n is not None and n < len(data):
            raise OSError(_ENOSPC)
        self._out_pos = off + len(data)

    def sync(self):
        """Write the buffer and make it durable."""
        self._spill()
        if self._out is not None:
            self._do(self._out.flush)
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

    def _see(self):
        # Let the file for reading see all that was written.
        i = self._bit >> 29
        path = self._name(self._bit)
        for synced in (False, True):
            f = self._files[i]
            self._at[i] = -1
            if f is not None and f.seek(0, 2) >= self._written:
                break
            if f is not None:
                f.close()
                self._files[i] = None
            if synced:
                self._do(self._out.flush)
            self._open_reader(i, path)
        self._seen = self._written

    def _name(self, bit):
        return self._path if bit == self._main else self._new

    def _open_out(self):
        path = self._name(self._bit)
        if not self._written:
            self._close(self._open_file(path, "wb"))
            self._size(path)
        self._out = self._open_file(path, "r+b")
        self._out_pos = 0

    def _close_out(self):
        out = self._out
        self._out = None
        self._close(out)

    # Compaction

    def _start(self, seq, before, cut):
        # Begin a file with its header, in the buffer.
        self.seq = seq
        self._bit = (seq & 1) << 29
        self._written = self._seen = self.end = 0
        self._aim()
        self._out = None
        self._out_pos = -1
        header = bytearray(_HEADER)
        pack_into(_FORMAT, header, 0, _MAGIC, _VERSION, _KIND, self.pagesize, seq, before, cut, 0)
        pack_into("<I", header, 24, crc32(memoryview(header)[:24]))
        self.append(header)

    def begin(self, log):
        """Begin to compact, if that is not going on; False if nothing is to be reclaimed."""
        if self._old >= 0:
            return True
        if self.end - _HEADER - log.live <= 512 or not log.last:
            return False
        if log.grown:
            return False  # only behind a commit
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
        if self._done:
            self._replace()
        if self._wanted:
            self.begin(log)

    def _replace(self):
        # Only one file is needed from here on, at any cut.
        self._done = False
        self._close_reader(0)
        self._close_reader(1)
        self._close_out()
        self._do(os.rename, self._new, self._path)
        self._main = self._bit
        self._old = -1
        self._cut = 0
        self._free = None
        self._space()
        self._seen = 0
        self.checkpoint_due = False

    def _close(self, f):
        # What could not be closed is closed before anything else is done: left to the collector, it would be
        # closed later, over what was written since.
        stuck = self._stuck
        if f is not None:
            stuck.append(f)
        while stuck:
            self._do(stuck[-1].close)
            stuck.pop()

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

    def _space(self):
        # Bytes free on the file system, asked for rarely: littlefs walks all of it to tell.
        # Only when no file is open for writing or it was just synced: littlefs counts it twice else.
        if self._free is None:
            self._asked = self.bytes_written
            try:
                s = self._do(os.statvfs, self._folder())
                self._free = min(s[1] * s[4], _MASK) if s[4] <= s[2] else 0
                self._fsblock = 0 if self.posix or not 1024 <= s[0] <= 8192 else s[0]
            except (OSError, AttributeError):
                self._free = _MASK
        return self._free

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
        return max(0, (self._space() + self.end + self._cut) // 16 * 7 - _MARGIN)

    def roomy(self, nbytes, log):
        """Tell whether `nbytes` more fit, and a copy of what is live besides."""
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

    # Opening

    def reopen(self):
        """Forget RAM and look at the files; False if there is no log yet."""
        self._close_reader(0)
        self._close_reader(1)
        self._close_out()
        self._chunks = []
        self._free = None
        self._old = -1
        self._done = self._wanted = self.checkpoint_due = False
        self._cut = 0
        self._seen = 0
        self._planned = 0
        self._ample = True  # there is room to fill blocks up
        self.pace = 0
        self.checkpoint_end = 0
        main, self._found = self._found, None
        if main is None:
            main = self._header(self._path)
        new = self._header(self._new)
        if main is None and new is None:
            self._main = _BIT
            self._start(1, 0, 0)
            return False
        if main is None:
            # Between removal and renaming, on a file system whose rename is both.
            self._do(os.rename, self._new, self._path)
            main = new
            new = None
        self._main = (main[0] & 1) << 29
        self._view(self._path, main[0])
        if new is not None:
            if new[0] != main[0] + 1 or new[1] != main[0]:
                raise DBCorrupt("%s does not belong to %s" % (self._new, self._path))
            self._old = self._main
            self._cut = new[2]
            if self._cut > self.end:
                raise DBCorrupt("%s is shorter than it was" % self._path)
            self._view(self._new, new[0])
        return True

    def _view(self, path, seq):
        self.seq = seq
        self._bit = (seq & 1) << 29
        self._open_reader(self._bit >> 29, path)
        self._written = self._seen = self.end = self._size(path)

    def closed_at(self):
        """Return where the newest commit lies if the file was closed, or 0."""
        return self._bit | self.end - 28 if self.end >= _HEADER + 28 else 0

    def windows(self, size):
        """Yield (position, length) of pieces of the log, from the newest backwards."""
        for bit in (self._bit, self._old):
            if bit < 0:
                return
            end = self.end if bit == self._bit else self._cut
            while end > _HEADER:
                pos = max(_HEADER, end - size)
                yield bit | pos, end - pos
                end = pos

    def older(self):
        """Look for the log elsewhere: there is nowhere else."""
        return False

    def seq_at(self, pos):
        """Return the generation of the file of `pos`."""
        return self.seq if pos & _BIT == self._bit else self.seq - 1

    def chain(self, span, commit):
        """The newest commit needs `span` more files."""
        if span and self._old < 0:
            raise DBCorrupt("%s is missing" % self._path)
        self._span = span or commit & _BIT != self._bit

    def first(self):
        """Return the position of the log's first frame."""
        return (self._old if self._old >= 0 and self._span else self._bit) | _HEADER

    def resume(self, pos, log, last_end):
        """Return the end of the mark behind which the log goes on, or -1."""
        bit = pos & _BIT
        limit = self.end if bit == self._bit else self._cut
        at = (pos & _MASK) + 1
        at += -at % _ALIGN
        while at < limit:
            word, size, good = log.load(bit | at)
            if good and word == _ABORT and unpack_from("<I", log.frame_loaded(), 12)[0] == last_end:
                return (bit | at) + size
            at += _ALIGN
        if bit != self._bit:
            raise DBCorrupt("damaged at %d" % (pos & _MASK))
        return -1

    def settle(self, last_end, checkpoint):
        """Recovery found the end of the log: `last_end` is the end of the last commit, or 0."""
        if self._old >= 0 and (not last_end or last_end & _BIT == self._old):
            # Nothing valid in the second file: it is begun again when compaction is.
            end = self._cut
            self._close_reader(self._bit >> 29)
            self._do(os.remove, self._new)
            self._bit = self._old
            self.seq -= 1
            self._old = -1
            self._cut = 0
            self._written = self._seen = self.end = self._size(self._path)
        if self._old >= 0 and not self._span:
            self._replace()
        self._aim()
        if not last_end:
            # No commit: begin anew, over what is there.
            self._close_reader(self._bit >> 29)
            self._start(self.seq, 0, 0)
            return
        self.checkpoint_end = checkpoint & _MASK
        if checkpoint & _BIT != self._bit:
            self.checkpoint_end -= self._cut
        if last_end & _MASK < self.end:
            self._mark(last_end)

    def _mark(self, last_end):
        # Void bytes at the end: the log goes on at the next aligned place, with a mark that says so.
        n = -self.end % _ALIGN
        if n:
            self.append(bytes(n))
        frame = bytearray(16)
        pack_into("<HHII", frame, 4, 4, 0, _ABORT, last_end)
        pack_into("<I", frame, 0, crc32(memoryview(frame)[4:]))
        self.append(frame)

    def stats(self, out):
        """Add this medium's counters to a dict."""
        out["programs"] = self.syncs
        out["erases"] = 0
        out["bytes_written"] = self.bytes_written
        out["size"] = self.end + self._cut
        out["free"] = self._space()

    def close(self):
        """Close the files."""
        for f in (self._files[0], self._files[1], self._out):
            self._close(f)
        self._files[0] = self._files[1] = self._out = None
