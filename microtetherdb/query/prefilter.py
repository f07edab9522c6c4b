"""What a scan looks for in the raw bytes of a record, so that most of those that do not match are never parsed.

The JSON text of every match must hold certain bytes. This agrees with the writer: compact JSON as
MicroPython's `json.dumps` makes it, non-ASCII characters as UTF-8, control characters, quotes and backslashes escaped.
"""

from json import dumps

from .comparison import EXACT
from .predicate import conjunction
from .value_order import kind

_MANY = 8  # alternatives of one literal
_INFINITY = float("inf")
_NAN = float("nan")


def _quoted(text):
    # A string as JSON has it, from its first quote to the first escape or the last quote; and whether that is all of it.
    text = dumps(text)
    end = text.find("\\")
    return (text, True) if end < 0 else (text[:end], False)


def _key(path):
    # The bytes that precede a value at `path`, or None.
    if path == "tags":
        return b'tags":'
    last = path[path.rfind(".") + 1 :]
    if last.isdigit():
        return None
    text, whole = _quoted(last)
    return (text + ":").encode() if whole else None


def _literals(path, x):
    # The literals of which a record that equals `x` at `path` has one, or None.
    k = kind(x)
    if k == 3:
        text = _quoted(x)[0]
        return [text.encode()] if len(text) > 1 else None
    key = _key(path)
    if key is None:
        return None
    if k == 8:
        return [key + (b"true" if x else b"false"), key + b"["]
    if k != 2:
        return None
    n = int(x) if x - x == 0 and x == int(x) else 0
    # 1000000 may stand there as 1e+06; beyond 2**53 (2**24) one number has many texts; 0 also as -0.0.
    if n == 0 or n <= -EXACT or n >= EXACT or (n % 10 == 0 and not -1000000 < n < 1000000):
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
            text, whole = _quoted(x)
            text = text[1:-1] if whole else text[1:]
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
