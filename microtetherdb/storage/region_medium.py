"""A raw region of flash as a medium of the page log: erase blocks used as a ring.

The log runs through the sectors in order; the oldest one is emptied by copying what is live in
it forward, then erased ahead of need. Each sector begins with a header that names the sector
before it and how far that one is valid, so sectors that fail can be left out of the ring.
Opening is in `region_recovery`.

Sectors are programmed in pages of 256 bytes, read back, and retried. A page that a commit left incomplete is programmed again
with ones where it is written already, which NOR flash allows (bits go from 1 to 0).
"""

import time
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from ..errors import DBCorrupt, DBFull
from ..loading import module

_MAGIC = b"MTdb"
_VERSION = const(2)
_HEADER = const(28)  # magic, version, kind, page size, seq, seq before, cut, sectors, sector size / 256, crc
_SECTOR_HEADER = "<4sBBHIIIHH"
_SECTOR_KIND = const(0x52)
_PROGRAM = const(256)  # bytes a program: RP2040 and all serial NOR flash
_AHEAD = const(2)  # sectors kept erased
_RESERVE = const(4)  # sectors that puts leave free, for compaction and deletes
_ROW = const(3)  # sectors whose erasing fails in one call
_OUTAGES = const(20)  # times that an operation on a sector fails before it is bad for sure
_SPARE = const(32)
_COMMITS = const(256)  # bytes that are room enough for the frames' headers and a commit
_EIO = const(5)


