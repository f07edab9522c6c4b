"""Database time: monotonic, and right across steps of the wall clock and power-offs.

Time runs on *lines*. A record's expiry names its line and a point on it.

- Line 0 is calendar time, seconds since 2000-01-01. In a session it advances with
  `time.ticks_ms()`, never with the wall clock, so that no step moves it; how far the wall
  clock is from it (`skew`) is stored, and finds it again after a power-off.
- Devices boot in 2000, 1970 or 2021 and learn the time later. What is written before that
  is stamped on a provisional line 1..255, which starts at 0 and goes on over restarts until
  the wall clock becomes trustworthy. Then its offset to line 0 is stored: every record of
  that line keeps the seconds it had left, and none is rewritten.

A RAM database lives on line 0 of ticks alone.
"""

import struct
import time

from micropython import const

from ..loading import module

_UNIX_2000 = 946684800
_TRUSTED = const(789004800)  # 2025-01-01: before that, no clock was ever set
_MAX_OFF = const(5 * 366 * 86400)  # a longer power-off is taken for a wrong clock
_STEP = const(2)  # seconds of difference to the ticks that make a step
_META = "<BIIHiBIB"  # version, session, line 0 and its milliseconds, skew, line, its time, lines that follow
_META_SIZE = const(21)
_PERIOD = const(1 << 30)  # milliseconds, 12.4 days: ticks go round where a small int has 31 bits
_ROUNDS = const(8)  # more are a step of the wall clock
_LINE = "<Bi"
_LINE_SIZE = const(5)
_LINES = const(90)  # provisional lines at a time; the state fits into a commit then
MAX_TTL = const(1 << 29)  # 17 years


def wall():
    """Return the wall clock in seconds since 2000-01-01, whatever the port's epoch."""
    return _wall()[0]


def _wall():
    # Seconds and milliseconds; most microcontrollers' clocks tell whole seconds only.
    t = time.time()
    s = int(t)
    ms = int((t - s) * 1000)
    return (s - _UNIX_2000 if time.gmtime(0)[0] == 1970 else s), ms


