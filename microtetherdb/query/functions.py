"""The operators of expressions, but dates: functions of a document, made of those of their operands."""

import math
from math import floor

from .operand import bad
from .value_order import MISSING
from .values import code, compare, number, true

_INFINITY = float("inf")

_ORDER = {"$eq": (0,), "$ne": (-1, 1), "$gt": (1,), "$gte": (0, 1), "$lt": (-1,), "$lte": (-1, 0)}

type = type  # see database.py
int = int
float = float
str = str


def make(op, n, fs, x):
    """Return the function of an operator on the functions of its operands, which are `x`. `n`: as in `expression.OPERATORS`."""
    work = _TWO.get(op)
    if work is not None and len(fs) == 2:
        # Small functions: a frame of more than eleven words would be on the heap (predicate.py).
        f, g = fs
        b = x[1]
        if number(b):
            return lambda doc: work(f(doc), b)
        return lambda doc: work(f(doc), g(doc))
    if op in ("$cond", "$and", "$or", "$ifNull"):
        return lambda doc: _lazy(op, fs, doc)
    if n == 1:
        f = fs[0]
        if op == "$floor":
            return lambda doc: _floor(f(doc))
        return lambda doc: _of_one(op, f(doc))
    want = _ORDER.get(op)
    if want is not None:
        f, g = fs
        return lambda doc: compare(f(doc), g(doc)) in want
    return lambda doc: _of_many(op, [f(doc) for f in fs])


def _lazy(op, fs, doc):
    if op == "$cond":
        return fs[1 if true(fs[0](doc)) else 2](doc)
    v = None
    for f in fs:
        v = f(doc)
        if op == "$ifNull":
            if not _null(v):
                return v
        elif true(v) is (op == "$or"):
            return op == "$or"
    return v if op == "$ifNull" else op == "$and"


def _null(v):
    return v is None or v is MISSING


def _need(op, v, kind):
    # The value of an operand, when it is of a type.
    if not (number(v) if kind is int else isinstance(v, kind)):
        bad(op, "takes no " + ("missing field" if v is MISSING else type(v).__name__))
    return v


def _whole(op, v):
    if v != int(_need(op, v, int)):
        bad(op, "takes whole numbers")
    return int(v)


def _other(op, a, b):
    # Of operands that are not both numbers: null, or an error.
    if not (_null(a) or _null(b)):
        _need(op, a, int)
        _need(op, b, int)


def _both(a, b):
    t = type(a)
    if t is int or t is float:
        t = type(b)
    return t is int or t is float


def _add(a, b):
    return a + b if _both(a, b) else _other("$add", a, b)


def _subtract(a, b):
    return a - b if _both(a, b) else _other("$subtract", a, b)


def _multiply(a, b):
    return a * b if _both(a, b) else _other("$multiply", a, b)


def _divide(a, b):
    if _both(a, b):
        return a / b if b else bad("$divide", "by 0")
    return _other("$divide", a, b)


def _mod(a, b):
    if _both(a, b):
        if not b:
            bad("$mod", "by 0")
        if type(a) is float or type(b) is float:
            return math.fmod(a, b)
        if a >= 0 and b > 0:
            return a % b
        return a % abs(b) if a >= 0 else -(-a % abs(b))  # it has the sign of the dividend
    return _other("$mod", a, b)


def _floor(v):
    return float(floor(v)) if type(v) is float and -_INFINITY < v < _INFINITY else _of_one("$floor", v)


def _text(op, v):
    # A string, of a number its digits.
    return "" if _null(v) else str(v) if number(v) else _need(op, v, str)


def _of_one(op, v):
    if op == "$not":
        return not true(v)
    if op == "$size":
        return len(_need(op, v, list))
    if op == "$toUpper":
        return _text(op, v).upper()
    if op == "$toLower":
        return _text(op, v).lower()
    if _null(v):
        return None
    _need(op, v, int)
    if op == "$abs":
        return abs(v)
    return float(math.ceil(v)) if op == "$ceil" and type(v) is float and v - v == 0 else v


def _of_many(op, vs):
    if op == "$min" or op == "$max":
        best = None
        for v in vs[0] if len(vs) == 1 and isinstance(vs[0], list) else vs:
            if not _null(v) and (best is None or compare(v, best) == (1 if op == "$max" else -1)):
                best = v
        return best
    if op == "$in":
        return code(vs[0]) in [code(e) for e in _need(op, vs[1], list)]
    if op == "$substr":
        text = _text(op, vs[0]).encode()
        at = _whole(op, vs[1])
        n = _whole(op, vs[2])
        if at < 0:
            return ""
        end = at + n if n >= 0 else len(text)
        for i in (at, end):
            if i < len(text) and text[i] & 0xC0 == 0x80:
                bad(op, "cuts a character")
        return text[at:end].decode()
    out = "" if op == "$concat" else 1 if op == "$multiply" else 0
    if op == "$arrayElemAt" or op == "$round":
        v, i = vs if len(vs) == 2 else vs + [0]
        if _null(v) or _null(i):
            return None
        i = _whole(op, i)
        if op == "$round":
            return _rounded(_need(op, v, int), i)
        n = len(_need(op, v, list))
        return v[i] if -n <= i < n else MISSING
    for v in vs:
        if _null(v):
            return None
        _need(op, v, str if op == "$concat" else int)
        out = out * v if op == "$multiply" else out + v
    return out


def _rounded(v, n):
    # Half to even.
    if not -20 < n <= 100:
        bad("$round", "takes places from -19 to 100")
    if n < 0:
        unit = 10**-n
        down = v // unit
        rest = 2 * (v - down * unit)
        return (down + (rest > unit or rest == unit and down % 2)) * unit
    return float(round(v, n)) if type(v) is float and n < 16 and v - v == 0 else v


_TWO = {"$add": _add, "$subtract": _subtract, "$multiply": _multiply, "$divide": _divide, "$mod": _mod}
