"""Running queries: plan, scan or walk through an index, match, sort, skip and limit, one record at a time.

Every record that is there, and matches, from the first step to the last is given once, whatever is
put, changed or deleted meanwhile, and none is given twice (one that is deleted and put anew is a
new one). Records are given in the order of their keys, by an index in the order of its values.
"""

from json import loads

from . import keys as _keys
from . import record
from .errors import QueryError
from .match import compile, whole_number

_NO = object()
_TICK = 2  # records between two chances to let others run
_IDLE = 60  # a look at the raw bytes that rejects less than one record in four costs more than it saves: it is left out
_CHANGES = 256  # records that may move in an index while a query walks through it


def _sliced(items, tick):
    # Between the records, every few of them, (last key, tick).
    n = 0
    for item in items:
        yield item
        n += 1
        if n == _TICK:
            n = 0
            yield item[0], tick


def _accept(db, f, exact=False):
    # Return `g(raw)`: the document of a record that matches, or _NO. `exact`: it is known to match, if it has not expired.
    test = f.test
    fields = f.fields and not exact
    if f.ordered:
        from .order import loads as in_order

    def special(raw):
        if raw[0] < 8:
            if record.expired(raw, db._clock):
                return _NO
            if raw[0] & 2:  # not a document but a value with tags: only these can be asked for
                if not exact and not (f.only_tags and test(loads(raw[record.text_start(raw) :]))):
                    return _NO
                return record.decode(raw)
            raw = raw[record.text_start(raw) :]
        doc = loads(raw)
        if fields and (type(doc) is not dict or not test(in_order(raw) if f.ordered else doc)):
            return _NO
        return doc

    if f.ordered or not fields:
        return special

    def accept(raw):  # a small frame, see match._field
        if raw[0] < 8:
            return special(raw)
        raw = loads(raw)
        return raw if type(raw) is dict and test(raw) else _NO

    return accept


def _literals(f, limit=0):
    # (one, two, three, may): up to three alternatives are looked for right in the loop, where the time goes.
    from .plan import needles, prefilter, probe

    found = needles(f)
    number = None
    if (not found or len(found[0]) > 3 or found[0][0][-1] == 58) and not 0 < limit < 30:
        # Nothing telling to look for: then the number behind a key is worth reading. (Not for a few records.)
        number = probe(f)
        if number is not None:
            found = [some for some in found if some[0] != number[0]]
    first = [b""]
    if found and len(found[0]) <= 3:
        first = found[0]
        found = found[1:]
    one, two, three = (first + [None, None])[:3]
    return one, two, three, prefilter(found, number)


def _scan(db, f, slices, literals, accept):
    # Yield (key, document, raw) for every match, in key order; with `slices` also None now and then.
    one, two, three, may = literals
    idle = 0
    store = db._store
    start = _keys.USER
    tick = b"\x07" + one  # passes the first literal
    while start is not None:
        # As store.scan does, but what is read between two yields needs no look at the token.
        if store._tree is None:
            store.recover()
        token = store._scan = object()
        items = store._tree.items(start)
        start = None
        try:
            for key, raw in _sliced(items, tick) if slices else items:
                if one not in raw and (two is None or two not in raw and (three is None or three not in raw)):
                    continue
                if raw is tick:
                    yield None
                else:
                    if may is not None:
                        if not may(raw):
                            idle -= 3
                            continue
                        idle += 1
                        if idle == _IDLE:
                            may = None
                    doc = accept(raw)
                    if doc is _NO:
                        continue
                    yield key, doc, raw
                if store._scan is not token:
                    start = key + b"\0"
                    break
        except OSError as e:
            store._broken(e)


def _holding(raws, one, two, three):
    # Those records that hold one of the literals.
    if one == b"":
        return raws
    if two is None:
        return (raw for raw in raws if one in raw)
    if three is None:
        if two[-2:] == b":[" and one.startswith(two[:-1]):
            return _at_key(raws, two[:-1], one, two)
        return (raw for raw in raws if one in raw or two in raw)
    return (raw for raw in raws if one in raw or two in raw or three in raw)


