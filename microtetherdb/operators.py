"""The field operators of filters: each checks its operand once and becomes tests of one value.

A condition is a tuple `(negated, test, whole)`. `test(value)` looks at one value; an array at the
end of a path is tested as a whole and, unless `whole`, by each of its elements. `$not` is
`(True, [conditions], False)`: all of them, negated. A comparison and `$exists` have a fourth item,
that says so.
"""

from .errors import QueryError
from .order import MISSING, ORDERED, encode, kind, orderless

_NEVER = (False, lambda v: False, True)
_MEMBERS = 1000  # of an array given to $in, $nin, $all

# int and float compare exactly up to here: CPython always; elsewhere the int is made a float.
EXACT = 0 if ORDERED else 1 << 53 if 1.0 + 1e-10 != 1.0 else 1 << 24


def bad(op, reason):
    """Raise `QueryError` for an operator."""
    raise QueryError(op + ": " + reason)


def check(op, value, depth=0):
    """Raise `QueryError` unless JSON can carry the operand."""
    k = kind(value)
    if k == 0:
        bad(op, "no operand of type " + type(value).__name__)
    if k == 2 and value != value:
        bad(op, "NaN equals nothing")
    if k == 4 or k == 5:
        if depth > 20:
            bad(op, "operand nested too deep")
        if k == 4:
            for name in value:
                if not isinstance(name, str):
                    bad(op, "field names are str, not " + type(name).__name__)
                check(op, value[name], depth + 1)
        else:
            for v in value:
                check(op, v, depth + 1)


def _coarse(x):
    # A number that native comparison with a number of the other type does not treat exactly.
    return EXACT and not -EXACT < x < EXACT and x - x == 0


def equal(x):
    """Return the test for equality with `x`."""
    k = kind(x)
    if k == 3:
        return lambda v: v == x
    if k == 2 and not _coarse(x):
        if x == 0 or x == 1:
            return lambda v: v == x and v is not True and v is not False
        return lambda v: v == x
    if k == 1:
        return lambda v: v is None or v is MISSING
    if k == 8:
        return lambda v: v is x
    if k == 2:
        t = type(x)
        code = encode(x)
        return lambda v: v == x if type(v) is t else kind(v) == 2 and encode(v) == code
    n = len(x)
    any_order = orderless(x)
    code = encode(x, any_order)
    if k == 5:
        return lambda v: isinstance(v, (list, tuple)) and len(v) == n and encode(v, any_order) == code
    return lambda v: isinstance(v, dict) and len(v) == n and encode(v, any_order) == code


def _eq(x, c):
    check("$eq", x)
    c.note(x)
    return [(False, equal(x), False)]


def _ne(x, c):
    check("$ne", x)
    if is_regex(x):
        bad("$ne", "takes no regular expression; use $not")
    c.note(x)
    return [(True, equal(x), False)]


def _compare(op, x, native, c):
    # `native(a, b)` is the comparison, on values and on codes.
    check(op, x)
    k = kind(x)
    c.note(x)
    if k == 1:
        return [(False, equal(None), False) if "e" in op else _NEVER]
    if k == 4 or k == 5:
        if orderless(x):
            bad(op, "a plain dict has no order of fields on MicroPython; give an OrderedDict or JSON text")
        c.ordered = True
        code = encode(x)
        return [(False, lambda v: kind(v) == k and native(encode(v), code), False)]
    t = type(x)
    code = encode(x)
    return [(False, lambda v: native(v, x) if type(v) is t else kind(v) == 2 and native(encode(v), code), False)]


def _simple(x):
    # The two Python types whose values compare natively with `x`, or None.
    t = type(x)
    if t is str or t is bool:
        return t, t
    if (t is int or t is float) and x == x and not _coarse(x):
        return int, float
    return None, None


def _gt(x, c):
    a, b = _simple(x)
    of = type  # a cell is found at once, a builtin is not
    if a is None:
        return _compare("$gt", x, lambda p, q: p > q, c)

    def gt(v):
        t = of(v)
        return (t is a or t is b) and v > x

    return [(False, gt, False, ("$gt", a, b, x))]


def _gte(x, c):
    a, b = _simple(x)
    of = type  # a cell is found at once, a builtin is not
    if a is None:
        return _compare("$gte", x, lambda p, q: p >= q, c)

    def gte(v):
        t = of(v)
        return (t is a or t is b) and v >= x

    return [(False, gte, False, ("$gte", a, b, x))]


def _lt(x, c):
    a, b = _simple(x)
    of = type  # a cell is found at once, a builtin is not
    if a is None:
        return _compare("$lt", x, lambda p, q: p < q, c)

    def lt(v):
        t = of(v)
        return (t is a or t is b) and v < x

    return [(False, lt, False, ("$lt", a, b, x))]


