"""Running a query through ranges of an index.

Records may move in the index between two steps of a walk. It is told of every change (index.watch),
remembers those that it would miss or meet twice, and gives them at the end.
"""

from json import loads

from . import index as _index
from . import keys
from .errors import QueryError
from .scan import NO, acceptor

_CHANGES = 256  # records that may move in an index while a query walks through it

len = len  # see predicate.py


def pick(db, f, plan, limit):
    """Return the list of matching documents, with the lock held from first to last, by an index that gives each record once."""
    return db._store.at_once(lambda tree: _pick(db, f, plan, limit, tree))


def _pick(db, f, plan, limit, tree):
    accept = None
    exact = plan.exact
    out = []
    append = out.append  # locals are found at once
    parse = loads
    get = db._store.get
    for start, end in plan.ranges:
        for entry, head in tree.items(start, end):
            raw = get(entry[head[0] :])
            if exact and raw[0] >= 8:
                append(parse(raw))
            else:
                if accept is None:
                    accept = acceptor(db, f, exact)
                doc = accept(raw)
                if doc is NO:
                    continue
                append(doc)
            if limit and len(out) == limit:
                return out
    return out


class _Watch:
    # Keeps a walk through ranges of an index right while records move in it.

    moved_at = 0  # see index.moved

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
        yield from store.scan(head, min(end, keys.after(head)))
        end = head


def walk(db, f, plan, slices, counts, watched):
    """Yield as `scan.scan` does. `counts[0]`: records fetched. `watched`: records may move meanwhile."""
    store = db._store
    index = plan.index
    accept = acceptor(db, f, plan.exact)
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
                    _index.moved(watch)
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
                if doc is NO:
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
            moved = acceptor(db, f)
            for key in list(watch.moved):
                if not watch.moved[key]:
                    raw = store.get(key)
                    if raw is not None:
                        counts[0] += 1
                        doc = moved(raw)
                        if doc is not NO:
                            yield key, doc, raw
    finally:
        if watch is not None:
            _index.unwatch(watch)
