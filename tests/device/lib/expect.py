"""Small helpers of the device tests."""


def raises(kind, part, function, *args, **kw):
    """Call and return the exception, which must be `kind` and whose text must contain `part`."""
    try:
        got = function(*args, **kw)
    except kind as e:
        assert part in str(e), "%r is not in %r" % (part, str(e))
        return e
    raise AssertionError("no %s, but %r" % (kind.__name__, got))


async def until(condition):
    """Let the loop run until `condition()` is true; returns whether it came to be. Counted in turns, so that a busy machine has the time it needs."""
    import asyncio

    for _ in range(3000):
        if condition():
            return True
        await asyncio.sleep_ms(10)
    return False


async def cancel(task):
    """Cancel a task and wait until it has ended."""
    import asyncio

    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


class FakeTime:
    """Stands in for the module `time` inside `microtetherdb.clock`: ticks and a wall clock that step."""

    def __init__(self, wall):
        import time

        self.ms = 1000
        self.t = wall  # seconds since 2000
        self.ticks_diff = time.ticks_diff
        self.last = time.ticks_add(0, -1)  # before they go round, which depends on the port

    def ticks_ms(self):
        return self.ms & self.last

    def time(self):
        return self.t + 946684800

    def gmtime(self, _):
        return (1970,)

    def go(self, seconds):
        """Let time pass."""
        self.ms += int(seconds * 1000)
        self.t += int(seconds)

    def step(self, wall):
        """Set the wall clock, as NTP does."""
        self.t = wall