def _at_key(raws, key, one, two):
    # The same for `"key":value` and `"key":[`: looking for the key alone is half the work.
    width = len(key)
    first = one[width]
    for raw in raws:
        at = raw.find(key) + width
        if at >= width:
            c = raw[at]
            if (c == first or c == 91 or raw.find(key, at) >= 0) and (one in raw or two in raw):
                yield raw


def _gather(db, f, limit):
    # The list of matching documents, with the lock held from first to last: the same scan at its fastest.
    one, two, three, may = _literals(f, limit)
    idle = 0
    accept = _accept(db, f)
    test = f.test if f.fields and not f.ordered else None
    out = []
    append = out.append  # locals are found at once, globals and builtins are not
    parse = loads
    of = type
    document = dict
    store = db._store
    if store._tree is None:
        store.recover()
    store._scan = object()
    try:
        for raw in _holding(store._tree.values(_keys.USER), one, two, three):
            if may is not None:
                if not may(raw):
                    idle -= 3
                    continue
                idle += 1
                if idle == _IDLE:
                    may = None
            if test is not None and raw[0] >= 8:
                doc = parse(raw)
                if of(doc) is not document or not test(doc):
                    continue
            else:
                doc = accept(raw)
                if doc is _NO:
                    continue
            append(doc)
            if limit and len(out) == limit:
                break
    except OSError as e:
        store._broken(e)
    return out


def _pick(db, f, plan, limit):
    # The same by an index that gives each record once.
    accept = _accept(db, f, plan.exact)
    exact = plan.exact
    out = []
    append = out.append
    parse = loads
    store = db._store
    if store._tree is None:
        store.recover()
    store._scan = object()
    get = store.get
    try:
        for start, end in plan.ranges:
            for entry, head in store._tree.items(start, end):
                raw = get(entry[head[0] :])
                if exact and raw[0] >= 8:
                    append(parse(raw))
                else:
                    doc = accept(raw)
                    if doc is _NO:
                        continue
                    append(doc)
                if limit and len(out) == limit:
                    return out
    except OSError as e:
        store._broken(e)
    return out


class _Watch:
    # Keeps a walk through ranges of an index right while records move in it.

    def __init__(self, db, plan):
        self.db = db
        self.index = plan.index
        self.ranges = plan.ranges
        self.down = plan.descending and plan.ordered
        self.at = None  # (value's end, entry) where the walk is
        self.moved = {}  # key -> whether the walk had met the record before it moved
        self.broken = None

    def _where(self, codes, key):
        # (met, ahead): has the walk passed one of these entries, is one still to come?
        met = ahead = False
        for code in codes:
            head = self.index.prefix + code
            entry = head + key
            for start, end in self.ranges:
                if start <= entry < end:
                    if self.at is None:
                        ahead = True
                    elif self.down and head != self.at[0]:
                        met = met or head > self.at[0]
                        ahead = ahead or head < self.at[0]
                    else:
                        met = met or entry <= self.at[1]
                        ahead = ahead or entry > self.at[1]
        return met, ahead

    def changed(self, index, key, before, after):
        if index is not self.index or not after or key in self.moved:
            return
        met = self._where(before, key)[0]
        now_met, now_ahead = self._where(after, key)
        if met and (now_ahead or not now_met) or (not met and now_met and self._where(before, key)[1]):
            if len(self.moved) >= _CHANGES:
                self.broken = "more than %d records moved in the index while a query was open" % _CHANGES
            else:
                self.moved[key] = met

    def drop(self):
        self.broken = "too many queries are open"

    def first(self, codes):
        # The first of a record's entries that the walk meets: there it is given.
        inside = [c for c in codes if self._inside(self.index.prefix + c)]
        return max(inside) if self.down else min(inside)

    def _inside(self, head):
        for start, end in self.ranges:
            if start <= head < end:
                return True
        return False


