"""Long work in bounded steps: a generator that works between its yields and returns the result.

Run at one go by the plain method, or shared with the event loop by the one whose name ends in
`_async`. The lock is held during each step only, so that other threads and tasks come in between.
"""

import time

from micropython import const

from .locking import hold

_BUDGET_MS = const(5)  # of work between two yields to the loop; a step may add as much


def _step(db, generator, error=None):
    with hold(db):
        if error is None:
            next(generator)
        else:
            generator.throw(error)


def _end(db, generator):
    # MicroPython ends no generator by itself. What this one holds goes while no other thread is in the database, which
    # may be closed by now.
    with db._lock:
        generator.close()


def finish(db, generator):
    """Run all steps and return the generator's value."""
    try:
        while True:
            _step(db, generator)
    except StopIteration as e:
        return e.value
    finally:
        _end(db, generator)


async def share(db, generator):
    """Run all steps, yielding to the loop after some milliseconds of work; returns the generator's value.

    A cancellation is raised in the generator, which may need some more steps to clear up.
    """
    import asyncio

    error = None
    try:
        while True:
            start = time.ticks_ms()
            while True:
                _step(db, generator, error)
                error = None
                if time.ticks_diff(time.ticks_ms(), start) >= _BUDGET_MS:
                    break
            try:
                await asyncio.sleep_ms(0)
            except asyncio.CancelledError as e:
                error = e
    except StopIteration as e:
        return e.value
    finally:
        _end(db, generator)
