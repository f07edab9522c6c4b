"""Upkeep between two operations: flush when due, remove what has expired, start the background task once there is a loop."""

import sys
import time

from micropython import const

from .flushing import commit, early, kept
from .loading import HOME, get_ident, module

_SLICE = const(2)  # expired records removed after one operation


def connect(db, store):
    """Set what the store and its page log call when they need the database above them; they know nothing of it else."""
    store.on_full = lambda: module("cleanup").expire(db, 0)
    log = store.log
    if log is not None:
        log.before_compaction = lambda: early(db, store)
        log.owner = lambda log, must: kept(db, db._clock, log.state, must)


def count(db, n=1):
    """Count changes, with the lock held; every few, do what is due. `database` does it itself for a put and a delete."""
    db._made += n
    if db._made >= db._next:
        tick(db)


def tick(db):
    """Between operations, with the lock held: flush when due, then expire a little when due."""
    try:
        _upkeep(db)
    except MemoryError:  # would say that the call was not done; after the next one this is tried again
        db._next = db._made + 1


def _upkeep(db):
    db._next = db._due
    if db._made >= db._due:
        commit(db)
    if db._task is None:
        core = sys.modules.get("asyncio.core")
        if core is not None:  # a loop may start after the opening
            if core.cur_task is None:
                db._next = db._made + 1
            elif get_ident() == HOME:
                module("background").attach(db)
    if db._leftover:
        module("cleanup").reclaim(db)
    now = time.ticks_ms()
    if not 0 <= time.ticks_diff(now, db._checked) < db._check_ms:  # below 0: ticks went round, nobody called for days
        cleanup = module("cleanup")
        if cleanup.expire(db, _SLICE) == _SLICE:
            db._next = db._made + 1  # more is due: go on after the next operation
        else:
            db._checked = now
            if not 0 <= time.ticks_diff(now, db._swept) < db._sweep_ms and not cleanup.sweep(db):
                db._swept = now
