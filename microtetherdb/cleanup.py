"""Removing what has expired: some of it, all of it, and what is left behind."""

from .flushing import commit, flush_due
from .loading import module
from .records import record


def expire(db, limit, flush=True):
    """Remove expired records, at most `limit` (0: all), with the lock held; returns how many.

    `flush`: in the rhythm of the other operations; if False, the caller does it, as a piece of work of its own.
    """
    db._clock.tick()
    n = 0
    store = db._store
    if db._expiry is None:
        return 0
    while not limit or n < limit:
        key = db._expiry.next(store, db._clock)
        if key is None:
            break
        old = store.get(key)
        if old is None or not record.expired(old, db._clock):
            break
        out = []
        part = db
        if not key[0]:
            part, key = module("parts").owner(db, key)
        was, new = module("changelist").changes(part, key, old, None, out)
        part._store.apply(out)
        part._expiry.applied(key, was, new)
        n += 1
        db._made += 1
        db._deletes += 1
        if flush and not store.ram and db._made >= db._due:
            commit(db)
    db._expired += n
    if not n:
        db._expiry.sweep(store)
    return n


def reclaim(db):
    """Remove a little of what a dropped or unfinished index, or a dropped collection, left; with the lock held; True if there may be more."""
    if db._store.first(b"\0d") is not None and module("parts").reclaim(db):
        return True
    return module("query.index_entries").reclaim(db)


def sweep(db):
    """One piece of the full sweep that is due each `cleanup_interval`, with the lock held; True if there is more."""
    more = db._expiry is not None and db._expiry.sweep(db._store, True)
    log = db._store.log
    return log is not None and log.step() or more


def cleanup_steps(db):
    """Remove every expired record now; returns how many."""
    n = 0
    while expire(db, 1, False):
        n += 1
        yield
        while flush_due(db):
            yield
    while db._expiry is not None and db._expiry.sweep(db._store):
        yield
    while db._leftover and reclaim(db):
        yield
    return n
