"""The database lock, for threads; tasks of one loop need none, as no call runs the loop."""

import time

from .loading import module


def hold(db):
    """Return the lock of a database, for `with`, when it looks free. Raises `DBLock`, `DBClosed`.

    MicroPython looks for Ctrl-C at jumps, and there is none between a `with` that takes the lock and its guard.
    """
    if not db._open:
        raise module("errors").DBClosed("the database is closed")
    if db._lock.locked():
        wait(db)
    return db._lock


def wait(db):
    """Wait until the lock of a database looks free, or raise `DBLock` after `lock_timeout`."""
    lock = db._lock
    end = time.ticks_add(time.ticks_ms(), int(db._timeout * 1000))
    while lock.locked():
        if time.ticks_diff(end, time.ticks_ms()) <= 0:
            raise module("errors").DBLock("lock not free within lock_timeout (%s s)" % db._timeout)
        time.sleep_ms(1)
