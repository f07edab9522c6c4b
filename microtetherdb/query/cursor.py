"""`find`: matches one at a time, for `for` and `async for`; and queries that share the event loop by it.

Every record that is there, and matches, from the first step to the last is given once, whatever is
put, changed or deleted meanwhile, and none is given twice (one that is deleted and put anew is a
new one). Records are given in the order of their keys, by an index in the order of its values.
"""

from ..loading import module
from ..locking import hold
from ..records import keys as _keys
from .run import Query, check_flag, too_deep


def blind(q):
    """Return a `Query` of which what matches is wanted and not the documents."""
    q = Query(q)
    q.filter.blind = True
    return q


class Cursor:
    """What `find` returns: gives documents, or with `keys=True` (key, document), one at a time.

    For `for` and, letting the event loop run at least every 10 ms of work on a Pico, `async for`.
    The database may be changed meanwhile. Raises `DBClosed` when it was closed.
    """

    def __init__(self, db, query, keys=False, without=()):
        self._db = db
        self._keys = keys
        self._project = query.project
        with hold(db):
            db._queries += 1
            self._matches = query.run(db, True, None, without)
        self._since = None

    def _step(self):
        db = self._db
        try:
            with hold(db):
                return next(self._matches)
        except RuntimeError as e:
            too_deep(e)

    def _shown(self, m):
        doc = m[1]
        if self._project is not None:
            doc = self._project(doc, m[0])
        return (_keys.shown(m[0]), doc) if self._keys else doc

    def __iter__(self):
        return self

    def __next__(self):
        m = None
        while m is None:
            m = self._step()
        return self._shown(m)

    def __aiter__(self):
        return self

    async def __anext__(self):
        import asyncio
        import time

        if self._since is None:
            await asyncio.sleep_ms(0)
            self._since = time.ticks_ms()
        while True:
            try:
                m = self._step()
            except StopIteration:
                m = StopAsyncIteration
            if m is StopAsyncIteration:
                raise StopAsyncIteration
            if time.ticks_diff(time.ticks_ms(), self._since) >= 2:
                await asyncio.sleep_ms(0)
                self._since = time.ticks_ms()
            if m is not None:
                return self._shown(m)

    def close(self):
        """End the query early and free what it holds."""
        with self._db._lock:
            self._matches.close()


def find(db, q=None, keys=False, sort=None, skip=0, limit=0, fields=None, key_field=None):
    """Return a `Cursor` over the matches. `key_field`: see `query`."""
    check_flag(keys, "keys")
    query = Query(q, sort, skip, limit, fields)
    if key_field is not None:
        module("query.projection").add_key(query, key_field)
    return Cursor(db, query, keys)


async def query_async(db, *args, **kw):
    """As `query`, sharing the event loop."""
    out = []
    await module("steps").each(find(db, *args, **kw), out.append)
    return out


async def count_async(db, q=None):
    """As `count`, sharing the event loop."""
    return await module("steps").each(Cursor(db, blind(q)), lambda _: 1)