def _entries(store, start, end, down):
    # Entries of a range. Downwards, those of one value still come upwards: equal values stay in key order.
    if not down:
        yield from store.scan(start, end)
        return
    while True:
        head = None
        for key, value in store.scan(start, end, desc=True):
            head = key[: value[0]]
            break
        if head is None:
            return
        yield from store.scan(head, min(end, _keys.after(head)))
        end = head


def _walk(db, f, plan, slices, counts, watched):
    # As _scan, through the ranges of an index.
    from . import index as _index

    store = db._store
    index = plan.index
    accept = _accept(db, f, plan.exact)
    down = plan.ordered and plan.descending
    watch = None
    if not plan.single and watched:
        watch = _Watch(db, plan)
        _index.watch(watch)
    n = 0
    try:
        for start, end in reversed(plan.ranges) if down else plan.ranges:
            for entry, value in _entries(store, start, end, down):
                head = value[0]
                key = entry[head:]
                if watch is not None:
                    watch.at = entry[:head], entry
                    if watch.moved and key in watch.moved:
                        continue
                n += 1
                if slices and not n & 1:
                    yield None
                    if watch is not None and watch.broken:
                        raise QueryError(watch.broken)
                raw = store.get(key)
                if raw is None:
                    continue
                counts[0] += 1
                doc = accept(raw)
                if doc is _NO:
                    continue
                if not plan.single and index.flags & _index.MULTI:
                    codes = index.of_record(raw)
                    if len(codes) > 1:
                        first = (watch or _Watch(db, plan)).first(codes)
                        if entry[len(index.prefix) : head] != first:
                            continue
                yield key, doc, raw
                if watch is not None and watch.broken:
                    raise QueryError(watch.broken)
        if watch is not None and watch.moved:
            moved = _accept(db, f)
            for key in list(watch.moved):
                if not watch.moved[key]:
                    raw = store.get(key)
                    if raw is not None:
                        counts[0] += 1
                        doc = moved(raw)
                        if doc is not _NO:
                            yield key, doc, raw
    finally:
        if watch is not None:
            _index.unwatch(watch)


def _sorted(matches, order, keep, by_key, slices):
    # Equal ones are in key order, by whatever way they are found.
    from .order import loads as in_order
    from .sort import Sorter

    sorter = Sorter(order, keep)
    for m in matches:
        if m is None:
            yield None
        else:
            doc = m[1]
            if isinstance(doc, dict):
                for parts, _ in order:
                    if isinstance(doc.get(parts[0]), (dict, list)):  # then the order of fields may count
                        doc = in_order(m[2][record.text_start(m[2]) :])
                        break
            sorter.add(doc, (m[0], m[2]), None if by_key else m[0])
            if slices:
                yield None
    for key, raw in sorter.items:
        yield key, record.decode(raw), raw


def _cut(matches, skip, limit):
    for m in matches:
        if m is not None:
            if skip:
                skip -= 1
                continue
            yield m
            if limit:
                limit -= 1
                if not limit:
                    return
        else:
            yield None


def _too_deep(error):
    # A chip's stack ends before our own limits do: say so as these do.
    if "recursion" in str(error):
        raise QueryError("filter or document nested deeper than this board's stack allows")
    raise error


