"""A file as a medium of the page log; on littlefs, FAT or POSIX.

The file is only ever appended to. When too much of it is dead, commits go on in a second file,
`<name>.new`, whose header says how far the first is valid; what is live in the first is copied
over step by step; the commit after the last copy makes the first superfluous, and the second is
renamed over it. Opening is in `file_recovery`.

Bit 29 of a position tells the files apart: it is the lowest bit of the file's generation. Frames wait in RAM until a commit,
because littlefs copies a block each time that a file is read between two writes. Reading goes through a second file object,
opened anew after a commit where the file system needs it (it sees the file as it was when opened).
"""

import os
import time
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from ..errors import DBCorrupt, DBFull
from ..loading import module

_MAGIC = b"MTdb"
_VERSION = const(2)
_HEADER = const(28)  # magic, version, kind, page size, generation, generation before, cut, 0, crc
_FILE_HEADER = "<4sBBHIIII"
_FILE_KIND = const(0x46)
_BIT = const(0x20000000)
_MASK = const(0x1FFFFFFF)
_CHUNK = const(1024)
_ENOENT = const(2)
_EIO = const(5)
_ENOSPC = const(28)
_EISDIR = const(21)
_PIECE = const(512)  # bytes of a PAD frame, at most
_NEAR = const(1500)  # a commit of the log's own begins so many bytes before the end of a block, for the tree's last pages
_LEAST = const(4096)  # bytes that are worth a commit
_MARGIN = const(16384)  # bytes that puts leave free on the file system

_FULL = (_ENOSPC, 36)  # ENAMETOOLONG: what littlefs says when it has no room for the name of a new file


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


