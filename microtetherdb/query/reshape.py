"""`$project`, `$set`, `$unset` and `$unwind`: functions of one document that make others of it."""

from .expression import is_operator
from .operand import bad
from .path import fields
from .value_order import MISSING, kind

# A stage's fields as a tree: {field: leaf or tree}. A leaf is True (shown), False (left out) or the function of an expression.


def _add(tree, parts, leaf, op, path):
    for step in parts[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            bad(op, "%s and a path above it" % path)
    last = parts[-1]
    if isinstance(leaf, dict):
        tree = tree.setdefault(last, {})
        if not isinstance(tree, dict):
            bad(op, "%s is there twice" % path)
        return tree
    if last in tree:
        bad(op, "%s is there twice, or a path below it" % path)
    tree[last] = leaf


def _fields(op, spec, scope, tree, above=""):
    # Adds a stage's fields to a tree. Returns what there is but for _id: 1 shown or computed, 2 left out, 3 both.
    if not isinstance(spec, dict) or not spec:
        bad(op, "takes a document of fields")
    found = 0
    for name in spec:
        x = spec[name]
        parts = fields(name, op)
        path = above + name
        if isinstance(x, dict) and not is_operator(x):
            below = _add(tree, parts, {}, op, path)
            found |= _fields(op, x, scope, below, path + ".")
            continue
        if op == "$project" and kind(x) in (2, 8):
            leaf = bool(x)
        else:
            leaf = scope.compile(x)
        if path != "_id" or leaf is not True and leaf is not False:
            found |= 2 if leaf is False else 1
        _add(tree, parts, leaf, op, path)
    return found


def project(spec, scope):
    """Return the function of `$project`."""
    tree = {}
    found = _fields("$project", spec, scope, tree)
    if found == 3:
        bad("$project", "shows fields or leaves fields out, not both (but _id)")
    if found == 2 or not found and tree["_id"] is False:
        if tree.get("_id") is True:
            tree.pop("_id")
        return lambda doc: _without(doc, tree)
    if tree.get("_id") is False:
        tree.pop("_id")
        scope.closed = True
    else:
        tree.setdefault("_id", True)
        if not scope.closed:
            scope.keyed = True
    return lambda doc: _shaped(doc, tree, doc, False)


def set_(op, spec, scope):
    """Return the function of `$set`."""
    tree = {}
    _fields(op, spec, scope, tree)
    return lambda doc: _shaped(doc, tree, doc, True)


def unset(spec):
    """Return the function of `$unset`."""
    tree = {}
    if isinstance(spec, str):
        spec = (spec,)
    if not isinstance(spec, (list, tuple)) or not spec:
        bad("$unset", "takes a path, or an array of paths")
    for path in spec:
        _add(tree, fields(path, "$unset"), False, "$unset", path)
    return lambda doc: _without(doc, tree)


def _without(value, tree):
    if isinstance(value, list):
        return [_without(v, tree) for v in value]
    if not isinstance(value, dict):
        return value
    out = value.copy()
    for name in tree:
        if name in out:
            below = tree[name]
            if below is False:
                out.pop(name)
            else:
                out[name] = _without(out[name], below)
    return out


def _shaped(value, tree, root, keep):
    # `keep`: all other fields too.
    out = value.copy() if keep else {}
    for name in tree:
        below = tree[name]
        if below is True:
            v = value.get(name, MISSING)
        elif isinstance(below, dict):
            v = _inside(value.get(name, MISSING), below, root, keep)
        else:
            v = below(root)
        if v is not MISSING:
            out[name] = v
        elif keep:
            out.pop(name, None)
    return out


def _inside(v, tree, root, keep):
    if isinstance(v, list):
        v = [_inside(e, tree, root, keep) for e in v]
        return [e for e in v if e is not MISSING]
    if not isinstance(v, dict):
        if not keep and not _computes(tree):
            return MISSING
        v = {}
    return _shaped(v, tree, root, keep)


def _computes(tree):
    for below in tree.values():
        if below is not True and (not isinstance(below, dict) or _computes(below)):
            return True
    return False


def unwind(spec):
    """Return the function of `$unwind`, which yields documents."""
    index = None
    keep = False
    if isinstance(spec, dict):
        for name in spec:
            if name not in ("path", "includeArrayIndex", "preserveNullAndEmptyArrays"):
                bad("$unwind", "has path, includeArrayIndex and preserveNullAndEmptyArrays, not %s" % name)
        index = spec.get("includeArrayIndex")
        keep = spec.get("preserveNullAndEmptyArrays", False)
        spec = spec.get("path")
    if not isinstance(spec, str) or not spec.startswith("$") or spec.startswith("$$"):
        bad("$unwind", "path is one of a field, as '$a'")
    if keep is not True and keep is not False:
        bad("$unwind", "preserveNullAndEmptyArrays is true or false")
    parts = fields(spec[1:], "$unwind")
    if index is not None:
        if not isinstance(index, str):
            bad("$unwind", "includeArrayIndex is a path")
        index = fields(index, "$unwind")

    def unwound(doc):
        v = doc
        for step in parts:
            v = v.get(step, MISSING) if isinstance(v, dict) else MISSING
        if isinstance(v, list) and v:
            for i in range(len(v)):
                out = _put(doc, parts, v[i])
                yield out if index is None else _put(out, index, i)
        elif keep or v is not None and v is not MISSING and not isinstance(v, list):
            if isinstance(v, list):
                doc = _without(doc, _path(parts))
            yield doc if index is None else _put(doc, index, None)

    return unwound


def _path(parts):
    tree = False
    for step in reversed(parts):
        tree = {step: tree}
    return tree


def _put(doc, parts, v):
    # A copy of the document with `v` at a path of fields.
    out = doc.copy() if isinstance(doc, dict) else {}
    out[parts[0]] = v if len(parts) == 1 else _put(out.get(parts[0]), parts[1:], v)
    return out
