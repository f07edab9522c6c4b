"""Running a query through ranges of an index.

Records may move in the index between two steps of a walk. It looks up what moved since its last step (`index_entries.Moves`),
remembers those that it would miss or meet twice, and gives them at the end.
"""

from ..errors import QueryError
from ..records.key_range import after
from ..records.record import loads
from . import index_entries as _index
from .table_scan import NO, acceptor

_CHANGES = 256  # records that may move in an index while a query walks through it


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
                f.key = entry[head[0] :]
                doc = accept(raw)
                if doc is NO:
                    continue
                append(doc)
            if limit and len(out) == limit:
                return out
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

    def begin(self):
        db = self.db
        if db._moves is None:
            db._moves = _index.Moves()
        self.moves = db._moves
        self.moves.walks += 1
        self.seen = self.moves.count

    def end(self):
        self.moves.walks -= 1
        if not self.moves.walks and self.db._moves is self.moves:
            self.db._moves = None

    def look(self):
        # What moved since the last step.
        moves = self.moves
        if self.seen != moves.count or self.db._moves is not moves:
            fresh = moves.since(self.seen) if self.db._moves is moves else None
            if fresh is None:
                self._too_many()
            for number, key, before, after in fresh:
                if number == self.index.number and key not in self.moved:
                    self._moved(key, before, after)
            moves.seen = self.seen = moves.count

    def _too_many(self):
        raise QueryError("more than %d records moved in the index while a query was open" % _CHANGES)

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

    def _moved(self, key, before, after):
        met = self._where(before, key)[0]
        now_met, now_ahead = self._where(after, key)
        if met and (now_ahead or not now_met) or (not met and now_met and self._where(before, key)[1]):
            if len(self.moved) >= _CHANGES:
                self._too_many()
            self.moved[key] = met

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
    # Entries of a range. Downwards, those of one value still come upwards: equal values stay in key order (2: they do not).
    if down == 2:
        yield from store.scan(start, end, desc=True)
        return
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
        yield from store.scan(head, min(end, after(head)))
        end = head


def _resumed(db, index, watch):
    # After a pause: the index must not have gone, as entries that are being removed would end the walk early.
    if index.number:
        now = (db._indexes or {}).get(index.path)
        if now is None or now.number != index.number or not now.ready:
            raise QueryError("the index on %s was dropped while a query was open" % index.name())
    if watch is not None:
        watch.look()


def walk(db, f, plan, slices, counts):
    """Yield as `table_scan.scan` does. `counts[0]`: records fetched. `slices`: records may move between two steps."""
    store = db._store
    index = plan.index
    accept = acceptor(db, f, plan.exact)
    down = plan.ordered and plan.descending
    watch = None
    if slices:
        _resumed(db, index, None)
        if not plan.single:
            watch = _Watch(db, plan)
            watch.begin()
    n = 0
    try:
        for start, end in reversed(plan.ranges) if down else plan.ranges:
            for entry, value in _entries(store, start, end, down):
                head = value[0]
                key = entry[head:]
                n += 1
                if slices and not n & 1:
                    was = store.changed
                    yield None
                    _resumed(db, index, watch)
                    if store.changed != was and store.get(entry) is None:
                        continue  # it has moved
                if watch is not None:
                    watch.at = entry[:head], entry
                    if watch.moved and key in watch.moved:
                        continue
                raw = store.get(key)
                if raw is None:
                    continue
                counts[0] += 1
                f.key = key
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
                if slices:
                    _resumed(db, index, watch)
        if watch is not None and watch.moved:
            moved = acceptor(db, f)
            for key in list(watch.moved):
                if not watch.moved[key]:
                    raw = store.get(key)
                    if raw is not None:
                        counts[0] += 1
                        f.key = key
                        doc = moved(raw)
                        if doc is not NO:
                            yield key, doc, raw
    finally:
        if watch is not None:
            watch.end()
