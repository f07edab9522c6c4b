"""The field operators of filters: each checks its operand once and becomes tests of one value.

A condition is a tuple `(negated, test, whole, what)`. `test(value)` looks at one value; an array at the
end of a path is tested as a whole and, unless `whole`, by each of its elements. `$not` is
`(True, [conditions], False, None)`: all of them, negated. `what` is "$exists"; of a comparison
`(operator, type, other type, operand)`, where the values that compare natively are of these types; else None.
"""

from ..loading import module
from . import comparison
from .operand import array, bad, check, is_condition, is_operators, is_regex, searcher, whole_number
from .predicate import conjunction, on_element
from .value_order import MISSING, kind


def _exists(x, c):
    no = x is None or x is False or kind(x) == 2 and x == 0
    missing = MISSING
    return [(no, lambda v: v is not missing, True, "$exists")]


def _contains(x, c):
    check("$contains", x)
    c.note(x)
    same = comparison.equal(x)
    if type(x) is str:

        def contains(v):
            if type(v) is str:
                return x in v
            if isinstance(v, list):
                return x in v
            return False

        return [(False, contains, True, None)]

    def holds(v):
        if isinstance(v, list):
            for e in v:
                if same(e):
                    return True
        return False

    return [(False, holds, True, None)]


def _all(x, c):
    out = []
    elements = 0
    for m in array("$all", x):
        if is_regex(m):
            out.append((False, searcher(m), False, None))
        elif isinstance(m, dict) and is_operators(m):
            if len(m) != 1 or "$elemMatch" not in m:
                bad("$all", "members are values or $elemMatch")
            elements += 1
            out.extend(_elem_match(m["$elemMatch"], c))
        else:
            out.extend(comparison.eq(m, c))
    if elements and elements < len(x):
        bad("$all", "members are values, or all of them $elemMatch")
    return out or [comparison.NEVER]


def _size(x, c):
    n = whole_number("$size", x)
    return [(False, lambda v: isinstance(v, list) and len(v) == n, True, None)]


def _elem_match(x, c):
    if not isinstance(x, dict):
        bad("$elemMatch", "takes a document, not " + type(x).__name__)
    saved = c.down("$elemMatch")
    if is_condition(x):
        tests = [on_element(cond) for cond in conditions(x, c)]
    else:
        tests = [_of_fields(conjunction(c.tests(x, False, False)))]
    c.up(saved)

    def elem_match(v):
        if isinstance(v, list):
            for e in v:
                for t in tests:
                    if not t(e):
                        break
                else:
                    return True
        return False

    return [(False, elem_match, True, None)]


def _of_fields(matches):
    def fields(v):
        if isinstance(v, dict):
            return matches(v)
        if isinstance(v, list):  # its fields are "0", "1", ...
            return matches({str(i): e for i, e in enumerate(v)})
        return False

    return fields


def _regex(x, c, options=""):
    if not isinstance(options, str):
        bad("$options", "takes a string")
    if not is_regex(x):
        x = module("query.regex").Regex(x, options)
        c.regex = x
    elif options:
        bad("$options", "a compiled expression has its own flags")
    return [(False, searcher(x), False, None)]


def _not(x, c):
    if is_regex(x):
        return [(True, searcher(x), False, None)]
    if not isinstance(x, dict) or not x or not is_operators(x):
        bad("$not", "takes operators or a regular expression")
    saved = c.down("$not")
    found = conditions(x, c)
    c.up(saved)
    return [(True, found, False, None)]


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

    return [(False, mod, False, None)]


def _type(x, c):
    return [(False, module("query.type_codes").test(x), False, None)]


_OPERATORS = {
    "$eq": comparison.eq,
    "$ne": comparison.ne,
    "$gt": comparison.gt,
    "$gte": comparison.gte,
    "$lt": comparison.lt,
    "$lte": comparison.lte,
    "$in": comparison.in_,
    "$nin": comparison.nin,
    "$exists": _exists,
    "$contains": _contains,
    "$all": _all,
    "$size": _size,
    "$elemMatch": _elem_match,
    "$not": _not,
    "$mod": _mod,
    "$type": _type,
}


def conditions(d, c):
    """Return the conditions of a document of operators. `c`: the `filter.Filter`."""
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
                module("query.nearest").operator(op)
            out.extend(make(x, c))
    return out
