"""`delete_many` and `update_many`: all matches, one at a time and each by itself; and `distinct`."""

from .loading import module
from .query.cursor import Cursor
from .query.path import fields, walk
from .query.run import Query, blind
from .query.value_order import MISSING, encode
from .records import keys


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
    return Cursor(db, blind(_given(q)), True)


def update_many(db, q, changes, array_filters=None):
    """Apply `changes` to all matches, each one atomically; returns how many.

    `$` in a path is the element that the filter found, `$[name]` those of `array_filters`. Raises `QueryError` for malformed
    changes before any record is read. An error in one document leaves this one as it was and those before it changed.
    """
    n = 0
    cursor, work = _to_update(db, q, changes, array_filters)
    for m in cursor:
        n += work(m)
    return n


def _to_update(db, q, changes, array_filters=None):
    update = module("update.operators")
    changes = update.check(changes)
    q = module("query.filter").parsed(_given(q))
    places = update.places(changes, q, array_filters)
    change = module("modify").change
    stored = keys.stored
    return Cursor(db, blind(q), True, untouched(db, changes)), lambda m: change(db, m[0], stored(m[0]), changes, places)


def untouched(db, changes):
    """Return the indexes (their paths) whose entries checked changes move: a walk uses none of them, as key order needs no memory."""
    paths = module("update.target").touched(changes)
    return [i.path for i in (db._indexes or {}).values() if any(_touches(p, c) for c in paths for p in i.paths())]


def _touches(a, b):
    return a == b or a.startswith(b + ".") or b.startswith(a + ".")


async def delete_many_async(db, q):
    """As `delete_many`, sharing the event loop."""
    return await _to_delete(db, q)._each(lambda m: db.delete(m[0]))


async def update_many_async(db, q, changes, array_filters=None):
    """As `update_many`, sharing the event loop."""
    cursor, work = _to_update(db, q, changes, array_filters)
    return await cursor._each(work)


def distinct_steps(db, path, q=None):
    """Return the list of different values at a path in all matches, the elements of an array one by one, in the order of finding."""
    parts = fields(path, "path")
    query = Query(q)
    seen = set()
    out = []

    def take(v):
        code = encode(v)
        if code not in seen:
            seen.add(code)
            out.append(v)

    def found(v, alone):
        if isinstance(v, list) and not alone:
            for e in v:
                take(e)
        elif v is not MISSING:
            take(v)
        return False

    for m in query.run(db, True):
        if m is None:
            yield
        elif parts == ["_id"]:
            take(keys.shown(m[0]))
        elif isinstance(m[1], dict):
            walk(m[1], parts, 0, found)
    return out
