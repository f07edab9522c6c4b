"""Comparison, logic, arrays and strings in expressions."""

from .expression import code, compare, named, numbers, true, whole
from .operand import bad
from .value_order import MISSING


def make(op, fs):
    """Return the function of an operator on the functions of its operands."""
    if op == "$and" or op == "$or":
        return _logical(fs, op == "$or")
    if op == "$min" or op == "$max":
        return _extreme(fs, -1 if op == "$min" else 1)
    if op == "$ifNull":
        return _if_null(fs)
    if op == "$concat":
        return _concat(fs)
    if len(fs) == 1:
        return _one(op, *fs)
    if op == "$arrayElemAt":
        return _element(*fs)
    if len(fs) == 2:
        return _comparison(op, *fs)
    return _cond(*fs) if op == "$cond" else _substr(op, *fs)


def _one(op, f):
    if op == "$not":
        return lambda doc: not true(f(doc))
    if op == "$toUpper":
        return lambda doc: _text(op, f(doc)).upper()
    if op == "$toLower":
        return lambda doc: _text(op, f(doc)).lower()
    return lambda doc: len(_array(op, f(doc)))


def _array(op, v):
    if not isinstance(v, list):
        bad(op, "takes an array, not " + named(v))
    return v


def _text(op, v):
    # A string; of a number its digits.
    if type(v) is str:
        return v
    if v is None or v is MISSING:
        return ""
    numbers(op, v)
    return str(int(v) if v - v == 0 and v == int(v) else v)


def _comparison(op, f, g):
    if op == "$eq":
        return lambda doc: compare(f(doc), g(doc)) == 0
    if op == "$ne":
        return lambda doc: compare(f(doc), g(doc)) != 0
    if op == "$gt":
        return lambda doc: compare(f(doc), g(doc)) > 0
    if op == "$gte":
        return lambda doc: compare(f(doc), g(doc)) >= 0
    if op == "$lt":
        return lambda doc: compare(f(doc), g(doc)) < 0
    return lambda doc: compare(f(doc), g(doc)) <= 0


def _logical(fs, some):
    def logical(doc):
        for f in fs:
            if true(f(doc)) is some:
                return some
        return not some

    return logical


def _cond(test, yes, no):
    return lambda doc: yes(doc) if true(test(doc)) else no(doc)


def _if_null(fs):
    def if_null(doc):
        for f in fs:
            v = f(doc)
            if v is not None and v is not MISSING:
                return v
        return v

    return if_null


def _extreme(fs, sign):
    def extreme(doc):
        best = None
        values = [f(doc) for f in fs]
        if len(fs) == 1 and isinstance(values[0], list):
            values = values[0]
        for v in values:
            if v is not None and v is not MISSING and (best is None or compare(v, best) == sign):
                best = v
        return best

    return extreme


def _element(f, g):
    def element(doc):
        v = f(doc)
        i = g(doc)
        if v is None or v is MISSING or i is None or i is MISSING:
            return None
        i = whole("$arrayElemAt", i, "an index")
        n = len(_array("$arrayElemAt", v))
        return v[i] if -n <= i < n else MISSING

    return element


def member(f, g, fixed):
    """Return the function of `$in`. `fixed`: `g` looks at no document."""

    def codes(doc):
        return [code(e) for e in _array("$in", g(doc))]

    if fixed:
        some = set(codes(None))
        return lambda doc: code(f(doc)) in some
    return lambda doc: code(f(doc)) in codes(doc)


def _concat(fs):
    def concat(doc):
        out = ""
        for f in fs:
            v = f(doc)
            if v is None or v is MISSING:
                return None
            if type(v) is not str:
                bad("$concat", "takes strings, not " + named(v))
            out += v
        return out

    return concat


def _substr(op, f, start, length):
    def substr(doc):
        text = _text(op, f(doc)).encode()
        at = whole(op, start(doc), "the start")
        n = whole(op, length(doc), "the length")
        if at < 0:
            return ""
        end = len(text) if n < 0 else min(at + n, len(text))
        for i in (at, end):
            if i < len(text) and text[i] & 0xC0 == 0x80:
                bad(op, "byte %d is in the middle of a character" % i)
        return text[at:end].decode()

    return substr
