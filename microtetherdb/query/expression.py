"""MongoDB's expressions, compiled to functions of a document: `f(document) -> value`, MISSING where there is none.

Made once, for `$expr` and the stages of `aggregate`; they run for each document. Semantics are those of MongoDB's manual,
"Aggregation Operators". Whole numbers are exact at any size; documents are equal whatever the order of their fields.
"""

import math

from ..loading import module
from .comparison import EXACT
from .operand import bad, check
from .path import split
from .value_order import MISSING, encode

_DEPTH = 20  # of expressions
_MANY = 400  # values and operators in one pipeline or filter
_ANY = 99

# Operators with the least and the most operands that they take.
_ARITY = (
    ("$abs", 1, 1), ("$ceil", 1, 1), ("$floor", 1, 1), ("$not", 1, 1), ("$size", 1, 1), ("$toLower", 1, 1), ("$toUpper", 1, 1),
    ("$arrayElemAt", 2, 2), ("$divide", 2, 2), ("$eq", 2, 2), ("$gt", 2, 2), ("$gte", 2, 2), ("$in", 2, 2), ("$lt", 2, 2),
    ("$lte", 2, 2), ("$mod", 2, 2), ("$ne", 2, 2), ("$subtract", 2, 2), ("$round", 1, 2), ("$substr", 3, 3), ("$substrBytes", 3, 3),
    ("$add", 0, _ANY), ("$and", 0, _ANY), ("$concat", 0, _ANY), ("$ifNull", 2, _ANY), ("$max", 0, _ANY), ("$min", 0, _ANY),
    ("$multiply", 0, _ANY), ("$or", 0, _ANY), ("$cond", 3, 3), ("$dateTrunc", 0, 0), ("$literal", 0, 0),
)  # fmt: skip

type = type  # see database.py
int = int
float = float
str = str


def is_operator(x):
    """Tell whether a dict is an expression of one operator; raises `QueryError` when it is mixed with fields."""
    for name in x:
        if isinstance(name, str) and name.startswith("$"):
            if len(x) > 1:
                bad(name, "an expression has one operator, and no fields beside it")
            return True
    return False


def true(v):
    """Tell whether a value counts as true: all but false, null, 0 and what is missing."""
    if v is True:
        return True
    if v is None or v is False or v is MISSING:
        return False
    return (type(v) is not int and type(v) is not float) or v != 0


def code(v):
    """Return a value as bytes that compare as the values do: missing first, then null, numbers, and so on."""
    if v is MISSING:
        return b""
    if v != v:
        return b"\x1f"  # NaN, which only arithmetic makes, is below all numbers
    return encode(v, True)


def compare(a, b):
    """Return -1, 0 or 1, for values of any type."""
    t = type(a)
    u = type(b)
    if t is u:
        if t is not float and t is not int and t is not str or a != a or b != b:
            a = code(a)
            b = code(b)
    elif (t is not int or u is not float or not -EXACT < a < EXACT) and (t is not float or u is not int or not -EXACT < b < EXACT):
        a = code(a)
        b = code(b)
    return -1 if a < b else 1 if a > b else 0


def identity(v):
    """Return what is equal, as a key of a dict, for equal values only."""
    t = type(v)
    if t is str or t is int or v is None:
        return v
    if t is float and v - v == 0:
        n = int(v)
        return n if n == v else v
    return code(v)


def whole(op, v, what):
    """Return a number of a document as an int; raises `QueryError` unless it is whole. `what`: for the error."""
    if type(v) is float and v - v == 0 and v == int(v):
        v = int(v)
    if type(v) is not int:
        bad(op, "%s is a whole number, not %s" % (what, named(v)))
    return v


def named(v):
    """Return what a value is, for errors."""
    return "a missing field" if v is MISSING else repr(v) if type(v) is float else type(v).__name__


