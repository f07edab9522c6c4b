"""Changes of a document: plain fields are set, or MongoDB's update operators.

`$set $unset $inc $mul $min $max $push ($each $position $slice $sort) $pull $addToSet ($each) $rename`, on dotted
paths with numeric steps into arrays. All of a change is applied or, with an error, nothing.
"""

from micropython import const

from . import record
from .errors import QueryError
from .match import split
from .operators import bad, equal, first_is_operator
from .order import MISSING, encode, kind, loads, whole

_PADDING = const(1000)  # nulls put into an array before a given number

_OPERATORS = ("$set", "$unset", "$inc", "$mul", "$min", "$max", "$push", "$pull", "$addToSet", "$rename")


def check_changes(changes):
    """Return [(operator, path, operand)] of a change, checked; raises `QueryError`, `TypeError`."""
    if isinstance(changes, str):
        try:
            changes = loads(whole(changes))
        except ValueError:
            raise QueryError("changes: not whole JSON: " + changes[:40])
    if not isinstance(changes, dict):
        raise TypeError("changes: dict, not " + type(changes).__name__)
    out = []
    if not first_is_operator(changes):
        for path in changes:
            _add("$set", path, changes[path], out)
    else:
        for op in changes:
            if op not in _OPERATORS:
                bad(op, "unknown update operator")
            fields = changes[op]
            if not isinstance(fields, dict):
                bad(op, "takes a document of fields, not " + type(fields).__name__)
            for path in fields:
                _add(op, path, fields[path], out)
    paths = []
    for op, path, x in out:
        paths.append(path)
        if op == "$rename":
            paths.append(x)
    paths.sort()
    for i in range(1, len(paths)):
        for j in range(i):
            if paths[i] == paths[j] or paths[i].startswith(paths[j] + "."):
                raise QueryError("update: conflict at %s and %s" % (paths[j], paths[i]))
    return out


def check(changes):
    """Return the list of paths that a change touches, checked; raises `QueryError`, `TypeError`."""
    out = []
    for op, path, x in check_changes(changes):
        out.append(path)
        if op == "$rename":
            out.append(x)
    return out


def _add(op, path, x, out):
    parts = split(path)
    if parts[0].startswith("$"):
        bad(op, "field names do not begin with $: " + path)
    if op == "$inc" or op == "$mul":
        if kind(x) != 2 or x - x != 0:
            bad(op, "takes a number for " + path)
    elif op == "$rename":
        if not isinstance(x, str):
            bad(op, "takes a path for " + path)
        new = split(x)
        if x == path:
            bad(op, "source and target are both " + path)
        for p in parts + new:
            if p.isdigit():
                bad(op, "does not reach into arrays: " + path)
    elif op == "$pull":
        if isinstance(x, dict):
            _puller(x)
    elif op == "$push" or op == "$addToSet":
        if isinstance(x, dict) and first_is_operator(x):
            for m in x:
                if m != "$each" and not (op == "$push" and m in ("$position", "$slice", "$sort")):
                    bad(op, "unknown modifier " + m)
            if not isinstance(x.get("$each"), (list, tuple)):
                bad(op, "$each takes an array")
            for m in ("$position", "$slice"):
                if m in x and type(x[m]) is not int:
                    bad(op, m + " takes a whole number")
            if "$sort" in x:
                _sorter(x["$sort"])
    if op != "$unset" and op != "$pull":
        _json(op, x, 0)
    out.append((op, path, x))


def _json(op, x, depth):
    k = kind(x)
    if k == 0:
        raise TypeError("%s: JSON cannot carry %s" % (op, type(x).__name__))
    if k == 2 and x - x != 0:
        raise ValueError("%s: JSON cannot carry %r" % (op, x))
    if k == 4 or k == 5:
        if depth > 22:
            raise ValueError("%s: nested deeper than 22" % op)
        for v in x.values() if k == 4 else x:
            _json(op, v, depth + 1)


def copy(value):
    """Return a deep copy; documents stay what they are (dict or OrderedDict)."""
    if isinstance(value, dict):
        out = value.copy()
        for name in out:
            v = out[name]
            if isinstance(v, (dict, list, tuple)):
                out[name] = copy(v)
        return out
    if isinstance(value, (list, tuple)):
        return [copy(v) if isinstance(v, (dict, list, tuple)) else v for v in value]
    return value


def apply(doc, changes):
    """Return a new document with the changes applied; neither argument is modified.

    Raises `QueryError` for malformed changes and for operators that do not fit what is there.
    """
    try:
        todo = check_changes(changes)
        if not isinstance(doc, dict):
            raise QueryError("update: the stored value is not a document")
        doc = copy(doc)
        for op, path, x in todo:
            _APPLY[op](doc, split(path), x, path, op)
        return doc
    except RuntimeError as e:
        from .query import _too_deep

        _too_deep(e)


def of_record(raw, changes):
    """Return the changed document of a record (bytes); what is not changed keeps its order of fields."""
    if raw[0] < 8 and raw[0] & 2:
        raise QueryError("update: the stored value is not a document")
    doc = apply(loads(raw[record.text_start(raw) :]), changes)
    if "_tags" in doc:  # a record's last member
        doc["_tags"] = doc.pop("_tags")
    return doc


# Places: the container and step of a path's end.


def _number(step, op, path):
    if not step.isdigit() or len(step) > 5:
        bad(op, "%s: %s is not the number of an array's element" % (path, step))
    return int(step)


