"""The two files of a file medium: read by position, written from a buffer.

Bit 29 of a position tells the files apart: it is the lowest bit of the file's generation. Frames wait in RAM until a commit,
because littlefs copies a block each time that a file is read between two writes. Reading goes through a second file object,
opened anew after a commit where the file system needs it (it sees the file as it was when opened).
"""

import os
import time
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from .errors import DBCorrupt, DBFull
from .loading import module

_MAGIC = b"MTdb"
_VERSION = const(1)
_HEADER = const(28)  # magic, version, kind, page size, generation, generation before, cut, 0, crc
_FORMAT = "<4sBBHIIII"
_KIND = const(0x46)
_BIT = const(0x20000000)
_MASK = const(0x1FFFFFFF)
_CHUNK = const(1024)
_ENOENT = const(2)
_EIO = const(5)
_ENOSPC = const(28)

_FULL = (_ENOSPC, 36)  # ENAMETOOLONG: what littlefs says when it has no room for the name of a new file

len = len  # see database.py: a look-up by hash instead of a search


class Files:
    """`path`: of the first file; the second is `path` + ".new". `buffer`: bytes of frames that wait in RAM for a commit."""

    posix = False  # True on a computer's file system: it has a cache, so that reading more costs nothing and deltas gain nothing
    held = None  # what is held of the file against other processes, see places.py
    syncs = bytes_written = bytes_read = 0
    _out = None  # for appending
    _free = None  # bytes, if known
    _asked = 0  # bytes written when the free space was asked for
    _fsblock = 0  # size of the file system's blocks, 0 if commits take no notice of them
    _failed = False  # what was written may be lost: no more before `reopen()`
    _failures = 0  # flushes that failed one after the other

    def __init__(self, path, max_retries, retry_delay, buffer):
        self._path = path
        self._new = path + ".new"
        self._retries = max_retries
        self._delay = retry_delay
        self._limit_chunks = max(2, buffer // _CHUNK)
        self._chunks = []  # the buffer, behind what is written
        self._files, self._at = [None, None], [0, 0]  # for reading, by parity of the generation, and where they stand
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
        return stat[6]

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
        # (generation, generation before, cut), or None; see filerecovery.header
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
        magic, version, kind, pagesize, seq, before, cut, _ = unpack_from(_FORMAT, raw)
        if magic != _MAGIC or kind != _KIND or crc32(raw[:24]) != unpack_from("<I", raw, 24)[0]:
            raise DBCorrupt("%s is not a database" % path)
        if version != _VERSION:
            raise DBCorrupt("%s has format %d, this is format %d" % (path, version, _VERSION))
        self.pagesize = pagesize
        return seq, before, cut

    def _make_header(self, seq, before, cut):
        header = bytearray(_HEADER)
        pack_into(_FORMAT, header, 0, _MAGIC, _VERSION, _KIND, self.pagesize, seq, before, cut, 0)
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
                module("places").hold(self.held, path, 2 if path == self._path else 4)
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