class Scope:
    """Compiles the expressions of one pipeline or filter.

    `key`: a function without arguments for the record's key, where documents do not carry it as `_id`. `keyed`: whether
    `_id` was asked for, before `closed`. `varies`: whether what was compiled last looks at the document.
    """

    keyed = closed = varies = False

    def __init__(self, key=None):
        self.key = key
        self._left = _MANY
        self._depth = 0

    def compile(self, x):
        """Return the function of an expression; raises `QueryError`."""
        self._left -= 1
        if self._left < 0:
            bad("expression", "more than %d values and operators" % _MANY)
        if type(x) is str and x.startswith("$"):
            return self._variable(x) if x.startswith("$$") else self._field(split(x[1:]))
        if isinstance(x, (dict, list, tuple)):
            self._depth += 1
            if self._depth > _DEPTH:
                bad("expression", "nested deeper than %d" % _DEPTH)
            f = self._document(x) if isinstance(x, dict) else _array([self.compile(e) for e in x])
            self._depth -= 1
            return f
        check("expression", x)
        return lambda doc: x

    def constant(self, x):
        """Return (function, whether it looks at no document)."""
        saved = self.varies
        self.varies = False
        f = self.compile(x)
        fixed = not self.varies
        self.varies = saved or not fixed
        return f, fixed

    def _field(self, parts):
        self.varies = True
        for step in parts:
            if step.startswith("$"):
                bad("$" + ".".join(parts), "field names do not begin with $")
        name = parts[0]
        if name == "_id":
            if not self.closed:
                self.keyed = True
            if self.key is not None:
                key = self.key
                return (lambda doc: key()) if len(parts) == 1 else lambda doc: MISSING
        missing = MISSING
        if len(parts) == 1:
            return lambda doc: doc.get(name, missing)
        return lambda doc: reach(doc, parts, 0)

    def _variable(self, x):
        parts = split(x[2:])
        if parts[0] == "REMOVE" and len(parts) == 1:
            return lambda doc: MISSING
        if parts[0] not in ("ROOT", "CURRENT"):
            bad(x, "not supported; there are $$ROOT, $$CURRENT and $$REMOVE")
        if len(parts) > 1:
            return self._field(parts[1:])
        self.varies = True
        if not self.closed:
            self.keyed = True
        key = self.key
        if key is None:
            return lambda doc: doc

        def root(doc):
            doc = doc.copy()
            doc["_id"] = key()
            return doc

        return root

    def _document(self, x):
        if is_operator(x):
            for op in x:
                return self._operator(op, x[op])
        fields = []
        for name in x:
            if not isinstance(name, str) or not name or "." in name:
                bad("expression", "%r is no name of a field" % (name,))
            fields.append((name, self.compile(x[name])))
        make = x.__class__

        def document(doc):
            out = make()
            for name, f in fields:
                v = f(doc)
                if v is not MISSING:
                    out[name] = v
            return out

        return document

    def _operator(self, op, x):
        for name, least, most in _ARITY:
            if name == op:
                break
        else:
            module("query.nearest").unknown(op, [name for name, _, _ in _ARITY])
        if op == "$literal":
            check(op, x)
            return lambda doc: x
        if op == "$dateTrunc":
            return module("query.date_trunc").compile(self, x)
        if op == "$cond" and isinstance(x, dict):
            for name in x:
                if name not in ("if", "then", "else"):
                    bad(op, "has if, then and else, not %s" % name)
            if len(x) < 3:
                bad(op, "takes if, then and else")
            x = [x["if"], x["then"], x["else"]]
        if not isinstance(x, (list, tuple)):
            x = (x,)
        if not least <= len(x) <= most:
            bad(op, "takes %s%d operands, not %d" % ("" if least == most else "at least " if most == _ANY else "up to ", least if most == _ANY else most, len(x)))
        if op == "$in":
            f = self.compile(x[0])
            g, fixed = self.constant(x[1])
            return _member(f, g, fixed)
        fs = [self.compile(e) for e in x]
        b = x[-1] if x and (type(x[-1]) is int or type(x[-1]) is float) else None  # a constant, for what has two operands
        if len(fs) == 1 and most == 1:
            return _one(op, fs[0])
        if most == 2:
            return _round(*fs) if op == "$round" else _two(op, fs[0], fs[1], b)
        if op == "$cond":
            return _cond(*fs)
        if most == 3:
            return _substr(op, *fs)
        return _all(op, fs, b)


