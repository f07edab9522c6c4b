"""`$type`: MongoDB's names and numbers of types."""

from .operand import bad
from .value_order import MISSING, kind

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


def test(x):
    """Return the test for values of a type, or of one of a list of types."""
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
    return lambda v: _type_of(v) in codes