class Clock:
    """`persistent`: follow the wall clock too; `saved`: bytes that `save()` made, or None."""

    def __init__(self, persistent=False, saved=None):
        self._ticks = time.ticks_ms()
        self._ms = 0
        self._s = 0  # line 0
        self.session = 0
        self._line = 0  # where new records are stamped
        self._line_s = 0
        self._offsets = {}  # closed line -> line 0 minus that line
        self._skew = 0
        self._base = 0  # wall clock minus line 0, to notice steps
        self._persistent = persistent
        self.changed = False
        self.saved = 0  # line 0 when the state was saved, or opened
        if persistent:
            if saved:
                self._load(saved)
            w, ms = _wall()
            if w >= _TRUSTED:
                self._synchronise(w, ms)
            elif self._line == 0:
                self._open_line()
            self.saved = self._s
        self._base = wall() - self._s

    def _load(self, saved):
        if saved[0] != 1:
            raise module("errors").DBCorrupt("the database's own state has format %d, this is format 1" % saved[0])
        _, self.session, self._s, self._ms, self._skew, self._line, self._line_s, n = struct.unpack_from(_META, saved)
        for i in range(n):
            line, offset = struct.unpack_from(_LINE, saved, _META_SIZE + i * _LINE_SIZE)
            self._offsets[line] = offset

    def save(self):
        """Return the state as bytes, for the commits."""
        self.seconds()
        raw = struct.pack(_META, 1, self.session, self._s, self._ms, self._skew, self._line, self._line_s, len(self._offsets))
        for line, offset in self._offsets.items():
            raw += struct.pack(_LINE, line, offset)
        self.saved = self._s
        return raw

    def _open_line(self):
        line = 1
        while line in self._offsets:
            line += 1
        self._line = line if line <= _LINES else 0
        self._line_s = 0
        self.changed = True

    def _synchronise(self, w, ms):
        # The wall clock can be trusted: find line 0 again, then tie the provisional line to it.
        s = w - self._skew
        gone = s - self._s
        if self._s == 0 or 0 <= gone <= _MAX_OFF:
            if gone or ms > self._ms:  # time never goes back, not even within a second
                if ms < self._ms:
                    self._line_s += 1
                self._s = s
                self._ms = ms
        elif gone < -_STEP or gone > 0:
            self._skew = w - self._s
        if self._line:
            self._offsets[self._line] = self._s - self._line_s
            self._line = 0
        self.changed = True

    def seconds(self):
        """Advance by the ticks that have gone by; return line 0 in whole seconds."""
        t = time.ticks_ms()
        d = time.ticks_diff(t, self._ticks)
        if d:
            if not 0 < d < 1000:
                d = self._gap(d)
            self._ticks = t
            d += self._ms
            self._ms = d if d < 1000 else self._carry(d)
        return self._s

    def _carry(self, ms):
        s = ms // 1000
        self._s += s
        self._line_s += s
        return ms - s * 1000

    def _gap(self, d):
        # Milliseconds since the last look, of which the ticks tell the remainder by their period only. The wall clock
        # tells how often they went round: it is ahead by a multiple, but for a few seconds a day, and was not set meanwhile.
        if d < 0:  # by a little: another thread was quicker
            d = d + _PERIOD if d < -60000 and not time.ticks_diff(0, _PERIOD) else 0
        w = wall()
        was = self._base + self._s
        ahead = w - was - (self._ms + d) // 1000
        n = (ahead * 1000 + _PERIOD // 2) // _PERIOD
        if 0 < n <= _ROUNDS and abs(ahead - n * _PERIOD // 1000) <= _STEP + (ahead >> 14) and (w < _TRUSTED) == (was < _TRUSTED):
            d += n * _PERIOD
        return d

    def tick(self):
        """Notice a step of the wall clock; call it now and then. Returns True after one."""
        w = wall()
        step = w - self._base - self.seconds()
        if step > _STEP:
            self._ms = self._carry(self._ms + self._gap(0))
            step = w - self._base - self._s
        if -_STEP <= step <= _STEP:
            return False
        if not self._persistent:
            self._base = w - self._s
            return False
        if w >= _TRUSTED:
            if self._line:
                self._synchronise(w, self._ms)
            else:
                self._skew = w - self._s
                self.changed = True
        self._base = w - self._s
        return True

    def lines(self):
        """Return the lines that records may be on."""
        return [0] + ([self._line] if self._line else []) + list(self._offsets)

    def drop(self, line):
        """Forget a closed line that no record is on any more."""
        if self._offsets.pop(line, None) is not None:
            self.changed = True

    def _on(self, line):
        s = self.seconds()
        if line == 0:
            return s
        if line == self._line:
            return self._line_s
        return max(0, s - self._offsets.get(line, s))

    def at(self, line):
        """Return now on `line` as five bytes (seconds, fraction), comparable with an expiry."""
        return struct.pack(">IB", self._on(line), self._ms * 256 // 1000)

    def stamp(self, ttl):
        """Return line and expiry (six bytes) of a record that lives `ttl` seconds from now."""
        s = self.seconds()
        if self._line:
            s = self._line_s
        if ttl.__class__ is not int:
            return self._stamp(s, ttl)
        return struct.pack(">BIB", self._line, s + ttl, self._ms * 256 // 1000)

    def _stamp(self, s, ttl):
        fraction = self._ms * 256 // 1000 + int((ttl - int(ttl)) * 256)
        return struct.pack(">BIB", self._line, s + int(ttl) + (fraction >> 8), fraction & 255)

    def left(self, stamp):
        """Return the seconds (float) until a stamp's expiry, at least 0."""
        s, fraction = struct.unpack_from(">IB", stamp, 1)
        return max(0.0, s - self._on(stamp[0]) + fraction / 256 - self._ms / 1000)