class _Files:
    # The two files: read by position, written from a buffer.

    posix = False  # True on a computer's file system: it has a cache, so that reading more costs nothing and deltas gain nothing
    held = None  # what is held of the file against other processes, see places.py
    syncs = bytes_written = bytes_read = 0
    _out = None  # for appending
    _free = None  # bytes, if known
    _asked = 0  # bytes written when the free space was asked for
    _fsblock = 0  # size of the file system's blocks, 0 if commits take no notice of them
    _failed = False  # what was written may be lost: no more before `reopen()`
    _failures = 0  # flushes that failed one after the other
    thrift = 0  # no bytes of patches if it is 16: as long as the log is in a file of format 1, and on POSIX

    def __init__(self, path, max_retries, retry_delay, buffer):
        self._path = path
        self._new = path + ".new"
        self._retries = max_retries
        self._delay = retry_delay
        self._limit_chunks = max(2, buffer // _CHUNK)
        self._chunks = []  # the buffer, behind what is written
        # By parity of the generation: for reading, and where they stand; the format.
        self._files, self._at, self._formats = [None, None], [0, 0], bytearray(2)
        self._stuck = []  # files whose close failed

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

    def _size(self, path):
        stat = self._do(os.stat, path)
        if stat[1]:  # an inode number: neither littlefs nor FAT
            self.posix = True
            self._fsblock = 0
            self.thrift = 16
        return stat[6]

    def _is_folder(self, path):
        try:
            return self._do(os.stat, path)[0] & 0x4000
        except OSError as e:
            if e.args[0] != _ENOENT:
                raise
            return 0

    def _folder(self):
        i = self._path.rfind("/")
        return "." if i < 0 else self._path[:i] or "/"

    def _space(self):
        # Bytes that the file may grow by; those free on the file system are asked for rarely: littlefs walks all of it to tell.
        # Only when no file is open for writing or it was just synced: littlefs counts it twice else.
        if self._free is None:
            self._asked = self.bytes_written
            try:
                s = self._do(os.statvfs, self._folder())
                self._free = min(s[1] * s[4], _MASK) if s[4] <= s[2] else 0
                self._fsblock = 0 if self.posix or not 1024 <= s[0] <= 8192 else s[0]
            except (OSError, AttributeError):
                self._free = _MASK
        return min(self._free, _MASK - self.end)

    def _open_reader(self, i, path):
        self._files[i] = self._open_file(path, "rb")
        self._at[i] = 0

    def _close_reader(self, i):
        self._close(self._files[i])
        self._files[i] = None

    def _read_header(self, path, f):
        # (generation, generation before, cut), or None; see file_recovery.header
        raw = self._do(f.read, _HEADER)
        if not any(raw):  # by a file system that made room, no more
            while more := self._do(f.read, 256):
                if any(more):
                    break
            else:
                return None
        n = len(raw)
        if n < _HEADER:
            if raw[:4] == _MAGIC[:n]:
                return None
            raise DBCorrupt("%s is not a database" % path)
        magic, version, kind, pagesize, seq, before, cut, _ = unpack_from(_FILE_HEADER, raw)
        if magic != _MAGIC or kind != _FILE_KIND or crc32(raw[:24]) != unpack_from("<I", raw, 24)[0]:
            raise DBCorrupt("%s is not a database" % path)
        if not 0 < version <= _VERSION:
            raise DBCorrupt("%s has format %d, this is format %d" % (path, version, _VERSION))
        self._formats[seq & 1] = version
        self.pagesize = pagesize
        return seq, before, cut

    def _make_header(self, seq, before, cut):
        header = bytearray(_HEADER)
        pack_into(_FILE_HEADER, header, 0, _MAGIC, _VERSION, _FILE_KIND, self.pagesize, seq, before, cut, 0)
        pack_into("<I", header, 24, crc32(memoryview(header)[:24]))
        return header

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

    # Writing

    def ensure(self, n):
        """Make room in the buffer for `n` bytes."""
        if self.end + n - self._written > len(self._chunks) * _CHUNK:
            self._grow(n)

    def _grow(self, n):
        chunks = self._chunks
        used = self.end - self._written
        if self.end + n > _MASK:
            raise DBFull("the file cannot be larger than %d bytes" % _MASK)
        if used + n > self._limit_chunks * _CHUNK:
            try:
                self._spill()
                used = 0
            except DBFull:
                pass  # what a read drives out of the tree's cache waits in RAM; `roomy` refuses changes, and a commit raises
        try:
            while used + n > len(chunks) * _CHUNK:
                chunks.append(bytearray(_CHUNK))
        except MemoryError:
            if not used:
                raise
            self._spill()  # short of RAM: go on with the chunks that there are
            self._grow(n)

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
        if self._failed:
            raise OSError(_EIO)
        if not n:
            return
        i = 0
        write = self._do if self.posix else self._once
        try:
            if self._out is None:
                self._open_out()
            for chunk in self._chunks:
                m = min(_CHUNK, n - i)
                if m <= 0:
                    break
                write(self._write_at, self._written + i, chunk if m == _CHUNK else memoryview(chunk)[:m])
                i += m
        except OSError as e:
            if e.args[0] not in _FULL:
                raise
            self._free = None
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
                self._flush()
            self._open_reader(i, path)
        self._seen = self._written

    def _flush(self):
        if self._failed:
            raise OSError(_EIO)
        self._once(self._out.flush)
        self._failures = 0

    def _once(self, call, *args):
        # Not done again on the same open file: from then on littlefs says that all is well and has written nothing, or writes
        # over what is live. The file is opened anew, and all since the last commit done again: see `moved`.
        try:
            call(*args)
        except BaseException as e:
            if args and isinstance(e, OSError) and e.args[0] in _FULL:
                raise  # it waits in RAM
            self._failed = True
            self._failures += 1
            raise

    def _name(self, bit):
        return self._path if bit == self._main else self._new

    def _open_out(self):
        path = self._name(self._bit)
        if not self._written:
            self._close(self._open_file(path, "wb"))
            self._size(path)
            if self.held is not None and self.posix:
                module("storage.places").hold(self.held, path, 2 if path == self._path else 4)
        self._out = self._open_file(path, "r+b")
        self._out_pos = 0

    def _close_out(self):
        out = self._out
        self._out = None
        self._close(out)

    def _close(self, f):
        # What could not be closed is closed before anything else is done: left to the collector, it would be
        # closed later, over what was written since.
        stuck = self._stuck
        if f is not None:
            stuck.append(f)
        while stuck:
            self._do(stuck[-1].close)
            stuck.pop()

    def close(self):
        """Close the files."""
        for f in (self._files[0], self._files[1], self._out):
            self._close(f)
        self._files[0] = self._files[1] = self._out = None


class FileMedium(_Files):
    """`path`: of the first file; the second is `path` + ".new". `buffer`: bytes of frames that wait in RAM for a commit."""

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
        header = module("storage.file_recovery").header
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

    def recovery(self):
        """Return the module with this medium's part of recovery."""
        return module("storage.file_recovery")

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
                    self.append(module("storage.frames").pad(m))
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
        self.thrift = 16 if self.posix else 0
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
            self.sync()  # a mark of `file_recovery`
        self._see()
        self._close_out()
        self._old = self._bit
        self._cut = self.end
        self._done = self._wanted = False
        log.copied = 0
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
        # What is live lies mostly in the first half: patches follow.
        return max(0, min(log.live - log.copied, self._cut - (log.walk & _MASK))) if not self._done else 0

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
