"""MongoDB's expressions, compiled to functions of a document: `f(document) -> value`, MISSING where there is none.

Made once, for `$expr` and the stages of `aggregate`; they run for each document. Semantics are those of MongoDB's manual,
"Aggregation Operators". Whole numbers are exact at any size; documents are equal whatever the order of their fields.
"""

from micropython import const

from ..loading import module
from .operand import bad, check
from .path import split
from .value_order import MISSING, encode

# Up to here every whole number is a float (as comparison.EXACT, without its module).
EXACT = 1 << 53 if 1.0 + 1e-10 != 1.0 else 1 << 24

_DEPTH = const(20)  # of expressions
_MANY = const(400)  # values and operators in one pipeline or filter
_ANY = const(99)

# Operators, the least and the most operands that they take, and where they are: 0 arithmetic, 1 functions, 2 here.
_OPERATORS = (
    ("$dateTrunc", 0, 0, 2), ("$literal", 0, 0, 2), ("$cond", 3, 3, 1), ("$subtract", 2, 2, 0), ("$mod", 2, 2, 0),
    ("$divide", 2, 2, 0), ("$floor", 1, 1, 0), ("$multiply", 0, _ANY, 0), ("$add", 0, _ANY, 0), ("$abs", 1, 1, 0),
    ("$ceil", 1, 1, 0), ("$round", 1, 2, 0), ("$eq", 2, 2, 1), ("$ne", 2, 2, 1), ("$gt", 2, 2, 1), ("$gte", 2, 2, 1),
    ("$lt", 2, 2, 1), ("$lte", 2, 2, 1), ("$and", 0, _ANY, 1), ("$or", 0, _ANY, 1), ("$not", 1, 1, 1), ("$ifNull", 2, _ANY, 1),
    ("$in", 2, 2, 1), ("$size", 1, 1, 1), ("$arrayElemAt", 2, 2, 1), ("$min", 0, _ANY, 1), ("$max", 0, _ANY, 1),
    ("$concat", 0, _ANY, 1), ("$toLower", 1, 1, 1), ("$toUpper", 1, 1, 1), ("$substr", 3, 3, 1), ("$substrBytes", 3, 3, 1),
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
    return (code(v),)  # not as bytes, with which a str is not to be compared


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
        for name, least, most, where in _OPERATORS:
            if name == op:
                break
        else:
            module("query.nearest").unknown(op, [row[0] for row in _OPERATORS])
        if op == "$dateTrunc":
            return module("query.date_trunc").compile(self, x)
        if op == "$literal":
            check(op, x)
            return lambda doc: x
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
            if most == _ANY:
                bad(op, "takes at least %d operands, not %d" % (least, len(x)))
            bad(op, "takes %s%d operand%s, not %d" % ("" if least == most else "up to ", most, "" if most == 1 else "s", len(x)))
        if op == "$in":
            f = self.compile(x[0])
            g, fixed = self.constant(x[1])
            return module("query.functions").member(f, g, fixed)
        fs = [self.compile(e) for e in x]
        if where == 0:
            return module("query.arithmetic").make(op, fs, x)
        return module("query.functions").make(op, fs)


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
