"""Projection: the `fields` argument of queries. What looks into arrays is in `array_fields`."""

from ..errors import QueryError
from ..loading import module
from ..records import keys
from .path import fields as _fields
from .value_order import kind


def compile(fields, q=None):
    """Return `f(document, stored key) -> document` for a list of paths, or `{path: 1}`, or `{path: 0}`; raises `QueryError`.

    Who asks for "_id" gets the key; for all others the key may be left out. `q`: the filter, for "path.$".
    """
    if isinstance(fields, str):
        fields = [fields]
    if isinstance(fields, dict):
        for path in fields:
            if isinstance(fields[path], dict) or isinstance(path, str) and path.endswith(".$"):
                prepared, fields = module("query.array_fields").compile(fields, q)
                show = compile(fields)
                return lambda doc, key=None: show(prepared(doc), key)
        for path in fields:
            x = fields[path]
            if kind(x) not in (2, 8):
                raise QueryError("fields: %s is 1 or 0, not %r" % (path, x))
        # MongoDB's programs say {"_id": 0, ...}: it alone may differ from the others.
        wanted = set(bool(fields[path]) for path in fields if path != "_id" or len(fields) == 1)
        if len(wanted) > 1:
            raise QueryError("fields: either all 1 or all 0")
        if not wanted:
            return lambda doc, key=None: doc
        include = wanted.pop()
        named = "_id" in fields and bool(fields["_id"])
        fields = [path for path in fields if path != "_id" or bool(fields[path]) == include]
    elif isinstance(fields, (list, tuple)):
        include = True
        named = "_id" in fields
    else:
        raise QueryError("fields: list of paths, or {path: 1 or 0}")
    tree = {}
    for path in fields:
        node = tree
        parts = _fields(path, "fields")
        for step in parts[:-1]:
            node = node.setdefault(step, {})
            if node is None:
                raise QueryError("fields: %s and a path above it" % path)
        if node.get(parts[-1]):
            raise QueryError("fields: %s and a path below it" % path)
        node[parts[-1]] = None
    show = _only if include else _without
    if named:
        return lambda doc, key: _with_key(show(doc, tree), key)
    return lambda doc, key=None: show(doc, tree)


def _with_key(doc, key):
    if isinstance(doc, dict):
        doc["_id"] = keys.shown(key)
    return doc


def _only(value, tree):
    if isinstance(value, list):
        return [_only(v, tree) for v in value if isinstance(v, (dict, list))]
    if not isinstance(value, dict):
        return value
    out = {}
    for name in value:
        if name in tree:
            v = value[name]
            below = tree[name]
            if below is None:
                out[name] = v
            elif isinstance(v, (dict, list)):
                out[name] = _only(v, below)
    return out


def _without(value, tree):
    if isinstance(value, list):
        return [_without(v, tree) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for name in value:
        if name not in tree:
            out[name] = value[name]
        elif tree[name] is not None:
            out[name] = _without(value[name], tree[name])
    return out