def reach(v, parts, i):
    """Return what is at `parts[i:]` below a value: through documents, and of an array what is in its documents, as an array."""
    while i < len(parts):
        if isinstance(v, dict):
            v = v.get(parts[i], MISSING)
            i += 1
        elif isinstance(v, list):
            out = []
            for e in v:
                if isinstance(e, dict):
                    e = reach(e, parts, i)
                    if e is not MISSING:
                        out.append(e)
            return out
        else:
            return MISSING
    return v


def _array(fs):
    def array(doc):
        out = []
        for f in fs:
            v = f(doc)
            out.append(None if v is MISSING else v)
        return out

    return array


def numbers(op, *values):
    """Raise `QueryError` unless all are numbers."""
    for v in values:
        if type(v) is not int and type(v) is not float:
            bad(op, "takes numbers, not " + named(v))


def _text(op, v):
    # A string; of a number its digits.
    if type(v) is str:
        return v
    if v is None or v is MISSING:
        return ""
    numbers(op, v)
    return str(int(v) if v - v == 0 and v == int(v) else v)


def _one(op, f):
    if op == "$not":
        return lambda doc: not true(f(doc))
    if op == "$toUpper":
        return lambda doc: _text(op, f(doc)).upper()
    if op == "$toLower":
        return lambda doc: _text(op, f(doc)).lower()
    if op == "$size":

        def size(doc):
            v = f(doc)
            if not isinstance(v, list):
                bad(op, "takes an array, not " + named(v))
            return len(v)

        return size
    work = _abs if op == "$abs" else _floor if op == "$floor" else _ceil
    return lambda doc: work(f(doc))


# Small functions of values: a frame of more than eleven words would be on the heap (predicate.py).


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


def _concat(a, b):
    if type(a) is str and type(b) is str:
        return a + b
    for v in (a, b):
        if v is not None and v is not MISSING and type(v) is not str:
            bad("$concat", "takes strings, not " + named(v))
        if type(v) is not str:
            return None


def _two(op, f, g, b):
    if op == "$arrayElemAt":
        return _element(op, f, g)
    if op not in ("$subtract", "$divide", "$mod"):
        return _comparison(op, f, g)
    return _of_two(_subtract if op == "$subtract" else _divide if op == "$divide" else _mod, f, g, b)


def _of_two(work, f, g, b):
    if b is not None:
        return lambda doc: work(f(doc), b)
    return lambda doc: work(f(doc), g(doc))


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


def _element(op, f, g):
    def element(doc):
        v = f(doc)
        i = g(doc)
        if v is None or v is MISSING or i is None or i is MISSING:
            return None
        if not isinstance(v, list):
            bad(op, "takes an array, not " + named(v))
        i = whole(op, i, "an index")
        return v[i] if -len(v) <= i < len(v) else MISSING

    return element


def _member(f, g, fixed):
    def codes(doc):
        v = g(doc)
        if not isinstance(v, list):
            bad("$in", "takes an array, not " + named(v))
        return [code(e) for e in v]

    if fixed:
        some = set(codes(None))
        return lambda doc: code(f(doc)) in some
    return lambda doc: code(f(doc)) in codes(doc)


def _all(op, fs, b):
    if op == "$and" or op == "$or":
        some = op == "$or"

        def logical(doc):
            for f in fs:
                if true(f(doc)) is some:
                    return some
            return not some

        return logical
    if op == "$ifNull":

        def if_null(doc):
            for f in fs:
                v = f(doc)
                if v is not None and v is not MISSING:
                    return v
            return v

        return if_null
    if op == "$min" or op == "$max":
        return _extreme(fs, -1 if op == "$min" else 1)

    work = _concat if op == "$concat" else _add if op == "$add" else _multiply
    if len(fs) == 2:
        return _of_two(work, fs[0], fs[1], b)
    start = "" if op == "$concat" else 0 if op == "$add" else 1

    def folded(doc):
        out = start
        for f in fs:
            out = work(out, f(doc))
        return out

    return folded


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


def _cond(test, yes, no):
    return lambda doc: yes(doc) if true(test(doc)) else no(doc)


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