def _lte(x, c):
    a, b = _simple(x)
    of = type  # a cell is found at once, a builtin is not
    if a is None:
        return _compare("$lte", x, lambda p, q: p <= q, c)

    def lte(v):
        t = of(v)
        return (t is a or t is b) and v <= x

    return [(False, lte, False, ("$lte", a, b, x))]


def between(first, second):
    """Return one test for two bounds of the same type, or None."""
    if len(first) < 4 or len(second) < 4 or first[3][0] == "$exists" or second[3][0] == "$exists":
        return None
    op, a, b, low = first[3]
    op2, a2, b2, high = second[3]
    if op[1] == "l":
        op, op2, low, high = op2, op, high, low
    if a is not a2 or b is not b2 or op[1] != "g" or op2[1] != "l":
        return None
    of = type
    if op == "$gte" and op2 == "$lt":

        def within(v):
            t = of(v)
            return (t is a or t is b) and low <= v < high

    elif op == "$gte":

        def within(v):
            t = of(v)
            return (t is a or t is b) and low <= v <= high

    elif op2 == "$lt":

        def within(v):
            t = of(v)
            return (t is a or t is b) and low < v < high

    else:

        def within(v):
            t = of(v)
            return (t is a or t is b) and low < v <= high

    return within


def _array(op, x, c):
    if not isinstance(x, (list, tuple)):
        bad(op, "takes an array, not " + type(x).__name__)
    if len(x) > _MEMBERS:
        bad(op, "%d members, at most %d" % (len(x), _MEMBERS))
    return x


def _member(x, c, op="$in"):
    strings = set()
    tests = []
    for m in _array(op, x, c):
        if is_regex(m):
            tests.append(_searcher(m))
            continue
        if isinstance(m, dict) and first_is_operator(m):
            bad(op, "members are values, not operators")
        check(op, m)
        c.note(m)
        if type(m) is str:
            strings.add(m)
        else:
            tests.append(equal(m))
    of = type
    text = str
    if not tests:
        return lambda v: of(v) is text and v in strings
    if len(tests) == 1 and not strings:
        return tests[0]

    def member(v):
        if type(v) is str and v in strings:
            return True
        for t in tests:
            if t(v):
                return True
        return False

    return member


def _in(x, c):
    return [(False, _member(x, c), False)]


def _nin(x, c):
    return [(True, _member(x, c, "$nin"), False)]


def _exists(x, c):
    no = x is None or x is False or kind(x) == 2 and x == 0
    missing = MISSING
    return [(no, lambda v: v is not missing, True, ("$exists",))]


def _contains(x, c):
    check("$contains", x)
    c.note(x)
    same = equal(x)
    if type(x) is str:

        def contains(v):
            if type(v) is str:
                return x in v
            if isinstance(v, list):
                return x in v
            return False

        return [(False, contains, True)]

    def holds(v):
        if isinstance(v, list):
            for e in v:
                if same(e):
                    return True
        return False

    return [(False, holds, True)]


def _all(x, c):
    out = []
    for m in _array("$all", x, c):
        if is_regex(m):
            out.append((False, _searcher(m), False))
        elif isinstance(m, dict) and first_is_operator(m):
            if len(m) != 1 or "$elemMatch" not in m:
                bad("$all", "members are values or $elemMatch")
            out.extend(_elem_match(m["$elemMatch"], c))
        else:
            out.extend(_eq(m, c))
    return out or [_NEVER]


def whole_number(op, x):
    """Return `x` as an int that is not negative, or raise `QueryError`."""
    if kind(x) != 2 or x != x or x - x != 0 or x != int(x) or x < 0:
        bad(op, "takes a whole number that is not negative")
    return int(x)


def _size(x, c):
    n = whole_number("$size", x)
    return [(False, lambda v: isinstance(v, list) and len(v) == n, True)]


def _elem_match(x, c):
    if not isinstance(x, dict):
        bad("$elemMatch", "takes a document, not " + type(x).__name__)
    if x and first_is_operator(x) and not ("$and" in x or "$or" in x or "$nor" in x):
        saved = c.down("$elemMatch")
        tests = [element(cond) for cond in conditions(x, c)]
        c.up(saved)
    else:
        matches = c.filter(x)

        def fields(v):
            if isinstance(v, dict):
                return matches(v)
            if isinstance(v, list):  # its fields are "0", "1", ...
                return matches({str(i): e for i, e in enumerate(v)})
            return False

        tests = [fields]

    def elem_match(v):
        if isinstance(v, list):
            for e in v:
                for t in tests:
                    if not t(e):
                        break
                else:
                    return True
        return False

    return [(False, elem_match, True)]


def is_regex(x):
    """Tell whether `x` is a compiled regular expression (or our `Regex`)."""
    return hasattr(x, "search") and not isinstance(x, (str, dict, list))


