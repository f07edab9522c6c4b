"""The comparison operators `$eq $ne $gt $gte $lt $lte $in $nin`, and the equality that others build on.

Each function checks its operand once and returns conditions (see operators.py).
"""

from .operand import array, bad, check, is_operators, is_regex, searcher
from .ordered_json import ORDERED, orderless
from .value_order import MISSING, encode, kind

NEVER = (False, lambda v: False, True, None)

# Up to here every whole number is a float.
EXACT = 1 << 53 if 1.0 + 1e-10 != 1.0 else 1 << 24


def _coarse(x):
    # A number that native comparison with a number of the other type does not treat exactly: only CPython does.
    return not ORDERED and not -EXACT < x < EXACT and x - x == 0


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


def eq(x, c):
    """`$eq`."""
    check("$eq", x)
    c.note(x)
    return [(False, equal(x), False, None)]


def ne(x, c):
    """`$ne`."""
    check("$ne", x)
    if is_regex(x):
        bad("$ne", "takes no regular expression; use $not")
    c.note(x)
    return [(True, equal(x), False, None)]


def _compare(op, x, native, c):
    # `native(a, b)` is the comparison, on values and on codes.
    check(op, x)
    k = kind(x)
    c.note(x)
    if k == 1:
        return [(False, equal(None), False, None) if "e" in op else NEVER]
    if k == 4 or k == 5:
        if orderless(x):
            bad(op, "a plain dict has no order of fields on MicroPython; give an OrderedDict or JSON text")
        c.ordered = True
        code = encode(x)
        return [(False, lambda v: kind(v) == k and native(encode(v), code), False, None)]
    t = type(x)
    code = encode(x)
    return [(False, lambda v: native(v, x) if type(v) is t else kind(v) == 2 and native(encode(v), code), False, None)]


def _simple(x):
    # The two Python types whose values compare natively with `x`, or None.
    t = type(x)
    if t is str or t is bool:
        return t, t
    if (t is int or t is float) and x == x and not _coarse(x):
        return int, float
    return None, None


def gt(x, c):
    """`$gt`."""
    a, b = _simple(x)
    of = type
    if a is None:
        return _compare("$gt", x, lambda p, q: p > q, c)

    def gt(v):
        t = of(v)
        return (t is a or t is b) and v > x

    return [(False, gt, False, ("$gt", a, b, x))]


def gte(x, c):
    """`$gte`."""
    a, b = _simple(x)
    of = type
    if a is None:
        return _compare("$gte", x, lambda p, q: p >= q, c)

    def gte(v):
        t = of(v)
        return (t is a or t is b) and v >= x

    return [(False, gte, False, ("$gte", a, b, x))]


def lt(x, c):
    """`$lt`."""
    a, b = _simple(x)
    of = type
    if a is None:
        return _compare("$lt", x, lambda p, q: p < q, c)

    def lt(v):
        t = of(v)
        return (t is a or t is b) and v < x

    return [(False, lt, False, ("$lt", a, b, x))]


def lte(x, c):
    """`$lte`."""
    a, b = _simple(x)
    of = type
    if a is None:
        return _compare("$lte", x, lambda p, q: p <= q, c)

    def lte(v):
        t = of(v)
        return (t is a or t is b) and v <= x

    return [(False, lte, False, ("$lte", a, b, x))]


def between(first, second):
    """Return one test for two bounds of the same type, or None."""
    first, second = first[3], second[3]
    if first.__class__ is not tuple or second.__class__ is not tuple:
        return None
    op, a, b, low = first
    op2, a2, b2, high = second
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


def _member(x, c, op="$in"):
    strings = set()
    tests = []
    compound = {}  # arrays and documents by their bytes, which those share that differ in the order of fields
    for m in array(op, x):
        if is_regex(m):
            tests.append(searcher(m))
            continue
        if isinstance(m, dict) and is_operators(m):
            bad(op, "members are values, not operators")
        check(op, m)
        c.note(m)
        if type(m) is str:
            strings.add(m)
        elif isinstance(m, (list, tuple, dict)):
            compound.setdefault(encode(m, True), []).append(equal(m))
        else:
            tests.append(equal(m))
    of = type
    text = str
    if compound:
        if sum([len(t) for t in compound.values()]) < 4:
            for t in compound.values():
                tests += t
        else:
            tests.append(lambda v: isinstance(v, (list, dict)) and any(t(v) for t in compound.get(encode(v, True), ())))
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


def in_(x, c):
    """`$in`."""
    return [(False, _member(x, c), False, None)]


def nin(x, c):
    """`$nin`."""
    return [(True, _member(x, c, "$nin"), False, None)]
