"""Arithmetic in expressions: `$add $subtract $multiply $divide $mod $abs $floor $ceil $round`.

Of null or what is missing comes null, of what is no number a `QueryError`. The functions are small: a frame of more than eleven
words would be on the heap (predicate.py).
"""

import math

from .expression import numbers, whole
from .operand import bad
from .value_order import MISSING

type = type  # see database.py
int = int
float = float


def make(op, fs, x):
    """Return the function of an operator on the functions `fs` of its operands `x`."""
    f = fs[0] if fs else None
    if op == "$round":
        return _round(*fs)
    if op == "$abs" or op == "$floor" or op == "$ceil":
        work = _abs if op == "$abs" else _floor if op == "$floor" else _ceil
        return lambda doc: work(f(doc))
    if op == "$add":
        work = _add
    elif op == "$subtract":
        work = _subtract
    elif op == "$multiply":
        work = _multiply
    else:
        work = _divide if op == "$divide" else _mod
    if len(fs) == 2:
        b = x[1]
        if type(b) is int or type(b) is float:
            return lambda doc: work(f(doc), b)
        g = fs[1]
        return lambda doc: work(f(doc), g(doc))
    start = 0 if op == "$add" else 1

    def folded(doc):
        out = start
        for f in fs:
            out = work(out, f(doc))
        return out

    return folded


def _abs(v):
    return abs(v) if type(v) is float or type(v) is int else _other("$abs", v, 0)


def _floor(v):
    return float(math.floor(v)) if type(v) is float and v - v == 0 else _other("$floor", v, 0)


def _ceil(v):
    return float(math.ceil(v)) if type(v) is float and v - v == 0 else _other("$ceil", v, 0)


def _other(op, a, b):
    # Of operands that are not both what is worked with: None where one is missing or null, or an error; or a number itself.
    if a is None or a is MISSING or b is None or b is MISSING:
        return None
    numbers(op, a, b)
    return a


def _add(a, b):
    t = type(a)
    if t is int or t is float:
        t = type(b)
        if t is int or t is float:
            return a + b
    return _other("$add", a, b)


def _subtract(a, b):
    t = type(a)
    if t is int or t is float:
        t = type(b)
        if t is int or t is float:
            return a - b
    return _other("$subtract", a, b)


def _multiply(a, b):
    t = type(a)
    if t is int or t is float:
        t = type(b)
        if t is int or t is float:
            return a * b
    return _other("$multiply", a, b)


def _divide(a, b):
    t = type(a)
    if t is int or t is float:
        t = type(b)
        if t is int or t is float:
            if not b:
                bad("$divide", "by 0")
            return a / b
    return _other("$divide", a, b)


def _mod(a, b):
    t = type(a)
    if t is int and type(b) is int:
        if a >= 0 and b > 0:
            return a % b
        if b:  # the remainder has the sign of the dividend
            return -(-a % abs(b)) if a < 0 else a % -b
    a = _other("$mod", a, b)
    if a is None:
        return None
    if not b:
        bad("$mod", "by 0")
    return math.fmod(a, b)


def _round(f, g=None):
    def rounded(doc):
        v = f(doc)
        n = 0 if g is None else g(doc)
        if v is None or v is MISSING or n is None or n is MISSING:
            return None
        numbers("$round", v)
        n = whole("$round", n, "the place")
        if not -20 < n <= 100:
            bad("$round", "the place is from -19 to 100")
        if type(v) is float:
            if v - v != 0 or n > 15:
                return v
            if n >= 0:
                return float(round(v, n))
            return float(_rounded(round(v), n))
        return v if n >= 0 else _rounded(v, n)

    return rounded


def _rounded(v, n):
    # Half to even, of whole numbers.
    unit = 10**-n
    down = v // unit
    rest = 2 * (v - down * unit)
    return (down + (1 if rest > unit or rest == unit and down & 1 else 0)) * unit
