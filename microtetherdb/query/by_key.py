"""`_id`, the record's key, in filters and sorts: conditions on it, look-ups and ranges of keys, and walks in their order."""

from ..loading import module
from ..locking import hold
from ..records import keys as _keys
from ..records import record
from ..records.key_range import after, bound
from .predicate import conjunction, on_element
from .table_scan import NO, TICK, acceptor, scan
from .value_order import MISSING

_LONGEST = 129  # bytes of a stored key
_MATCHES = 10  # records that one value of an index is taken to have


class Keys:
    """What a filter says about keys: `sargs`, as the filter's own, and tests of the key that every match passes.

    `loose`: there is more than what is in `sargs`.
    """

    loose = False

    def __init__(self):
        self.sargs = []
        self.tests = []

    def may(self, f):
        """Return the test of what is known before the document is: the key."""
        return f.test if f.only_key() else conjunction(self.tests)


def asked(f):
    """Note that a filter looks at the key by more than conditions on it."""
    if f.keys is None:
        f.keys = Keys()
    f.keys.loose = True


def condition(f, name, x, conjunct):
    """Return a test for the documents of a filter that looks at the key of the record, `f.key`, instead. `name`: `_id` or a path below it."""
    if f.keys is None:
        f.keys = Keys()
    others = f.sargs, f.only_tags
    f.sargs = []
    test = conjunction([on_element(c) for c in f.conditions(name, x, conjunct)])
    sargs = f.sargs
    f.sargs, f.only_tags = others
    shown = _keys.shown
    if name == "_id":
        of_key = lambda doc: test(shown(f.key))
    else:
        sargs = ()
        of_key = lambda doc: test(MISSING)  # a key has no fields
    if conjunct:
        f.rest += 1
        f.keys.sargs.extend(sargs)
        f.keys.tests.append(of_key)
    if not conjunct or len(sargs) != (len(x) if isinstance(x, dict) else 1):
        f.keys.loose = True
    return of_key


def one(db, q, keys, skip, limit):
    """Return what `query` does for `{"_id": key}`, at little more than the cost of `get`; None for any other query."""
    key = q["_id"]
    if len(q) > 1 or key.__class__ is not str or skip.__class__ is not int or skip or limit.__class__ is not int or limit < 0:
        return None
    at = bound(key, "_id")
    with hold(db):
        db._queries += 1
        raw = db._store.get(at) if len(at) <= _LONGEST else None
        if raw is None or raw[0] < 8 and record.expired(raw, db._clock):
            return []
    raw = record.decode(raw)
    return [(key, raw)] if keys else [raw]


class Plan:
    """Stored `keys` to be looked up, or None for a range from `start` to `end`. Also what `planner.Plan` has.

    `loose`: not all of them fulfil the conditions.
    """

    index = None
    exact = single = once = loose = False

    def __init__(self, sargs):
        self.keys = None
        self.start = _keys.USER
        self.end = None
        self.ordered = self.descending = False
        for _, op, x in sargs:
            self._take(op, x)
        if self.keys is not None:
            self.keys = sorted(k for k in self.keys if k >= self.start and (self.end is None or k < self.end))

    def _take(self, op, x):
        if op == "$eq":
            self._points((x,))
        elif op == "$in":
            self._points(x)
        elif op == "$all":
            if not x:
                self._points(x)
            for m in x:
                self._points((m,))
        elif op == "$regex":
            if x.prefix:
                low = bound(x.prefix, op)
                self._within(low, after(low))
            self.loose = True
        elif op == "$contains":
            self.loose = True
        else:
            if type(x) is not str:
                self._within(_keys.USER, _keys.USER)  # no key compares with it
                return
            x = bound(x, op)
            if op == "$gt" or op == "$lte":
                x += b"\0"
            if op[1] == "g":
                self._within(x, None)
            else:
                self._within(_keys.USER, x)

    def _points(self, values):
        found = set()
        for x in values:
            if type(x) is str:
                x = bound(x, "key")
                if len(x) <= _LONGEST:
                    found.add(x)
            elif hasattr(x, "search") or isinstance(x, dict):
                self.loose = True  # a regular expression, or of $all what an element is to match
                return
        self.keys = found if self.keys is None else found & self.keys

    def _within(self, low, high):
        if low > self.start:
            self.start = low
        if high is not None and (self.end is None or high < self.end):
            self.end = high

    def whole(self):
        """Tell whether it goes through all records."""
        return self.keys is None and self.end is None and self.start == _keys.USER

    def describe(self):
        """Return what `explain` says about it."""
        if self.keys is not None:
            return {"plan": "key", "ranges": len(self.keys)}
        if self.whole():
            return {"plan": "scan"}
        return {"plan": "key range", "ranges": 1 if self.end is None or self.start < self.end else 0}


def choose(db, query, without):
    """Return the `Plan` of a query that asks for keys, or that of an index which is likely to be better."""
    f = query.filter
    order = query.order
    sorted_by_key = order is not None and order[0][0] == ["_id"]
    plan = Plan(f.keys.sargs if f.keys is not None else ())
    if sorted_by_key:
        plan.ordered = True
        plan.descending = order[0][1]
    if plan.keys is not None and len(plan.keys) < 2 or not db._indexes and not f.asks_tags:
        return plan
    other = module("query.planner").choose(db, f, None if sorted_by_key else order, without)
    if other.index is None:
        return plan
    # Equality before `$in` before ranges, as the planner has it.
    values = 1 if other.single else len(other.ranges)
    few = other.single or values != 1
    if plan.keys is not None:
        better = few and len(plan.keys) > _MATCHES * values
    elif plan.whole():
        better = few or not (sorted_by_key and query.limit)
    else:
        better = few
    if not better:
        return plan
    if sorted_by_key and other.single:
        # The entries of one value are in the order of their keys.
        other.ordered = True
        other.descending = 2 if plan.descending else 0
    return other


def walk(db, f, plan, slices, counts):
    """Yield as `table_scan.scan` does. `counts[0]`: records read."""
    exact = f.only_key() and not f.keys.loose and not plan.loose
    if plan.keys is not None:
        return _looked_up(db, f, plan, slices, counts, exact)
    return scan(db, f, slices, _records(db, f, plan, counts), exact)


def _looked_up(db, f, plan, slices, counts, exact):
    accept = acceptor(db, f, exact)
    n = 0
    for key in reversed(plan.keys) if plan.descending else plan.keys:
        if slices:
            n += 1
            if n > TICK:
                n = 1
                yield None
        raw = db._store.get(key)
        if raw is None or raw[0] < 8 and record.expired(raw, db._clock):
            continue
        counts[0] += 1
        f.key = key
        doc = accept(raw)
        if doc is not NO:
            yield key, doc, raw


def _records(db, f, plan, counts):
    if plan.end is not None and plan.end <= plan.start:
        return
    for item in db._store.scan(plan.start, plan.end, desc=plan.descending):
        f.key = item[0]
        if not (item[1][0] < 8 and record.expired(item[1], db._clock)):
            counts[0] += 1
        yield item
