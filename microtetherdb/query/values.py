"""Values in expressions and groups: numbers, truth, order, identity."""

from .operand import bad
from .value_order import MISSING, encode

# Up to here every whole number is a float (as comparison.EXACT, without its module).
EXACT = 1 << 53 if 1.0 + 1e-10 != 1.0 else 1 << 24

type = type  # see database.py
int = int
float = float
str = str


def true(v):
    """Tell whether a value counts as true: all but false, null, 0 and what is missing."""
    return v is True or not (v is None or v is False or v is MISSING or number(v) and not v)


def number(v):
    """Tell whether a value is a number."""
    return type(v) is int or type(v) is float


def code(v):
    """Return a value as bytes that compare as the values do: missing first, then null, numbers, and so on; NaN is below all numbers."""
    return b"" if v is MISSING else encode(v, True) if v == v else b"\x1f"


def compare(a, b):
    """Return -1, 0 or 1, for values of any type."""
    t = type(a)
    if not (t is type(b) and (t is int or t is str) or number(a) and number(b) and -EXACT < a < EXACT):
        a = code(a)
        b = code(b)
    return -1 if a < b else 1 if a > b else 0


def identity(v):
    """Return what is equal, as a key of a dict, for equal values only."""
    if type(v) is str or type(v) is int or v is None:
        return v
    if type(v) is float and v - v == 0:
        n = int(v)
        return n if n == v else v
    return (code(v),)  # not as bytes, with which a str is not to be compared


def options(op, given, known):
    """Return `known` with what is given of these; raises `QueryError` for others."""
    if not isinstance(given, dict):
        bad(op, "takes a document")
    for name in given:
        if name not in known:
            bad(op, "has no " + name)
        known[name] = given[name]
    return known