def _parent(doc, parts, op, path, make):
    # The container that holds the last step, made when `make`; None when it is not there.
    here = doc
    for step in parts[:-1]:
        if isinstance(here, list):
            i = _number(step, op, path)
            if i >= len(here):
                if not make:
                    return None
                _pad(here, i, op)
                here.append({})
            below = here[i]
        else:
            below = here.get(step, MISSING)
            if below is MISSING:
                if not make:
                    return None
                below = here[step] = {}
        if not isinstance(below, (dict, list)):
            if not make:
                return None
            bad(op, "%s: cannot make a field in %r" % (path, below))
        here = below
    return here


def _pad(array, n, op):
    if n > len(array) + _PADDING:
        bad(op, "element %d of an array of %d" % (n, len(array)))
    while len(array) < n:
        array.append(None)


def _get(here, step, op, path):
    if isinstance(here, list):
        i = _number(step, op, path)
        return here[i] if i < len(here) else MISSING
    return here.get(step, MISSING)


def _put(here, step, value, op, path):
    if isinstance(here, list):
        i = _number(step, op, path)
        _pad(here, i, op)
        if i == len(here):
            here.append(value)
        else:
            here[i] = value
    else:
        here[step] = value


def _set(doc, parts, x, path, op):
    _put(_parent(doc, parts, op, path, True), parts[-1], copy(x), op, path)


def _unset(doc, parts, x, path, op):
    here = _parent(doc, parts, op, path, False)
    if isinstance(here, list):
        if parts[-1].isdigit() and int(parts[-1]) < len(here):
            here[int(parts[-1])] = None  # an array keeps its length
    elif here is not None:
        here.pop(parts[-1], None)


def _arithmetic(doc, parts, x, path, op):
    here = _parent(doc, parts, op, path, True)
    old = _get(here, parts[-1], op, path)
    if old is MISSING:
        new = x if op == "$inc" else x * 0
    elif kind(old) != 2:
        bad(op, "%s is not a number but %r" % (path, old))
    else:
        new = old + x if op == "$inc" else old * x
    if new - new != 0:
        raise ValueError("%s: %s becomes too large" % (op, path))
    _put(here, parts[-1], new, op, path)


def _extreme(doc, parts, x, path, op):
    here = _parent(doc, parts, op, path, True)
    old = _get(here, parts[-1], op, path)
    if old is not MISSING:
        a = encode(x)
        b = encode(old)
        if a >= b if op == "$min" else a <= b:
            return
    _put(here, parts[-1], copy(x), op, path)


def _array(doc, parts, path, op):
    # The array at a path, made when there is nothing.
    here = _parent(doc, parts, op, path, True)
    old = _get(here, parts[-1], op, path)
    if old is MISSING:
        old = []
        _put(here, parts[-1], old, op, path)
    if not isinstance(old, list):
        bad(op, "%s is not an array but %r" % (path, old))
    return old


def _each(x):
    if isinstance(x, dict) and first_is_operator(x):
        return copy(x["$each"]), x
    return [copy(x)], {}


def _sorter(spec):
    from .sort import Sorter, parse

    if kind(spec) == 2 and spec in (1, -1):
        # an array sorts as a whole here
        return Sorter([(["v"], spec < 0)], 0), lambda v: {"v": [v] if isinstance(v, list) else v}
    if not isinstance(spec, dict):
        bad("$push", "$sort takes 1, -1 or a document")
    return Sorter(parse(spec), 0), lambda v: v


def _push(doc, parts, x, path, op):
    array = _array(doc, parts, path, op)
    values, more = _each(x)
    at = more.get("$position", len(array))
    if at < 0:
        at = max(0, len(array) + at)
    at = min(at, len(array))
    array[at:at] = values
    if "$sort" in more:
        sorter, shown = _sorter(more["$sort"])
        for v in array:
            sorter.add(shown(v), v)
        array[:] = sorter.items
    if "$slice" in more:
        n = more["$slice"]
        array[:] = array[:n] if n >= 0 else array[n:]


def _add_to_set(doc, parts, x, path, op):
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
        from .match import Compiler, conjunction
        from .operators import conditions, element

        c = Compiler()
        if first_is_operator(x):
            return conjunction([element(cond) for cond in conditions(x, c)])
        matches = conjunction(c.tests(x, False, False))
        return lambda v: isinstance(v, dict) and matches(v)
    return equal(x)


def _pull(doc, parts, x, path, op):
    here = _parent(doc, parts, op, path, False)
    old = MISSING if here is None else _get(here, parts[-1], op, path)
    if old is MISSING:
        return
    if not isinstance(old, list):
        bad(op, "%s is not an array but %r" % (path, old))
    goes = _puller(x)
    old[:] = [v for v in old if not goes(v)]


def _rename(doc, parts, x, path, op):
    here = _parent(doc, parts, op, path, False)
    if here is None:
        return
    if isinstance(here, list):
        bad(op, "does not reach into arrays: " + path)
    if parts[-1] not in here:
        return
    new = split(x)
    target = _parent(doc, new, op, x, True)
    if isinstance(target, list):
        bad(op, "does not reach into arrays: " + x)
    value = here.pop(parts[-1])
    target.pop(new[-1], None)
    target[new[-1]] = value


_APPLY = {
    "$set": _set,
    "$unset": _unset,
    "$inc": _arithmetic,
    "$mul": _arithmetic,
    "$min": _extreme,
    "$max": _extreme,
    "$push": _push,
    "$pull": _pull,
    "$addToSet": _add_to_set,
    "$rename": _rename,
}