class RegionMedium:
    """`dev`: block device with `readblocks(n, buf, off)`, `writeblocks(n, buf, off)`, `ioctl(6, n)`.

    `verify`: read back what is programmed and erased. `reprogram`: False on devices on which a
    page must not be programmed twice (encrypted flash): commits are padded then.
    """

    ordered = True  # what is written first is on the medium first
    posix = False  # see file_medium.py
    thrift = 0  # how many bytes of patches a page may have, as a shift of its size: all while there is much space
    patches = True  # False while the log is in a sector of format 1, which has none

    def __init__(self, dev, pagesize, create=True, max_retries=3, retry_delay=0.1, verify=True, reprogram=True):
        self._dev = dev
        self._retries = max_retries
        self._delay = retry_delay
        self._verify = verify
        self._blocks = self._do(dev.ioctl, 4, 0)
        self._block = self._do(dev.ioctl, 5, 0)
        self._hbuf = bytearray(_HEADER)
        self._buf = bytearray(_PROGRAM)
        self._ones = b"\xff" * _PROGRAM
        self.bad = set()  # sectors that failed; their valid frames stay readable
        self._failed = set()  # sectors in which a program failed
        self._failures = {}  # sector: how often the device failed in it, one time after the other
        self._moved = False
        self._page = bytearray(_PROGRAM)  # what is read back
        self.programs = self.erases = self.bytes_written = self.bytes_read = 0
        self._geometry(pagesize)
        self._reprogram = reprogram
        self._create = create
        self._surveyed = self.recovery().survey(self)

    def _geometry(self, pagesize):
        if not 512 <= pagesize <= 32768 or pagesize & 1:
            raise ValueError("btree_pagesize: 512 to 32768, even")
        n = 1
        while n * self._block < 3 * (pagesize + 64):
            n *= 2
        self._per = n
        self.pagesize = pagesize
        self.sector = n * self._block
        self.count = self._blocks // n
        if self.count < 8:
            raise ValueError("region: at least %d erase blocks of %d bytes" % (8 * n, self._block))
        self.usable = self.sector - _HEADER - pagesize // 2

    # Device

    def _do(self, call, *args):
        # A device may raise or return a negative errno; both may pass.
        left = self._retries
        while True:
            try:
                r = call(*args)
                if r is None or r >= 0:
                    return r
                raise OSError(-r)
            except OSError:
                if left <= 0:
                    raise
                left -= 1
                time.sleep(self._delay)

    def _read(self, pos, buf):
        block = self._block
        try:
            r = self._dev.readblocks(pos // block, buf, pos % block)
            if not r:
                return
        except OSError:
            pass
        self._do(self._dev.readblocks, pos // block, buf, pos % block)

    def _program(self):
        # Program the page in the buffer.
        start = self._flushed & -_PROGRAM
        block = self._block
        buf = self._buf
        try:
            self._do(self._dev.writeblocks, start // block, buf, start % block)
            if self._verify and not self._written(start):
                self._failed.add(self.head)
                self._moved = True
                raise OSError(_EIO)
        except OSError:
            # Once may have been the device's fault; twice, or data that come out wrong, the sector's.
            (self.bad if self.head in self._failed else self._failed).add(self.head)
            if not self._moved:
                self._failures[self.head] = self._failures.get(self.head, 0) + 1
            self._stop = -1  # a frame may be there in part: nothing is appended until `reopen()`
            raise
        self.programs += 1
        self.bytes_written += _PROGRAM
        buf[:] = self._ones

    def _written(self, start):
        self._read(start, self._page)
        at = self._flushed - start  # what was programmed before is ones in the buffer
        return memoryview(self._page)[at:] == memoryview(self._buf)[at:]

    def moved(self):
        """Tell whether a sector was retired since this was asked last, because data came out wrong in it."""
        moved, self._moved = self._moved, False
        return moved

    def _erase(self, s):
        # True if sector s is blank now.
        try:
            for i in range(self._per):
                self._do(self._dev.ioctl, 6, s * self._per + i)
                self.erases += 1
            if not self._verify or self._is_blank(s * self.sector, (s + 1) * self.sector):
                self.bad.discard(s)
                if s not in self._failed:
                    self._failures.pop(s, None)
                return True
        except OSError:
            pass
        self.bad.add(s)
        self._failures[s] = self._failures.get(s, 0) + 1
        return False

    def _is_blank(self, start, end):
        buf = self._page
        while start < end:
            n = _PROGRAM - start % _PROGRAM
            if n < _PROGRAM:
                view = memoryview(buf)[:n]
                self._read(start, view)
                if view != self._ones[:n]:
                    return False
            else:
                self._read(start, buf)
                if buf != self._ones:
                    return False
            start += n
        return True

    # Reading

    def read_once(self, pos, view):
        """Read into a memoryview; returns the number of bytes, fewer at the end of the region. Without retries."""
        n = len(view)
        if pos + n > self._flushed and self._start <= pos < self.end or pos + n > self._total:
            return self.read(pos, view)
        if self._dev.readblocks(pos // self._block, view, pos % self._block):
            raise OSError(_EIO)
        self.bytes_read += n
        return n

    def read(self, pos, view):
        """Do the same with retries."""
        n = len(view)
        end = pos + n
        if end > self._flushed and self._start <= pos < self.end:
            # the last frames, of which a part is not programmed yet
            flushed = self._flushed
            if pos < flushed:
                self._read(pos, view[: flushed - pos])
                view = view[flushed - pos :]
                pos = flushed
            stop = min(self.end, end)
            self.bytes_read += n
            if stop > pos:
                at = pos % _PROGRAM
                view[: stop - pos] = memoryview(self._buf)[at : at + stop - pos]
            return n - (end - stop)
        if end > self._total:
            n = self._total - pos
            if n <= 0:
                return 0
            view = view[:n]
        self._read(pos, view)
        self.bytes_read += n
        return n

    # Headers

    def _header(self, s):
        # Read a header: its sequence number, 0 if there is none. Sets _before, _cut.
        header = self._hbuf
        self._read(s * self.sector, header)
        self.bytes_read += _HEADER
        if header[:4] != _MAGIC or crc32(memoryview(header)[:24]) != unpack_from("<I", header, 24)[0]:
            return 0
        _, version, kind, pagesize, seq, self._before, self._cut, count, size = unpack_from(_SECTOR_HEADER, header)
        if not 0 < version <= _VERSION:
            raise DBCorrupt("region has format %d, this is format %d" % (version, _VERSION))
        self._found = version
        if pagesize != self.pagesize:
            self._geometry(pagesize)
            return -1
        if count != self.count or size * 256 != self.sector or kind != _SECTOR_KIND:
            raise DBCorrupt("region was made for %d sectors of %d bytes" % (count, size * 256))
        return seq

    def _make_header(self, header, seq, before, cut, version=_VERSION):
        pack_into(_SECTOR_HEADER, header, 0, _MAGIC, version, _SECTOR_KIND, self.pagesize, seq, before, cut, self.count, self.sector // 256)
        pack_into("<I", header, 24, crc32(memoryview(header)[:24]))

    # Positions

    def recovery(self):
        """Return the module with this medium's part of recovery."""
        return module("storage.region_recovery")

    def room(self, pos):
        """Return the bytes from `pos` to the end of what is valid in its sector."""
        return self._limit(pos // self.sector) - pos

    def _limit(self, s):
        if s == self.head:
            return self.end
        if s != self._limit_of:
            if self._forward[s] == self.head:
                cut = self._head_cut  # its header may not be programmed yet
            else:
                self._header(self._forward[s])
                cut = self._cut
            if (cut - 1) // self.sector != s:
                raise DBCorrupt("sector %d: the next one does not follow it" % s)
            self._limit_of = s
            self._limit_is = cut
        return self._limit_is

    def next(self, pos):
        """Return the position of the first frame at or behind `pos`, -1 at the end of the log."""
        s = (pos - 1) // self.sector
        while pos >= self._limit(s):
            if s == self.head:
                return -1
            s = self._forward[s]
            pos = s * self.sector + _HEADER
        return pos

    # Appending

    def ensure(self, n):
        """Open a new sector unless `n` bytes fit into this one."""
        if self.end + n > self._stop:
            self._new_sector()

    def before_commit(self, n):
        """Make room for a commit of `n` bytes, which ends with a page of the flash if that is near: the next frame would have it
        programmed again, which takes as long as erasing for so many bytes."""
        self.ensure(n)
        left = -(self.end + n) % _PROGRAM
        if 12 <= left <= _SPARE:
            self.append(module("storage.frames").pad(left))

    def append(self, view):
        """Append a frame; returns its position. It is durable after `sync()`."""
        n = len(view)
        if self.end + n > self._stop:
            self._new_sector()
        pos = end = self.end
        buf = self._buf
        i = 0
        while i < n:
            at = end % _PROGRAM
            m = min(n - i, _PROGRAM - at)
            buf[at : at + m] = view[i : i + m]
            i += m
            end += m
            if not end % _PROGRAM:
                self.end = end
                self._program()
                self._flushed = end
        self.end = end
        return pos

    def sync(self):
        """Program what is in the buffer."""
        if self.end > self._flushed:
            if not self._reprogram:
                self._pad()
            if self.end > self._flushed:
                self._program()
                self._flushed = self.end

    def _pad(self):
        # Fill the page, so that it is programmed once only.
        n = -self.end % _PROGRAM
        if n < 12:
            n += _PROGRAM
        if self.end + n > self._stop:
            return  # the sector's last page
        self.append(module("storage.frames").pad(n))

    def _new_sector(self):
        if self._stop < 0:
            raise OSError(_EIO)
        cut = self.end if self._continue < 0 else self._continue
        if self.end > self._flushed:
            self._program()
            self._flushed = self.end
        failed = 0
        while True:
            if self._erased:
                s = self._erased.pop(0)
                break
            s = self._candidate()
            if s >= 0:
                if self._blank and s > self.head or self._erase(s):
                    s = self._passed(s)
                    break
                failed += 1
            if s < 0 or failed == _ROW:
                if not self.bad:
                    raise DBFull("region is full")
                self._forgive()
                raise OSError(_EIO)
        if s < self.head:
            self._blank = False
        self.newest += 1
        header = self._hbuf
        self._make_header(header, self.newest, self.seq, cut)
        if self.head < 0:
            self._tail = self._victim = s
            self._victim_seq = self.newest
        else:
            self._forward[self.head] = s
        self.head = s
        self.seq = self.newest
        self._head_cut = cut
        self._continue = -1
        self._start = self._flushed = self.end = s * self.sector
        self._stop = self._start + self.sector
        self._limit_of = -1
        self.patches = True
        self.append(header)
        if cut == 0:
            # Alone, so that a cut in the very first program can be told from foreign data.
            self._program()
            self._flushed = self.end
        self._plan()

    # The ring

    def _last(self):
        # The sector behind which the ring goes on.
        return self._erased[-1] if self._erased else self._begin if self.head < 0 else self.head

    def _candidate(self):
        # The next sector to erase, or -1.
        s = self._last()
        for _ in range(self.count):
            s = (s + 1) % self.count
            if s == self._tail or s == self.head:
                return -1
            if s not in self.bad:
                return s
        return -1

    def _doubtful(self, s):
        # Whether a sector that is bad is to be tried again: the device said so, not too often yet.
        return s in self.bad and self._failures.get(s, _OUTAGES) < _OUTAGES

    def _forgive(self):
        # Many at once: the device's fault perhaps, so that they are tried again; if none is left, all.
        doubtful = [s for s in self.bad if self._doubtful(s)]
        self.bad.difference_update(doubtful or list(self.bad))

    def _passed(self, s):
        # Sector s was erased, so the device works. Those before it that failed are tried again: left behind, they would be
        # missing until the ring has gone round, and an outage would leave no room to reclaim any.
        before = self._last()
        while True:
            before = (before + 1) % self.count
            if before == s or self._doubtful(before) and self._erase(before):
                return before

    def free(self):
        """Return the number of sectors that hold nothing live."""
        if self.head < 0:
            return self.count - len(self.bad)
        n = (self._tail - self.head - 1) % self.count
        for s in self.bad:
            if 0 < (s - self.head) % self.count <= n:
                n -= 1
        return n

    def drained(self):
        """Everything live in the victim has been copied; the next commit gives it up."""
        self._victim = s = self._forward[self._victim]
        self._victim_seq = self.seq if s == self.head else self._header(s)
        self._limit_of = -1
        self._plan()

    def victim(self):
        """Return (first frame, end) of the oldest sector, or None if there is only one."""
        s = self._victim
        if s == self.head or s < 0:
            return None
        return s * self.sector + _HEADER, self._limit(s)

    def span(self):
        """Return how many sector numbers back the oldest needed sector lies (for the commit)."""
        return self.seq - self._victim_seq

    def release(self, log):
        """A commit is durable: sectors drained before it are free."""
        self._live = log.live
        if self._tail != self._victim:
            self._tail = self._victim
            self._plan()

    def pending(self):
        """Return the number of sectors that the next commit frees."""
        return 0 if self.head < 0 else (self._victim - self._tail) % self.count

    def _plan(self):
        # Bytes to walk at each step: the fewer sectors are free, the more.
        gap = self.free() + self.pending() - _RESERVE
        n = self.count
        self.pace = 0
        if gap < n // 4 and self._victim != self.head:
            # A victim of a region that is filled to u gives 1 - u of what is walked, or more.
            used = min(self._live * 100 // (n * self.usable), 95)
            self.pace = min(self.sector, 2 * n * used * used // (5 * (100 - used) * max(gap, 1)))
        self.checkpoint_due = self.seq - self.checkpoint_seq >= max(2, n // 8)
        used = self._live * 100 // (n * self.usable)
        self.thrift = 16 if not self.patches else 0 if used < 45 else 1 if used < 60 else 2

    def idle(self, log):
        """Tell whether there is nothing to do in the background."""
        return not (self.pace or self.checkpoint_due) and (len(self._erased) >= _AHEAD or self._blank)

    def erase_ahead(self):
        """Erase one sector ahead of need; True if one was erased."""
        if len(self._erased) >= _AHEAD or self._blank or self.head < 0:
            return False
        s = self._candidate()
        if s < 0:
            return False
        if self._erase(s):
            self._erased.append(self._passed(s))
        return True

    def wants_commit(self):
        """Tell whether a commit would free sectors that are needed soon."""
        return self.free() < _RESERVE + 4 and self.pending() > 1

    def can_copy(self, committed):
        """Tell whether there is room for copies besides what the tree may write before the next commit."""
        if committed:
            return self.free() > 0 or self._stop - self.end > 2 * self.pagesize + _COMMITS or not self._live
        return self.free() > 1

    def begin(self, log):
        """Get ready to compact; False if there is nothing to reclaim."""
        return self.victim() is not None

    def rounds(self):
        """Return how many victims compaction may empty for one request."""
        return 2 * self.count

    def capacity(self):
        """Return how many bytes of frames may be live."""
        # The fuller a log, the more copying for each byte written: an eighth of what is not reserved is left for what is
        # dead, and up to three sixteenths of large regions, on which too late a start would empty many sectors in one call.
        n = self.count - len(self.bad) - _RESERVE - 2
        return (n - n // 8 - max(0, n - 32) // 16) * self.usable

    def roomy(self, nbytes, log):
        """Tell whether `nbytes` more fit at once, leaving compaction its sectors."""
        # Half of the reserve, and where it costs little one sector more: two that are retired in the same call are survived then.
        kept = _RESERVE // 2 + (self.count > 32)
        return (self.free() - kept) * self.usable > nbytes and log.live + nbytes <= self.capacity()

    def overfull(self):
        """Tell whether deletes too have to wait for room."""
        return self.free() < 1

    def in_victim(self, pos):
        """Tell whether the frame at `pos` lies in the victim (0: in the first sector)."""
        return pos == 0 or pos // self.sector == self._victim

    def checkpointed(self):
        """A checkpoint begins."""
        self.checkpoint_seq = self.seq
        self.checkpoint_due = False

    def wants_checkpoint(self, log):
        """Tell whether opening would read much."""
        return self.seq - self.checkpoint_seq >= max(2, self.count // 32)

    def stats(self, out):
        """Add this medium's counters to a dict."""
        out["programs"] = self.programs
        out["erases"] = self.erases
        out["bytes_written"] = self.bytes_written
        out["size"] = self.count * self.sector
        out["free"] = max(0, self.free() - _RESERVE) * self.usable
        out["bad"] = len(self.bad)

    def close(self):
        """Let the device finish."""
        self._do(self._dev.ioctl, 3, 0)