def _searcher(r):
    search = r.search

    def found(v):
        if type(v) is not str:
            return False
        try:
            hit = search(v)
        except RuntimeError:  # the platform's matcher recurses for each character
            bad("$regex", "this compiled expression needs more stack; give the pattern as text")
        return hit is not None and hit is not False

    return found


def _regex(x, c, options=""):
    if not isinstance(options, str):
        bad("$options", "takes a string")
    if not is_regex(x):
        from .regex import Regex

        x = Regex(x, options)
        c.regex = x
    elif options:
        bad("$options", "a compiled expression has its own flags")
    return [(False, _searcher(x), False)]


def _not(x, c):
    if is_regex(x):
        return [(True, _searcher(x), False)]
    if not isinstance(x, dict) or not x or not first_is_operator(x):
        bad("$not", "takes operators or a regular expression")
    saved = c.down("$not")
    found = conditions(x, c)
    c.up(saved)
    return [(True, found, False)]


def _mod(x, c):
    if not isinstance(x, (list, tuple)) or len(x) != 2 or kind(x[0]) != 2 or kind(x[1]) != 2:
        bad("$mod", "takes [divisor, remainder]")
    if x[0] - x[0] != 0 or x[1] - x[1] != 0:
        bad("$mod", "takes finite numbers")
    divisor = int(x[0])
    remainder = int(x[1])
    if divisor == 0:
        bad("$mod", "divisor is 0")
    if divisor < 0:
        divisor = -divisor

    def mod(v):
        t = type(v)
        if t is not int:
            if t is not float:
                return False
            v = int(v)
        # The remainder has the sign of the dividend.
        return (v % divisor if v >= 0 else -(-v % divisor)) == remainder

    return [(False, mod, False)]


_TYPES = {
    "double": 1,
    "string": 2,
    "object": 3,
    "array": 4,
    "binData": 5,
    "undefined": 6,
    "objectId": 7,
    "bool": 8,
    "date": 9,
    "null": 10,
    "regex": 11,
    "dbPointer": 12,
    "javascript": 13,
    "symbol": 14,
    "javascriptWithScope": 15,
    "int": 16,
    "timestamp": 17,
    "long": 18,
    "decimal": 19,
    "minKey": -1,
    "maxKey": 127,
}
_KIND_TYPE = (0, 10, 0, 2, 3, 4, 0, 0, 8)


def _type_of(v):
    if v is MISSING:
        return 0
    k = kind(v)
    if k == 2:
        return 1 if isinstance(v, float) else 16 if -2147483648 <= v <= 2147483647 else 18
    return _KIND_TYPE[k]


def _type(x, c):
    codes = []
    for m in x if isinstance(x, (list, tuple)) else (x,):
        if m == "number":
            codes.extend((1, 16, 18, 19))
        elif isinstance(m, str):
            if m not in _TYPES:
                bad("$type", "unknown type " + m)
            codes.append(_TYPES[m])
        elif kind(m) == 2 and m in _TYPES.values():
            codes.append(int(m))
        else:
            bad("$type", "unknown type %r" % (m,))
    if not codes:
        bad("$type", "takes at least one type")
    return [(False, lambda v: _type_of(v) in codes, False)]


_OPERATORS = {
    "$eq": _eq,
    "$ne": _ne,
    "$gt": _gt,
    "$gte": _gte,
    "$lt": _lt,
    "$lte": _lte,
    "$in": _in,
    "$nin": _nin,
    "$exists": _exists,
    "$contains": _contains,
    "$all": _all,
    "$size": _size,
    "$elemMatch": _elem_match,
    "$regex": _regex,
    "$not": _not,
    "$mod": _mod,
    "$type": _type,
}


def first_is_operator(d):
    """Tell whether a dict is a document of operators; one that is mixed raises `QueryError`."""
    operators = 0
    for name in d:
        if isinstance(name, str) and name.startswith("$"):
            operators += 1
            op = name
    if operators and operators != len(d):
        bad(op, "mixed with plain fields")
    return operators > 0


def conditions(d, c):
    """Return the conditions of a document of operators. `c`: the `match.Compiler`."""
    out = []
    for op in d:
        x = d[op]
        c.count(op)
        if op == "$regex":
            out.extend(_regex(x, c, d.get("$options", "")))
        elif op == "$options":
            if "$regex" not in d:
                bad("$options", "needs $regex")
        else:
            make = _OPERATORS.get(op)
            if make is None:
                bad(op, "unknown operator")
            out.extend(make(x, c))
    return out


def element(cond):
    """Return a condition as a test of one value that is not looked into."""
    negated, test = cond[:2]
    if isinstance(test, list):
        tests = [element(t) for t in test]

        def none(v):
            for t in tests:
                if not t(v):
                    return True
            return False

        return none
    if negated:
        return lambda v: not test(v)
    return test
