"""Operands of operators: checked once, before any record is read. Each function raises `QueryError` naming the operator."""

from ..errors import QueryError
from .value_order import kind

_MEMBERS = 1000  # of an array given to $in, $nin, $all


def bad(op, reason):
    """Raise `QueryError` for an operator."""
    raise QueryError(op + ": " + reason)


def check(op, value, depth=0):
    """Check that JSON can carry an operand."""
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


def array(op, x):
    """Return `x`, a list or tuple of bounded length."""
    if not isinstance(x, (list, tuple)):
        bad(op, "takes an array, not " + type(x).__name__)
    if len(x) > _MEMBERS:
        bad(op, "%d members, at most %d" % (len(x), _MEMBERS))
    return x


def whole_number(op, x):
    """Return `x` as an int that is not negative."""
    if kind(x) != 2 or x != x or x - x != 0 or x != int(x) or x < 0:
        bad(op, "takes a whole number that is not negative")
    return int(x)


def is_operators(d):
    """Tell whether a dict is a document of operators; one that is mixed raises `QueryError`."""
    operators = 0
    for name in d:
        if isinstance(name, str) and name.startswith("$"):
            operators += 1
            op = name
    if operators and operators != len(d):
        bad(op, "mixed with plain fields")
    return operators > 0


def is_condition(d):
    """Tell whether a dict that is for the elements of an array has operators for a value, or is a filter for documents."""
    return not ("$and" in d or "$or" in d or "$nor" in d) and is_operators(d)


def is_regex(x):
    """Tell whether `x` is a compiled regular expression (or our `Regex`)."""
    return hasattr(x, "search") and not isinstance(x, (str, dict, list))


def searcher(r):
    """Return the test for strings in which a regular expression finds something."""
    search = r.search
    of = type
    text = str

    def found(v):
        if of(v) is not text:
            return False
        try:
            hit = search(v)
        except RuntimeError:  # the platform's matcher recurses for each character
            bad("$regex", "this compiled expression needs more stack; give the pattern as text")
        return hit is not None and hit is not False

    return found
