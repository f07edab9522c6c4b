"""Planner: which index and which ranges of it a query runs through, if any."""

from ..loading import module
from ..records.key_range import after
from . import index_entries as _index
from .value_order import entry, kind


_LOW = {2: b"\x20", 3: b"\x30", 8: b"\x50"}
_HIGH = {2: b"\x23", 3: b"\x31", 8: b"\x52"}


class Plan:
    """`index` (None: scan), `ranges` [(start, end)] of entries, `exact`: all in them match.

    `single`: one value of the index; `once`: no record is in the ranges twice; `ordered`: in the order of the sort.
    `descending`: that from the end downwards; 2: also the records of one value.
    """

    index = ranges = None
    exact = single = once = ordered = descending = False

    def describe(self):
        """Return what `explain` says about it."""
        if self.index is None:
            return {"plan": "scan", "index": None}
        return {"plan": "index", "index": self.index.name(), "ranges": len(self.ranges)}


def _point(index, x):
    # The range of one value, and whether it holds nothing else; None when the index cannot tell.
    k = kind(x)
    if k == 4 or k == 5 or k == 0 or (k == 1 and not index.number):
        return None  # what has no tags is not in the tags' index
    code, whole = entry(x)
    start = index.prefix + code
    return start, after(start), whole and k != 1


def _points(index, values):
    exact = True
    ranges = []
    for x in values:
        p = _point(index, x)
        if p is None:
            return None
        exact = exact and p[2]
        if p[:2] not in ranges:
            ranges.append(p[:2])
    ranges.sort()
    return ranges, exact


def _bound(index, op, x):
    # (start, end, exact) of a comparison.
    k = kind(x)
    if k == 1:
        if op == "$gte" or op == "$lte":
            return _point(index, None)
        return None
    if k not in _LOW:
        return None
    start = index.prefix + _LOW[k]
    end = index.prefix + _HIGH[k]
    code, whole = entry(x)
    code = index.prefix + code
    if op == "$gt":
        start = after(code) if whole else code
    elif op == "$gte":
        start = code
    elif op == "$lt":
        end = code if whole else after(code)
    else:
        end = after(code)
    return start, end, whole


def _candidate(index, sargs):
    # (cost, ranges, number of sargs used, exact) for an index, or None.
    best = None
    bounds = None
    used = 0
    exact = True
    for path, op, x in sargs:
        if path != index.path:
            continue
        if op == "$eq" or op == "$in" or op == "$all":
            found = _points(index, (x,) if op == "$eq" else x[:1] if op == "$all" else x)
            if found is not None and (best is None or len(found[0]) < best[0]):
                ranges, whole = found
                best = (len(ranges), ranges, 1, whole and (op != "$all" or len(x) == 1))
            continue
        if op == "$regex":
            if not x.prefix:
                continue
            code = index.prefix + b"\x30" + x.prefix.encode().replace(b"\0", b"\0\xff")[:55]
            b = (code, after(code), False)
        elif op == "$contains":
            continue
        else:
            b = _bound(index, op, x)
            if b is None:
                continue
        if bounds is None:
            bounds = b[:2]
        elif index.flags & _index.MULTI:
            continue  # each condition may be met by another element
        else:
            bounds = max(bounds[0], b[0]), min(bounds[1], b[1])
        used += 1
        exact = exact and b[2]
    if best is not None:
        return best
    if bounds is None:
        return None
    return 20 if used > 1 else 30, [bounds] if bounds[0] < bounds[1] else [], used, exact


def choose(db, f, order, without=()):
    """Return the `Plan` for a compiled filter. `order`: parsed sort or None; `without`: paths not to be used."""
    plan = Plan()
    indexes = [i for i in (db._indexes or {}).values() if i.ready]
    indexes.append(_index.TAGS)
    sargs = f.sargs
    best = by_order = chosen = None
    for index in indexes:
        if index.path in without:
            continue
        if index.spec is not None:
            c = module("query.compound").candidate(index, sargs, order)
        else:
            if order is not None and len(order) == 1 and index.parts == order[0][0] and not index.flags & 3:
                by_order = index
            c = _candidate(index, sargs) if sargs else None
        if c is not None and (best is None or c[0] < best[0] or c[0] == best[0] and (index is by_order or len(c) > 4 and c[5])):
            best = c
            chosen = index
    if by_order is not None and (best is None or best[0] == 1000):
        best = 2, [(by_order.prefix, after(by_order.prefix))], 0, not f.fields
        chosen = by_order
    if best is not None:
        plan.index = chosen
        plan.ranges = best[1]
        plan.exact = best[3] and best[2] == len(sargs) and not f.rest
        if chosen.spec is not None:
            plan.single, plan.ordered, plan.descending = best[4:]
        else:
            plan.single = best[0] <= 1
            for p in chosen.parts:
                if p.isdigit() and best[2]:
                    plan.exact = False
            if chosen is by_order:
                plan.ordered = True
                plan.descending = order[0][1]
        plan.once = plan.single or not chosen.flags & _index.MULTI
    return plan
