"""How a query runs: which index and which ranges of it, or a scan with literals to look for first.

The prefilter looks for bytes that the JSON text of every match must hold, so that most other records
are never parsed. It agrees with the writer: compact JSON as MicroPython's `json.dumps` makes it,
non-ASCII characters as UTF-8, control characters, quotes and backslashes escaped.
"""

from . import index as _index
from .keys import after
from .match import conjunction
from .order import entry, kind

_MANY = 8  # alternatives of one literal
_INFINITY = float("inf")
_NAN = float("nan")

_LOW = {2: b"\x20", 3: b"\x30", 8: b"\x50"}
_HIGH = {2: b"\x23", 3: b"\x31", 8: b"\x52"}


class Plan:
    """`index` (None: scan), `ranges` [(start, end)] of entries, `exact`: all in them match.

    `single`: one value of the index; `once`: no record is in the ranges twice; `ordered`: in the order of the sort.
    """

    def __init__(self):
        self.index = None
        self.ranges = None
        self.exact = False
        self.single = False
        self.once = False
        self.ordered = False
        self.descending = False

    def describe(self):
        """Return what `explain` says about it."""
        if self.index is None:
            return {"plan": "scan", "index": None}
        return {"plan": "index", "index": self.index.path, "ranges": len(self.ranges)}


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
    candidates = []
    indexes = [i for i in (db._indexes or {}).values() if i.ready]
    indexes.append(_index.TAGS)
    sargs = f.sargs
    by_order = None
    for index in indexes:
        if index.path in without:
            continue
        if order is not None and len(order) == 1 and index.parts == order[0][0] and not index.flags:
            by_order = index
        if sargs:
            c = _candidate(index, sargs)
            if c is not None:
                candidates.append((c[0], index, c))
    best = None
    for c in candidates:
        if best is None or c[0] < best[0] or (c[0] == best[0] and c[1] is by_order):
            best = c
    if best is not None:
        _, index, (_, plan.ranges, used, exact) = best
        plan.index = index
        plan.single = best[0] <= 1
        plan.exact = exact and used == len(sargs) and not f.rest and not any(p.isdigit() for p in index.parts)
    elif by_order is not None:
        plan.index = by_order
        plan.ranges = [(by_order.prefix, after(by_order.prefix))]
        plan.exact = not f.fields
    if plan.index is not None:
        plan.once = plan.single or not plan.index.flags & _index.MULTI
    if plan.index is not None and plan.index is by_order:
        plan.ordered = True
        plan.descending = order[0][1]
    return plan


# The prefilter


def _safe(text):
    # The beginning of a string that JSON writes as it is, and whether that is all of it.
    for i, c in enumerate(text):
        if c < " " or c == '"' or c == "\\":
            return text[:i], False
    return text, True


def _key(path):
    # The bytes that precede a value at `path`, or None.
    last = path[path.rfind(".") + 1 :]
    if path == "tags":
        return b'tags":'
    if last.isdigit() or not _safe(last)[1]:
        return None
    return ('"' + last + '":').encode()


def _literals(path, x):
    # The literals of which a record that equals `x` at `path` has one, or None.
    k = kind(x)
    if k == 3:
        text, whole = _safe(x)
        if whole:
            return [('"' + text + '"').encode()]
        if text:
            return [('"' + text).encode()]
        return None
    key = _key(path)
    if key is None:
        return None
    if k == 8:
        return [key + (b"true" if x else b"false"), key + b"["]
    if k != 2:
        return None
    n = int(x) if x - x == 0 and x == int(x) else 0
    # 1000000 may stand there as 1e+06; beyond 2**53 one number has many texts; 0 also as -0.0.
    if n == 0 or n < -9007199254740992 or n > 9007199254740992 or (n % 10 == 0 and not -1000000 < n < 1000000):
        return [key]
    return [key + str(n).encode(), key + b"["]


def needles(f):
    """Return a list of lists of literals (bytes): the text of every match holds one of each."""
    out = []
    for path, op, x in f.sargs:
        if op == "$eq":
            found = [_literals(path, x)]
        elif op == "$in":
            found = [[]]
            for m in x:
                some = None if hasattr(m, "search") else _literals(path, m)
                if some is None or len(found[0]) > _MANY:
                    found = []
                    break
                found[0].extend(s for s in some if s not in found[0])
        elif op == "$all":
            found = [None if hasattr(m, "search") or isinstance(m, dict) else _literals(path, m) for m in x]
        elif op == "$regex" or op == "$contains":
            if op == "$regex":
                x = x.literal
            if not isinstance(x, str):
                continue
            text = _safe(x)[0]
            found = [[text.encode()]] if len(text) > 1 else []
        else:
            continue
        for some in found:
            if some and some not in out and len(some) <= _MANY:
                out.append(some)
    # The most telling first: single literals, the longest of them.
    if len(out) > 1:
        out.sort(key=lambda some: len(some) * 100 - len(some[0]))
    return out[:6]


def probe(f):
    """Return (key, low, high): every match has a number in these bounds, or an array, behind the bytes `key`. Or None.

    Bounds are floats and included. The scan reads the number from the raw bytes where the key occurs
    once; other records are parsed.
    """
    for path, op, x in f.sargs:
        if (op != "$in" and kind(x) != 2) or op in ("$all", "$contains", "$regex"):
            continue
        key = _key(path)
        if key is None or path == "tags":
            continue
        if op == "$in" and not (x and all(kind(m) == 2 for m in x)):
            continue
        low = -_INFINITY
        high = _INFINITY
        for p, o, y in f.sargs:
            if p != path:
                continue
            if o == "$in" and y and all(kind(m) == 2 for m in y):
                a, b = min(y), max(y)
            elif o == "$eq" and kind(y) == 2:
                a = b = y
            elif (o == "$gt" or o == "$gte") and kind(y) == 2:
                a, b = y, high
            elif (o == "$lt" or o == "$lte") and kind(y) == 2:
                a, b = low, y
            else:
                continue
            # Two conditions may be met by two elements of an array, but a number must meet both.
            low, high = max(low, a), min(high, b)
        return key, _float(low), _float(high)
    return None


def _float(x):
    try:
        return float(x)
    except OverflowError:
        return _INFINITY if x > 0 else -_INFINITY


def prefilter(found, number=None):
    """Return `f(raw) -> bool` that tells whether a record may match, or None when there is nothing to look for.

    `found`: what `needles` gave, or some of it; `number`: what `probe` gave.
    """
    tests = [_any_in(some) for some in found]
    if number is not None:
        tests.append(_within(*number))
    return conjunction(tests) if tests else None


def _any_in(literals):
    def any_in(raw):
        for literal in literals:
            if literal in raw:
                return True
        return False

    return any_in


def _within(key, low, high):
    width = len(key)
    read = _read

    def within(raw):
        at = raw.find(key) + width
        if at < width:
            return False
        if raw.find(key, at) >= 0:
            return True  # where the key occurs twice, any of them may be the one: parse
        at = read(raw, at)
        # beyond 2**24 a float may not be the number that is written there
        return low <= at <= high or at >= 16777216.0 or at <= -16777216.0

    return within


def _read(raw, at):
    # The number that begins at `at`; for an array infinity, which any bounds let pass; for the rest NaN.
    c = raw[at]
    if 45 <= c < 58:  # a minus sign or a digit
        return float(raw[at : raw.find(b",", at)].rstrip(b"}] "))
    return _INFINITY if c == 91 else _NAN