class Query:
    """A compiled query: filter, order, skip, limit, projection. All arguments are checked here.

    Raises `QueryError` for a malformed filter, `sort`, `skip`, `limit` or `fields`.
    """

    def __init__(self, q, sort=None, skip=0, limit=0, fields=None):
        try:
            self.filter = compile(q)
        except RuntimeError as e:
            _too_deep(e)
        self.order = None
        if sort is not None:
            from .sort import parse

            self.order = parse(sort)
        self.skip = skip if type(skip) is int and skip >= 0 else whole_number("skip", skip)
        if type(limit) is not int or limit < 0:
            limit = whole_number("limit", limit)
        most = self.filter.limit
        self.limit = min(limit, most) if limit and most else limit or most
        self.project = None
        if fields is not None:
            from . import project

            self.project = project.compile(fields)

    def plan(self, db, without=()):
        """Return the `plan.Plan`, None for a plain scan without any index to think about."""
        if not self.filter.sargs and (self.order is None or not db._indexes):
            return None
        if not db._indexes and not any(s[0] == "tags" for s in self.filter.sargs):
            return None
        from .plan import choose

        p = choose(db, self.filter, self.order, without)
        return p if p.index is not None else None

    def run(self, db, slices=False, counts=None, watched=True, without=()):
        """Return a generator of (stored key, document, raw), to be advanced with the database lock held.

        With `slices` it gives None between, every few records. `counts[0]` is increased for each
        record fetched through an index.
        """
        plan = self.plan(db, without)
        if plan is None:
            matches = _scan(db, self.filter, slices, _literals(self.filter), _accept(db, self.filter))
        else:
            matches = _walk(db, self.filter, plan, slices, counts or [0], watched)
        if self.order is not None and not (plan is not None and plan.ordered):
            matches = _sorted(matches, self.order, self.skip + self.limit if self.limit else 0, plan is None, slices)
        if self.skip or self.limit:
            matches = _cut(matches, self.skip, self.limit)
        return matches


class Cursor:
    """What `find` returns: gives documents, or with `keys=True` (key, document), one at a time.

    For `for` and, letting the event loop run at least every 10 ms of work on a Pico, `async for`.
    The database may be changed meanwhile. Raises `DBClosed` when it was closed.
    """

    def __init__(self, db, query, keys=False, watched=True, without=()):
        self._db = db
        self._keys = keys
        self._project = query.project
        db._enter()
        try:
            db._queries += 1
            self._matches = query.run(db, True, None, watched, without)
        finally:
            db._lock.release()
        self._since = None

    def _step(self):
        db = self._db
        db._enter()
        try:
            return next(self._matches)
        except RuntimeError as e:
            _too_deep(e)
        finally:
            db._lock.release()

    def _shown(self, m):
        doc = m[1]
        if self._project is not None:
            doc = self._project(doc)
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
        import time
        import asyncio

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
        self._matches.close()


def find(db, q=None, keys=False, sort=None, skip=0, limit=0, fields=None):
    """Return a `Cursor` over the matches."""
    return Cursor(db, Query(q, sort, skip, limit, fields), keys)


def query(db, q=None, keys=False, sort=None, skip=0, limit=0, fields=None):
    """Return the list of matching documents, with `keys=True` of (key, document)."""
    compiled = Query(q, sort, skip, limit, fields)
    db._enter()
    try:
        db._queries += 1
        project = compiled.project
        plan = compiled.plan(db)
        if not keys and compiled.order is None and not compiled.skip and (plan is None or plan.once):
            if plan is None:
                found = _gather(db, compiled.filter, compiled.limit)
            else:
                found = _pick(db, compiled.filter, plan, compiled.limit)
            return found if project is None else [project(doc) for doc in found]
        matches = compiled.run(db)
        if project is None:
            if keys:
                return [(_keys.shown(m[0]), m[1]) for m in matches]
            return [m[1] for m in matches]
        if keys:
            return [(_keys.shown(m[0]), project(m[1])) for m in matches]
        return [project(m[1]) for m in matches]
    except RuntimeError as e:
        _too_deep(e)
    finally:
        db._lock.release()


def count(db, q=None):
    """Return the number of matching documents. An index that decides the filter alone is counted without reading records."""
    compiled = Query(q)
    db._enter()
    try:
        db._queries += 1
        n = 0
        plan = compiled.plan(db)
        if plan is not None and plan.exact and plan.single and not compiled.limit and db._expiry is None:
            for start, end in plan.ranges:
                for _ in db._store.scan(start, end, 1):
                    n += 1
            return n
        for _ in compiled.run(db):
            n += 1
        return n
    except RuntimeError as e:
        _too_deep(e)
    finally:
        db._lock.release()


