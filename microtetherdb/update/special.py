"""The update operators `$currentDate` and `$bit`."""

from ..query.operand import bad
from ..query.ordered_json import orderless
from ..query.value_order import MISSING
from ..records.clock import wall
from .target import get, parent, put

_UNIX_2000 = 946684800
_MOST = 1 << 63


def _whole(x):
    return type(x) is int and -_MOST <= x < _MOST


def checked(op, path, x):
    """Return the operand for one path, checked: of `$currentDate` None, of `$bit` [operation, operand, ...]. Raises `QueryError`."""
    if op == "$currentDate":
        if x is not True and x is not False and not (isinstance(x, dict) and len(x) == 1 and x.get("$type") in ("date", "timestamp")):
            bad(op, 'takes true or {"$type": "date" or "timestamp"} for ' + path)
        return None
    out = []
    if not isinstance(x, dict) or not x:
        bad(op, 'takes {"and", "or" or "xor": whole number} for ' + path)
    if orderless(x):
        bad(op, "a plain dict has no order on MicroPython; give one operation, an OrderedDict or JSON text")
    for name in x:
        if name not in ("and", "or", "xor") or not _whole(x[name]):
            bad(op, "takes and, or, xor with a whole number of 64 bits for %s, not %s" % (path, name))
        out += (name, x[name])
    return out


def _date(doc, parts, x, path, op):
    put(parent(doc, parts, op, path, True), parts[-1], wall() + _UNIX_2000, op, path)


def _bit(doc, parts, x, path, op):
    here = parent(doc, parts, op, path, True)
    v = get(here, parts[-1], op, path)
    if v is MISSING:
        v = 0
    elif not _whole(v):
        bad(op, "%s is not a whole number of 64 bits but %s" % (path, type(v).__name__))
    for i in range(0, len(x), 2):
        n = x[i + 1]
        v = v & n if x[i] == "and" else v | n if x[i] == "or" else v ^ n
    put(here, parts[-1], v, op, path)


APPLY = {"$currentDate": _date, "$bit": _bit}
