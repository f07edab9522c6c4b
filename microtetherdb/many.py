"""`delete_many` and `update_many`: all matches, one at a time and each by itself."""

from .loading import module
from .query.cursor import Cursor
from .query.run import Query


def _given(q):
    # To change everything, say so with {}: None is a filter that was forgotten.
    if q is None:
        raise TypeError("q: a filter, not NoneType")
    return q


def delete_many(db, q):
    """Delete all matches, one at a time; returns how many."""
    n = 0
    for key, _ in _to_delete(db, q):
        n += db.delete(key)
    return n


def _to_delete(db, q):
    return Cursor(db, Query(_given(q), fields=()), True)


def update_many(db, q, changes):
    """Apply `changes` to all matches, each one atomically; returns how many.

    Raises `QueryError` for malformed changes before any record is read. An error in one document
    leaves this one as it was and those before it changed.
    """
    n = 0
    cursor, changes = _to_update(db, q, changes)
    for key, _ in cursor:
        n += db.update(key, changes)
    return n


def _to_update(db, q, changes):
    update = module("update.operators")
    changes = update.parsed(changes)
    paths = update.check(changes)
    # An index whose entries move under the walk is not used: key order needs no memory.
    without = [p for p in db._indexes or () if any(_touches(p, c) for c in paths)]
    return Cursor(db, Query(_given(q), fields=()), True, without), changes


def _touches(a, b):
    return a == b or a.startswith(b + ".") or b.startswith(a + ".")


async def delete_many_async(db, q):
    """As `delete_many`, sharing the event loop."""
    return await _to_delete(db, q)._each(lambda m: db.delete(m[0]))


async def update_many_async(db, q, changes):
    """As `update_many`, sharing the event loop."""
    cursor, changes = _to_update(db, q, changes)
    return await cursor._each(lambda m: db.update(m[0], changes))
