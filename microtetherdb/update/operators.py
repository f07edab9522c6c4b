"""Changes of a document: plain fields are set, or MongoDB's update operators.

`$set $unset $inc $mul $min $max $push ($each $position $slice $sort) $pull $pullAll $pop $addToSet ($each) $rename $setOnInsert
$currentDate $bit`, on dotted paths with numeric steps into arrays and `$ $[] $[name]`. All of a change is applied or, with an
error, nothing.
"""

from ..errors import QueryError
from ..loading import module
from ..query.operand import bad, is_operators
from ..query.ordered_json import loads
from ..query.path import fields, split
from ..query.value_order import MISSING, encode, kind
from ..records import record
from .target import copy, get, no_conflict, parent, put, touched

_OPERATORS = (
    "$set", "$unset", "$inc", "$mul", "$min", "$max", "$push", "$pull", "$addToSet", "$rename", "$pop", "$pullAll", "$bit",
    "$currentDate", "$setOnInsert",
)  # fmt: skip
_ARRAY = ("$push", "$pull", "$addToSet", "$pop", "$pullAll", "$currentDate", "$bit")  # in update/arrays.py


def parsed(changes):
    """Return changes, a dict or its JSON text, as a dict; raises `TypeError`."""
    if isinstance(changes, str):
        changes = module("records.strict_json").given("changes", changes)
    if not isinstance(changes, dict):
        if isinstance(changes, (list, tuple)):
            raise TypeError("changes: an aggregation pipeline is not supported")
        raise TypeError("changes: dict, not " + type(changes).__name__)
    return changes


def check_changes(changes):
    """Return [(operator, path, operand)] of a change, checked; raises `QueryError`, `TypeError`."""
    changes = parsed(changes)
    out = []
    if not is_operators(changes):
        for path in changes:
            _add("$set", path, changes[path], out)
    else:
        for op in changes:
            if op not in _OPERATORS:
                module("query.nearest").unknown(op, " ".join(_OPERATORS).replace("$", ""), "unknown update operator")
            fields = changes[op]
            if not isinstance(fields, dict):
                bad(op, "takes a document of fields, not " + type(fields).__name__)
            for path in fields:
                _add(op, path, fields[path], out)
    no_conflict(touched(out))
    return out


def check(changes):
    """Return the checked changes [(operator, path, operand)]; raises `QueryError`, `TypeError`."""
    try:
        return check_changes(changes)
    except RuntimeError as e:
        _too_deep(e)


def places(changes, q=None, array_filters=None):
    """Return what `$` and `$[name]` in checked changes mean (`positional.Places`), None where there are none. Raises `QueryError`."""
    if array_filters is None and not any(".$" in path for _, path, _ in changes):
        return None
    return module("update.positional").Places(q, () if array_filters is None else array_filters, changes)


def _add(op, path, x, out):
    if isinstance(path, str) and ".$" in path:
        first = module("update.positional").steps(path, op)[0]
    else:
        first = fields(path, op)[0]
    if first == "_id" and (op not in ("$set", "$setOnInsert") or path != "_id" or not isinstance(x, str)):
        _immutable(op)
    if op == "$inc" or op == "$mul":
        if kind(x) != 2 or x - x != 0:
            bad(op, "takes a number for " + path)
    elif op == "$rename":
        if not isinstance(x, str):
            bad(op, "takes a path for " + path)
        if fields(x, op)[0] == "_id":
            _immutable(op)
        if x == path:
            bad(op, "source and target are both " + path)
    elif op in _ARRAY:
        x = module("update.arrays").check(op, path, x)
    if op != "$unset" and op != "$pull":
        _json(op, x, 0)
    out.append((op, path, x))


def _immutable(op):
    bad(op, "_id is the record's key, which an update does not change")


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


def apply(doc, changes, key=None, places=None, inserted=False):
    """Return a new document with the changes applied; neither argument is modified. `key`: of its record.

    `changes` may be what `check` gave. `places`: what `$` and `$[name]` in paths mean (`positional.Places`); `inserted`: by an
    upsert, for `$setOnInsert`.
    Raises `QueryError` for malformed changes and for operators that do not fit what is there.
    """
    try:
        if not isinstance(changes, list):
            changes = check_changes(changes)
        if not isinstance(doc, dict):
            raise QueryError("update: the stored value is not a document")
        if places is not None or any(".$" in path for _, path, _ in changes):
            changes = module("update.positional").concrete(doc, changes, places)
        doc = copy(doc)
        for op, path, x in changes:
            if path == "_id":
                if x != key and (inserted or op == "$set"):
                    _immutable(op)
                continue
            if op == "$setOnInsert":
                if not inserted:
                    continue
                op = "$set"
            table = module("update.arrays").APPLY if op in _ARRAY else _APPLY
            table[op](doc, split(path), x, path, op)
        return doc
    except RuntimeError as e:
        _too_deep(e)


def _too_deep(error):
    module("query.run").too_deep(error)


def of_record(raw, changes, key, places=None):
    """Return the changed document of a record (bytes); what is not changed keeps its order of fields."""
    if raw[0] < 8 and raw[0] & 2:
        raise QueryError("update: the stored value is not a document")
    doc = apply(loads(raw[record.text_start(raw) :]), changes, key, places)
    if "_tags" in doc:  # a record's last member
        doc["_tags"] = doc.pop("_tags")
    return doc


def _set(doc, parts, x, path, op):
    put(parent(doc, parts, op, path, True), parts[-1], copy(x), op, path)


def _unset(doc, parts, x, path, op):
    here = parent(doc, parts, op, path, False)
    if isinstance(here, list):
        if parts[-1].isdigit() and int(parts[-1]) < len(here):
            here[int(parts[-1])] = None  # an array keeps its length
    elif here is not None:
        here.pop(parts[-1], None)


def _arithmetic(doc, parts, x, path, op):
    here = parent(doc, parts, op, path, True)
    old = get(here, parts[-1], op, path)
    if old is MISSING:
        new = x if op == "$inc" else type(x)(0)
    elif kind(old) != 2:
        bad(op, "%s is not a number but %s" % (path, type(old).__name__))
    else:
        new = old + x if op == "$inc" else old * x
    if new - new != 0:
        raise ValueError("%s: %s becomes too large" % (op, path))
    put(here, parts[-1], new, op, path)


def _extreme(doc, parts, x, path, op):
    here = parent(doc, parts, op, path, True)
    old = get(here, parts[-1], op, path)
    if old is not MISSING:
        a = encode(x)
        b = encode(old)
        if a >= b if op == "$min" else a <= b:
            return
    put(here, parts[-1], copy(x), op, path)


def _rename(doc, parts, x, path, op):
    here = parent(doc, parts, op, path, False, False)
    if here is None or parts[-1] not in here:
        return
    new = split(x)
    target = parent(doc, new, op, x, True, False)
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
    "$rename": _rename,
}
