# boards: unix unix32 m33
"""SPEC 3: database time is right after any time without a call, where ticks go round after 12.4 days, and across steps of the wall clock."""

import time as real

from microtetherdb.records import clock

PERIOD = 1 << 30
DAY = 86400


class Time:
    """A device whose ticks have 30 bits, as on 32-bit ports; `wall` is set now and then, `drift` in seconds a day."""

    def __init__(self, wall, drift=0):
        self.ms = 0
        self.wall = wall
        self.drift = drift

    def ticks_ms(self):
        return self.ms % PERIOD

    def ticks_diff(self, a, b):
        return ((a - b + PERIOD // 2) & (PERIOD - 1)) - PERIOD // 2

    def time(self):
        s = self.ms // 1000
        return self.wall + s + self.drift * s // DAY

    def gmtime(self, *_):
        return (2000,)


def close(a, b):
    return abs(a - b) < max(0.1, b * 2.4e-7)  # where floats have 24 bits: some of their last


for wall in (820000000, 1000):  # a clock that is set, and one that never was
    for persistent in (False, True):
        for drift in (0, 2, -2):
            for gap in (
                1,
                86399,
                6 * DAY,
                6.3 * DAY,
                7 * DAY,
                12.4 * DAY,
                PERIOD / 1000,
                12.5 * DAY,
                20 * DAY,
                25 * DAY,
                60 * DAY,
                90 * DAY,
            ):
                t = clock.time = Time(wall, drift)
                c = clock.Clock(persistent)
                stamp = c.stamp(100 * DAY)
                for i in range(2):
                    t.ms += int(gap * 1000) // 2 * 2
                    left = 100 * DAY - (i + 1) * gap
                    if gap == PERIOD / 1000:
                        c.tick()  # the ticks alone show nothing
                    assert close(c.left(stamp), max(0, left)), (wall, persistent, drift, gap, c.left(stamp), left)
                    c.tick()
                    assert close(c.left(stamp), max(0, left)), (wall, persistent, drift, gap, c.left(stamp), left)

# A step of the wall clock is none of time, whether it is looked at before or after.
for was, now in ((820000000, 820000000 + 5 * DAY), (820000000, 820000000 - 30 * DAY), (1000, 820000000), (650000000, 820000000)):
    for persistent in (False, True):
        for pause in (10, 2000, 7 * DAY * 1000):
            for ticked in (False, True):
                t = clock.time = Time(was)
                c = clock.Clock(persistent)
                t.ms += 5000
                stamp = c.stamp(100 * DAY)
                t.wall += now - was
                if ticked:
                    c.tick()
                t.ms += pause
                for i in range(3):
                    assert close(c.left(stamp), 100 * DAY - pause / 1000), (was, now, persistent, pause, ticked, c.left(stamp))
                    c.tick()

# Another thread took the time between this one's look at the ticks and its use: time stands, and does not leap.
t = clock.time = Time(820000000)
c = clock.Clock()
t.ms = 50000
stamp = c.stamp(1000)
t.ms = 49990
assert close(c.left(stamp), 1000) and close(c.left(stamp), 1000)
clock.time = real
print("OK")
