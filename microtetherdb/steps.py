"""Long work in bounded steps: a generator that works between its yields and returns the result.

Run at one go by the plain method, or shared with the event loop by the one whose name ends in
`_async`. The lock is held during each step only, so that other threads and tasks come in between.
"""

import time
from micropython import const

from .lock import hold

_BUDGET_MS = const(5)  # of work between two yields to the loop; a step may add as much


def _step(db, generator):
    # One step; True when the generator has more.
    with hold(db):
        next(generator)
        return True


def finish(db, generator):
    """Run all steps and return the generator's value."""
    try:
        while _step(db, generator):
            pass
    except StopIteration as e:
        return e.value
    finally:
        _end(db, generator)


def _end(db, generator):
    # What was cancelled, interrupted or closed under leaves nothing behind: that is for the generator's own `finally`.
    with db._lock:
        generator.close()


async def share(db, generator):
    """Run all steps, yielding to the loop after some milliseconds of work; returns the generator's value."""
    import asyncio

    try:
        while True:
            start = time.ticks_ms()
            while time.ticks_diff(time.ticks_ms(), start) < _BUDGET_MS:
                _step(db, generator)
            await asyncio.sleep_ms(0)
    except StopIteration as e:
        return e.value
    finally:
        _end(db, generator)


async def collected(cursor):
    """Return the list of what an asynchronous cursor gives."""
    out = []
    async for item in cursor:
        out.append(item)
    return out
