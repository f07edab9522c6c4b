"""`find`: matches one at a time, for `for` and `async for`; and queries that share the event loop by it.

Every record that is there, and matches, from the first step to the last is given once, whatever is
put, changed or deleted meanwhile, and none is given twice (one that is deleted and put anew is a
new one). Records are given in the order of their keys, by an index in the order of its values.
"""

import time

from micropython import const

from ..loading import module
from ..locking import hold
from ..records import keys as _keys, record
from .run import Query, blind, check_flag, too_deep
from ..records.record import loads
from .table_scan import IDLE, NO, acceptor, literals

_AHEAD = const(8)  # matches looked for at one go, while nothing changes:
_BYTES = const(200)  # of records, for the RAM of documents that wait;
_MS = const(2)  # of time


class _Scan:
    # The matches of a query without an index, some at one go: what each look costs is shared. They are given as long as
    # nothing changes; after that the scan goes on behind the last one that was given.

    def __init__(self, db, f, limit):
        self.store = db._store
        self._literals = literals(f)
        self._accept = acceptor(db, f)
        self._test = f.test if f.fields and not f.ordered else None
        self._idle = 0
        self.left = limit
        self._start = _keys.USER
        self._most = 1
        self._ended = False
        self.timed = False  # whether one that was found may expire
        self.changed = -1  # the store's count of changes when was looked

    def more(self):
        """Return the next matches, the next one last; none yet is possible. Raises StopIteration.

        Each is (stored key, document), or with the record too, if one of them may expire.
        """
        store = self.store
        if self.changed != store.changed:
            self._most = 1  # who changes what is found needs one at a time
        elif self._ended:
            raise StopIteration
        elif self._most < _AHEAD:
            self._most *= 2
        found, self._start, self._ended = store.at_once(self._look)
        self.changed = store.changed
        if not found and self._ended:
            raise StopIteration
        found.reverse()
        return found

    def _look(self, tree):
        one, two, three, may = self._literals
        if self._idle >= IDLE:
            may = None
        accept = self._accept
        test = self._test
        parse = loads
        of = type
        document = dict
        left = min(self._most, self.left or _AHEAD)
        out = []
        append = out.append  # locals are found at once
        length = len
        ticks = time.ticks_ms
        diff = time.ticks_diff
        since = ticks()
        self.timed = False
        n = 0
        size = _BYTES
        key = None
        for key, raw in tree.items(self._start):
            if one in raw or (two is not None and (two in raw or (three is not None and three in raw))):
                if may is not None and not may(raw):
                    self._idle -= 3
                elif test is not None and raw[0] >= 8:
                    doc = parse(raw)
                    if of(doc) is document and test(doc):
                        append((key, doc))
                        left -= 1
                        size -= length(raw)
                else:
                    doc = accept(raw)
                    if doc is not NO:
                        append((key, doc, raw))
                        left -= 1
                        size -= length(raw)
                        if raw[0] < 8:
                            self.timed = True
            n += 1
            if left <= 0 or size < 0 or not n & 1 and diff(ticks(), since) >= _MS:
                if may is not None:
                    self._idle += n
                return out, key + b"\0", False
        return out, self._start if key is None else key + b"\0", True

    def back(self, last):
        """Go back to the last match that was given, or to the beginning."""
        self._ended = False
        self._start = _keys.USER if last is None else last[0] + b"\0"


class Cursor:
    """What `find` returns: gives documents, or with `keys=True` (key, document), one at a time.

    For `for` and, letting the event loop run at least every 10 ms of work on a Pico, `async for`.
    The database may be changed meanwhile. Raises `DBClosed` when it was closed.
    """

    def __init__(self, db, query, keys=False, without=()):
        self._db = db
        self._keys = keys
        self._project = query.project
        self._ready = []  # found already, the next one last
        self._bare = not keys and query.project is None
        self._scan = self._matches = self._last = None
        with hold(db):
            db._queries += 1
            plan = query.plan(db, without)
            if plan is None and query.order is None and not query.skip:
                self._scan = _Scan(db, query.filter, query.limit)
            else:
                self._matches = query.matches(db, plan, True)
        self._since = None

    def _step(self):
        # Look for more; raises StopIteration at the end.
        db = self._db
        try:
            with hold(db):
                if self._scan is not None:
                    self._ready = self._scan.more()
                elif self._matches is not None:
                    m = next(self._matches)
                    if m is not None:
                        self._ready.append(m)
                else:
                    raise StopIteration
        except RuntimeError as e:
            too_deep(e)

    def _next(self):
        # The next of the matches that are ready, or None if it is not to be given.
        m = self._ready.pop()
        scan = self._scan
        if scan is None:
            return m
        if scan.changed != scan.store.changed:
            self._ready = []
            scan.back(self._last)
            return None
        if scan.timed and len(m) > 2 and m[2][0] < 8 and self._expired(m[2]):
            return None
        self._last = m
        if scan.left:
            scan.left -= 1
            if not scan.left:
                self._scan = None
        return m

    def _expired(self, raw):
        with hold(self._db):
            return record.expired(raw, self._db._clock)

    def _shown(self, m):
        doc = m[1]
        if self._project is not None:
            doc = self._project(doc, m[0])
        return (_keys.shown(m[0]), doc) if self._keys else doc

    def __iter__(self):
        return self if self._scan is None or not self._bare or self._scan.left else self._documents(self._scan)

    def _documents(self, scan):
        # What `__next__` gives, by locals; all that is to be known after an exception is in the cursor.
        store = scan.store
        while self._scan is scan:
            ready = self._ready
            changed = scan.changed
            while ready and store.changed == changed and not scan.timed:
                m = self._last = ready.pop()
                yield m[1]
            try:
                m = self.__next__()
            except StopIteration:
                return
            yield m

    def __next__(self):
        while True:
            if self._ready:
                m = self._next()
                if m is not None:
                    return m[1] if self._bare else self._shown(m)
            else:
                self._step()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            await self._pause()
            if self._ready:
                m = self._next()
                if m is not None:
                    return self._shown(m)
            elif self._at_end():
                raise StopAsyncIteration

    def _at_end(self):
        try:
            self._step()
        except StopIteration:
            return True
        return False

    async def _pause(self):
        """Let the event loop run if the last time was some milliseconds ago."""
        import asyncio

        if self._since is None or time.ticks_diff(time.ticks_ms(), self._since) >= _MS:
            await asyncio.sleep_ms(0)
            self._since = time.ticks_ms()

    async def _each(self, work):
        """Call `work` with all matches, sharing the event loop; returns the sum of its results."""
        n = 0
        try:
            while True:
                await self._pause()
                scan = self._scan
                if scan is not None and self._bare and not scan.left:
                    ready = self._ready
                    store = scan.store
                    while ready and scan.changed == store.changed and not scan.timed:
                        m = self._last = ready.pop()
                        n += work(m[1]) or 0
                while self._ready:
                    m = self._next()
                    if m is not None:
                        n += work(self._shown(m)) or 0
                        if len(self._ready) & 1 and time.ticks_diff(time.ticks_ms(), self._since) >= _MS:
                            break
                if not self._ready and self._at_end():
                    return n
        finally:
            self.close()

    def close(self):
        """End the query early and free what it holds."""
        with self._db._lock:
            if self._matches is not None:
                self._matches.close()
            self._scan = self._matches = self._last = None
            self._ready = []


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
    await find(db, *args, **kw)._each(out.append)
    return out


async def count_async(db, q=None):
    """As `count`, sharing the event loop."""
    return await Cursor(db, blind(q))._each(lambda _: 1)
