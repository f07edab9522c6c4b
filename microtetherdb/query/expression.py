"""MongoDB's expressions, compiled to functions of a document: `f(document) -> value`, MISSING where there is none.

Made once, for `$expr` and the stages of `aggregate`; they run for each document. Semantics are those of MongoDB's manual,
"Aggregation Operators". Whole numbers are exact at any size; documents are equal whatever the order of their fields.
"""

from micropython import const

from ..loading import module
from ..records import keys
from .operand import bad, check
from .path import fields
from .value_order import MISSING

_DEPTH = const(20)  # of expressions
_MANY = const(400)  # values and operators in one pipeline or filter

# Operators: the number of their operands (9: any, 2 to 9: two or more), then their names.
OPERATORS = (
    "1 abs ceil floor not size toLower toUpper",
    "2 subtract divide mod eq ne gt gte lt lte in arrayElemAt",
    "3 cond substr",
    "9 add multiply and or concat min max ifNull round",
    "0 dateTrunc literal",
)  # fmt: skip


def reach(v, parts, i):
    """Return what is at `parts[i:]` below a value: through documents, and of an array what is in its documents, as an array."""
    while i < len(parts):
        if isinstance(v, list):
            v = [reach(e, parts, i) for e in v if isinstance(e, dict)]
            return [e for e in v if e is not MISSING]
        v = v.get(parts[i], MISSING) if isinstance(v, dict) else MISSING
        i += 1
    return v


def operator(x):
    """Return the operator of a dict that is an expression of one, else None."""
    for name in x:
        if name.startswith("$"):
            if len(x) > 1:
                bad(name, "has other fields beside it")
            return name


class Scope:
    """Compiles the expressions of one pipeline or filter.

    `key`: a function without arguments for the record's key, where documents do not carry it as `_id`. `keyed`: whether
    `_id` was asked for, before `closed`. `varies`: whether what was compiled looks at the document.
    """

    keyed = closed = varies = False
    _left = _MANY
    _depth = 0

    def __init__(self, key=None):
        self.key = key

    def compile(self, x):
        """Return the function of an expression; raises `QueryError`."""
        self._left -= 1
        if self._left < 0 or self._depth > _DEPTH:
            bad("expression", "too large, or nested too deep")
        if type(x) is str and x.startswith("$"):
            return self._field(x)
        if not isinstance(x, (dict, list, tuple)):
            check("expression", x)
            return lambda doc: x
        self._depth += 1
        if not isinstance(x, dict):
            fs = [self.compile(e) for e in x]
            f = lambda doc: [None if v is MISSING else v for v in [f(doc) for f in fs]]
        elif operator(x):
            f = self._operator(operator(x), list(x.values())[0])
        else:
            fs = []
            for name in x:
                if "." in name:
                    bad(name, "no name of a field")
                fs.append((name, self.compile(x[name])))
            f = lambda doc: _document(x.__class__(), fs, doc)
        self._depth -= 1
        return f

    def constant(self, op, x):
        """Return the value of an expression that looks at no document; raises `QueryError` for others."""
        self.varies = False
        f = self.compile(x)
        if self.varies:
            bad(op, "takes constants there")
        return f(None)

    def ask_key(self):
        """Note that documents are to have their `_id`."""
        if not self.closed:
            self.keyed = True

    def _field(self, x):
        parts = fields(x.lstrip("$"), "expression")
        if x.startswith("$$"):
            root = parts.pop(0)
            if root == "REMOVE":
                return lambda doc: MISSING
            if root != "ROOT" and root != "CURRENT":
                bad(x, "not supported")
        self.varies = True
        key = self.key
        name = parts[0] if parts else "_id"
        if name == "_id":
            self.ask_key()
            if key is not None:
                return lambda doc: reach(_with_key(doc, key), parts, 0)
        missing = MISSING
        if len(parts) == 1:
            return lambda doc: doc.get(name, missing)
        return lambda doc: reach(doc, parts, 0)

    def _operator(self, op, x):
        name = op[1:]
        n = -1
        for names in OPERATORS:
            names = names.split()
            if name in names[1:]:
                n = int(names[0])
        if n < 0:
            module("query.nearest").unknown(op, " ".join(OPERATORS))
        if not n:
            if name == "dateTrunc":
                return module("query.date_trunc").compile(self, x)
            return lambda doc: x
        if name == "cond" and isinstance(x, dict):
            x = [x[part] for part in ("if", "then", "else") if part in x and len(x) == 3]
        if not isinstance(x, (list, tuple)):
            x = (x,)
        if len(x) != n < 9 or name == "ifNull" and len(x) < 2 or name == "round" and not 0 < len(x) < 3:
            bad(op, "%d operands are not what it takes" % len(x))
        return module("query.functions").make(op, n, [self.compile(e) for e in x], x)


def _with_key(doc, key):
    doc = doc.copy()
    doc["_id"] = key()
    return doc


def _document(out, fs, doc):
    for name, f in fs:
        v = f(doc)
        if v is not MISSING:
            out[name] = v
    return out


def condition(f, x, conjunct):
    """Return the test for documents of a filter's `$expr`, and whether it asks for the key of their records.

    `f`: the `filter.Filter`; `conjunct`: it must hold for a match.
    """
    scope = Scope((lambda: keys.shown(f.key)) if f.of_records else None)
    value = scope.compile(x)
    true = module("query.values").true
    f.only_tags = False
    if conjunct:
        f.rest += 1
    return lambda doc: true(value(doc)), scope.keyed and f.of_records
