# boards: unix unix32
# SPEC section 9: a download ends after `total` seconds, whatever comes; with a clock that the test turns.
import asyncio
import time

from microtetherdb.ota import OTAError, Truncated, Unreachable, source

now = 0


def turn(seconds):
    global now
    now = time.ticks_add(now, int(seconds * 1000))


class clock:
    ticks_add = time.ticks_add
    ticks_diff = time.ticks_diff
    ticks_ms = lambda: now


source.time = clock


class Stream:
    """Gives `n` bytes (or nothing: None) each `every` seconds; `wait`: as a coroutine."""

    def __init__(self, every, n, wait):
        self.every = every
        self.n = n
        self.wait = wait

    def readinto(self, buf):
        turn(self.every)
        if self.n:
            buf[: self.n] = b"x" * self.n
        return self.later() if self.wait else self.n

    async def later(self):
        return self.n


def fill(size, every, n, wait, **options):
    # seconds until it ended, and the error
    start = now
    s = source.Source(Stream(every, n, wait), **options)
    try:
        asyncio.run(s.fill(memoryview(bytearray(size))))
        e = None
    except OTAError as error:
        e = error
    return time.ticks_diff(now, start) / 1000, e


for start in (0, time.ticks_add(0, -1000000)):  # also where the clock's ticks begin anew
    now = start
    for wait in (False, True):
        # a byte each 0.3 s: by default an hour, then what was received counts for a resume
        took, e = fill(1 << 16, 0.3, 1, wait)
        assert 3600 <= took <= 3601 and type(e) is Truncated and 11990 < e.args[0] <= 12001 and "total=3600" in str(e), (took, e)
        took, e = fill(4096, 0.3, 1, wait)
        assert e is None and took < 1300
        took, e = fill(4096, 1, 1, wait, total=10)
        assert 10 <= took <= 11 and type(e) is Truncated and e.args[0] == 10
        took, e = fill(10, 1, 1, wait, total=10.5)  # both sides of the limit
        assert e is None
        # more than one piece: it is the whole that counts, not a piece
        took, e = fill(4096, 0.1, 16, wait, total=20)
        assert 20 <= took <= 21 and e
        took, e = fill(10, 1, None, wait, total=10)
        assert 10 <= took <= 11 and type(e) is Unreachable and e.args[0] == 0
        took, e = fill(10, 250000, 1, wait, total=10**9)  # what ticks can tell
        assert 500000 <= took <= 750000 and e
s = source.Source(Stream(1, 1, False), total=10)
for i in range(9):  # piece by piece
    asyncio.run(s.fill(memoryview(bytearray(1))))
turn(2)
try:
    asyncio.run(s.fill(memoryview(bytearray(1))))
    raise AssertionError
except Truncated:
    pass


# retries and their pauses are part of it
class Away:
    calls = 0

    async def request(self, *args):
        self.calls += 1
        raise OSError(111)


async def sleep_ms(ms):
    pauses.append(ms)
    turn(ms / 1000)


class loop:  # asyncio with pauses that turn the clock
    TimeoutError = asyncio.TimeoutError
    wait_for_ms = asyncio.wait_for_ms
    sleep_ms = sleep_ms


from microtetherdb.ota import http

away = Away()
http.request = away.request
source.asyncio = loop
for total, calls, sum in ((3600, 6, 31000), (10, 5, 10000), (3, 3, 3000), (0.5, 2, 500)):
    pauses = []
    away.calls = 0
    try:
        asyncio.run(source.Source("http://h/x", total=total).fill(memoryview(bytearray(9))))
        raise AssertionError
    except Unreachable as e:
        assert isinstance(e, OTAError) and not isinstance(e, Truncated)
    waited = 0
    for p in pauses:
        waited += p
    assert waited == sum and away.calls == len(pauses) + (1 if total == 3600 else 0), (total, pauses, away.calls)
print("OK")