def _given(q):
    # To change everything, say so with {}: None is a filter that was forgotten.
    if q is None:
        raise TypeError("q: a filter, not NoneType")
    return q


def delete_many(db, q):
    """Delete all matches, one at a time; returns how many."""
    n = 0
    for key, _ in Cursor(db, Query(_given(q), fields=()), True, False):
        n += db.delete(key)
    return n


def update_many(db, q, changes):
    """Apply `changes` to all matches, each one atomically; returns how many.

    Raises `QueryError` for malformed changes before any record is read. An error in one document
    leaves this one as it was and those before it changed.
    """
    n = 0
    for key, _ in _to_update(db, q, changes):
        n += db.update(key, changes)
    return n


def _to_update(db, q, changes):
    from . import update

    paths = update.check(changes)
    # An index whose entries move under the walk is not used: key order needs no memory.
    without = [p for p in db._indexes or () if any(_touches(p, c) for c in paths)]
    return Cursor(db, Query(_given(q), fields=()), True, False, without)


def _touches(a, b):
    return a == b or a.startswith(b + ".") or b.startswith(a + ".")


def explain(db, q=None, sort=None, skip=0, limit=0):
    """Run a query and return how: plan, index, records examined, parsed and returned, and where the order came from."""
    compiled = Query(q, sort, skip, limit)
    db._enter()
    try:
        plan = compiled.plan(db)
        counts = [0]
        returned = 0
        out = {"plan": "scan", "index": None, "prefilter": [], "sort": None}
        if compiled.order is not None:
            out["sort"] = "index" if plan is not None and plan.ordered else "memory"
        if plan is not None:
            out.update(plan.describe())
            for _ in compiled.run(db, counts=counts):
                returned += 1
        else:
            from .plan import needles

            out["prefilter"] = [[bytes(s).decode() for s in some] for some in needles(compiled.filter)]
            examined = _Examined(db)
            for m in compiled.run(examined):
                returned += 1
            counts[0] = examined.count
        out["examined"] = counts[0]
        out["returned"] = returned
        return out
    except RuntimeError as e:
        _too_deep(e)
    finally:
        db._lock.release()


class _Examined:
    # Stands for a database whose store counts the records that a scan reads.

    def __init__(self, db):
        self._clock = db._clock
        self._indexes = db._indexes
        self._store = self
        self._tree = self
        self._scan = None
        self._real = db._store
        self._broken = db._store._broken
        self.count = 0

    def items(self, start):
        for item in self._real.scan(start):
            if not (item[1][0] < 8 and record.expired(item[1], self._clock)):
                self.count += 1
            yield item


def create_index_steps(db, path):
    """Index a path ("address.city"): existing records in bounded steps, new ones as they come. Returns None.

    Raises `QueryError` for a path that cannot be indexed, `DBFull`.
    """
    from . import index

    yield from index.build(db, path)


def drop_index_steps(db, path):
    """Remove an index; returns whether there was one."""
    from . import index

    return (yield from index.drop(db, path))


async def query_async(db, *args, **kw):
    """As `query`, sharing the event loop."""
    from .steps import collected

    return await collected(find(db, *args, **kw))


async def count_async(db, q=None):
    """As `count`, sharing the event loop."""
    n = 0
    async for _ in Cursor(db, Query(q, fields=())):
        n += 1
    return n


async def delete_many_async(db, q):
    """As `delete_many`, sharing the event loop."""
    n = 0
    async for key, _ in Cursor(db, Query(_given(q), fields=()), True, False):
        n += db.delete(key)
    return n


async def update_many_async(db, q, changes):
    """As `update_many`, sharing the event loop."""
    n = 0
    async for key, _ in _to_update(db, q, changes):
        n += db.update(key, changes)
    return n


def indexes(db):
    """Return the sorted list of indexed paths; tags, always indexed, are not in it."""
    db._enter()
    try:
        return sorted(p for p in db._indexes or () if db._indexes[p].ready)
    finally:
        db._lock.release()
