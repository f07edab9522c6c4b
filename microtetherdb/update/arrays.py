"""The update operators on arrays: `$push ($each $position $slice $sort) $pull $pullAll $pop $addToSet ($each)`; `$currentDate $bit`."""

from ..loading import module
from ..query.comparison import equal
from ..query.operand import bad, is_condition, is_operators, is_regex, searcher
from ..query.operand import check as _check
from ..query.ordered_json import orderless
from ..query.value_order import MISSING, kind
from ..records.clock import wall
from .target import copy, get, parent, put

_UNIX_2000 = 946684800
_MOST = 1 << 63


def check(op, path, x):
    """Return the operand for one path, checked: of `$bit` [operation, operand, ...]. Raises `QueryError`."""
    if op == "$currentDate":
        if x is not True and x is not False and not (isinstance(x, dict) and len(x) == 1 and x.get("$type") in ("date", "timestamp")):
            bad(op, 'takes true or {"$type": "date" or "timestamp"} for ' + path)
    elif op == "$bit":
        out = []
        for name in x if isinstance(x, dict) else ():
            if name in ("and", "or", "xor") and _is_whole(x[name]):
                out += (name, x[name])
        if not out or len(out) != 2 * len(x) or orderless(x):
            bad(op, "takes and, or, xor with a whole number of 64 bits for %s; of several an OrderedDict or JSON text" % path)
        return out
    elif op == "$pull":
        _puller(x)
    elif op == "$pop":
        if kind(x) != 2 or x not in (1, -1):
            bad(op, "takes 1 (the last) or -1 (the first), not %r" % (x,))
    elif op == "$pullAll":
        if not isinstance(x, (list, tuple)):
            bad(op, "takes an array, not " + type(x).__name__)
    elif isinstance(x, dict) and is_operators(x):
        for m in x:
            if m != "$each" and not (op == "$push" and m in ("$position", "$slice", "$sort")):
                bad(op, "unknown modifier " + m)
        if not isinstance(x.get("$each"), (list, tuple)):
            bad(op, "$each takes an array")
        for m in ("$position", "$slice"):
            if m in x:
                _whole(m, x[m])
        if "$sort" in x:
            _sorter(x["$sort"])
    return x


def _whole(modifier, x):
    if kind(x) != 2 or x - x != 0 or x != int(x):
        bad("$push", modifier + " takes a whole number")
    return int(x)


def _no_array(op, path, old):
    bad(op, "%s is not an array but %s" % (path, type(old).__name__))


def _array(doc, parts, path, op):
    # The array at a path, made when there is nothing.
    here = parent(doc, parts, op, path, True)
    old = get(here, parts[-1], op, path)
    if old is MISSING:
        old = []
        put(here, parts[-1], old, op, path)
    if not isinstance(old, list):
        _no_array(op, path, old)
    return old


def _each(x):
    if isinstance(x, dict) and is_operators(x):
        return copy(x["$each"]), x
    return [copy(x)], {}


def _sorter(spec):
    sort = module("query.sort")
    if kind(spec) == 2 and spec in (1, -1):
        return sort.Sorter([([], spec < 0)], 0, True)
    if not isinstance(spec, dict):
        bad("$push", "$sort takes 1, -1 or a document")
    return sort.Sorter(sort.parse(spec), 0, True)


def push(doc, parts, x, path, op):
    """`$push`."""
    array = _array(doc, parts, path, op)
    values, more = _each(x)
    at = _whole("$position", more.get("$position", len(array)))
    if at < 0:
        at = max(0, len(array) + at)
    at = min(at, len(array))
    array[at:at] = values
    if "$sort" in more:
        sorter = _sorter(more["$sort"])
        for v in array:
            sorter.add(v, v)
        array[:] = sorter.items
    if "$slice" in more:
        n = _whole("$slice", more["$slice"])
        array[:] = array[:n] if n >= 0 else array[n:]


def add_to_set(doc, parts, x, path, op):
    """`$addToSet`."""
    array = _array(doc, parts, path, op)
    for v in _each(x)[0]:
        same = equal(v)
        for old in array:
            if same(old):
                break
        else:
            array.append(v)


def _puller(x):
    # The test for elements that $pull removes.
    if isinstance(x, dict):
        predicate = module("query.predicate")
        c = module("query.filter").Filter({})
        if is_condition(x):
            return predicate.conjunction([predicate.on_value(cond) for cond in module("query.operators").conditions(x, c)])
        matches = predicate.conjunction(c.tests(x, False, False))
        return lambda v: isinstance(v, dict) and matches(v)
    if is_regex(x):
        return searcher(x)
    _check("$pull", x)
    return equal(x)


def _there(doc, parts, path, op):
    # The array at a path, or None.
    here = parent(doc, parts, op, path, False)
    if here is None or isinstance(here, list) and not parts[-1].isdigit():
        return None
    old = get(here, parts[-1], op, path)
    if old is MISSING:
        return None
    if not isinstance(old, list):
        _no_array(op, path, old)
    return old


def pull(doc, parts, x, path, op):
    """`$pull` and `$pullAll`."""
    old = _there(doc, parts, path, op)
    if old:
        for goes in [equal(v) for v in x] if op == "$pullAll" else [_puller(x)]:
            old[:] = [v for v in old if not goes(v)]


def pop(doc, parts, x, path, op):
    """`$pop`."""
    old = _there(doc, parts, path, op)
    if old:
        old.pop(-1 if x == 1 else 0)


def _is_whole(x):
    return type(x) is int and -_MOST <= x < _MOST


def _date(doc, parts, x, path, op):
    put(parent(doc, parts, op, path, True), parts[-1], wall() + _UNIX_2000, op, path)


def _bit(doc, parts, x, path, op):
    here = parent(doc, parts, op, path, True)
    v = get(here, parts[-1], op, path)
    if v is MISSING:
        v = 0
    elif not _is_whole(v):
        bad(op, "%s is not a whole number of 64 bits but %s" % (path, type(v).__name__))
    for i in range(0, len(x), 2):
        n = x[i + 1]
        v = v & n if x[i] == "and" else v | n if x[i] == "or" else v ^ n
    put(here, parts[-1], v, op, path)


APPLY = {"$push": push, "$pull": pull, "$addToSet": add_to_set, "$pullAll": pull, "$pop": pop, "$currentDate": _date, "$bit": _bit}
