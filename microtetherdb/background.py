"""The background task on the application's event loop: expiry, timed flush, compaction.

It never starts or stops a loop. Each piece of work is bounded; between two it yields.
"""

import sys
import time

from micropython import const

from .errors import DBError
from .loading import module

_TICK_MS = const(1000)
_FLUSH_MS = const(5000)  # a change is flushed at the latest so long after it


def _running():
    # The asyncio module if its loop is running right now; not imported for the question.
    core = sys.modules.get("asyncio.core")
    if core is not None and core.cur_task is not None:
        return core
    return None


def attach(db, loop=None):
    """Start the database's task if there is a loop: the given one, or the running one."""
    if db._task is not None or not db._open:
        return
    if loop is None:
        loop = _running()
        if loop is None:
            return
    db._task = loop.create_task(run(db))


def cancel(db):
    """End the task of a closed database."""
    t, db._task = db._task, None
    core = _running()
    if core is None or core.cur_task is not t:
        t.cancel()


async def ended(t):
    """Wait until a cancelled task has ended."""
    import asyncio

    try:
        await t
    except asyncio.CancelledError:
        pass


async def run(db):
    """The task: ends when the database is closed."""
    import asyncio

    dirty_at = None
    while db._open:
        await asyncio.sleep_ms(min(_TICK_MS, db._check_ms))
        now = time.ticks_ms()
        if db._open and db._store.dirty():
            if dirty_at is None:
                dirty_at = now
            elif time.ticks_diff(now, dirty_at) >= _FLUSH_MS:
                dirty_at = None
                while _piece(db, _flush):
                    await asyncio.sleep_ms(0)
        else:
            dirty_at = None
        if time.ticks_diff(now, db._checked) >= db._check_ms:
            db._checked = now
            while _piece(db, _expire):
                await asyncio.sleep_ms(0)
            if time.ticks_diff(now, db._swept) >= db._sweep_ms:
                db._swept = now
                while _piece(db, _sweep):
                    await asyncio.sleep_ms(0)
        while _piece(db, _step):
            await asyncio.sleep_ms(0)


def _piece(db, work):
    # One bounded piece of work, unless another thread has the database just now. A medium that is full
    # or fails for a while must not end the task: it says so, and the next round tries again.
    if db._lock.locked():
        return False
    try:
        with db._lock:
            return db._open and work(db)
    except (DBError, OSError, MemoryError) as e:
        error = e
    import microtetherdb

    microtetherdb.on_warning("background work on %s: %r" % (db._name, error))  # without the lock: it may call the database
    return False


def _flush(db):
    return module("flushing").flush_piece(db)


def _expire(db):
    if module("flushing").flush_due(db) or module("cleanup").expire(db, 1, False):
        return True
    return db._expiry is not None and db._expiry.sweep(db._store)


def _sweep(db):
    return module("cleanup").sweep(db)


def _step(db):
    log = db._store.log
    return log is not None and log.step() or db._leftover and module("cleanup").reclaim(db)
