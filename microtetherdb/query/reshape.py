"""`$project`, `$set`, `$unset` and `$unwind`: functions of one document that make others of it."""

from .expression import operator
from .operand import bad
from .path import fields
from .value_order import MISSING, kind
from .values import options

# A stage's fields as a tree: {field: leaf or tree}. A leaf is True (shown), False (left out) or the function of an expression.


def _tree(op, spec, scope, tree):
    # Adds a stage's fields to a tree. Returns what there is but for _id: 1 shown or computed, 2 left out, 3 both.
    if not isinstance(spec, dict) or not spec:
        bad(op, "takes a document of fields")
    found = 0
    for path in spec:
        x = spec[path]
        node = tree
        parts = fields(path, op)
        name = parts.pop()
        for step in parts:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                break
        if not isinstance(node, dict) or name in node:
            bad(op, "%s is there twice, or a path above or below it" % path)
        if isinstance(x, dict) and not operator(x):
            node[name] = {}
            found |= _tree(op, x, scope, node[name])
            continue
        node[name] = x = bool(x) if op != "$set" and kind(x) in (2, 8) else scope.compile(x)
        if path != "_id" or x not in (True, False):
            found |= 2 if x is False else 1
    return found


def make(op, spec, scope):
    """Return the function of `$project`, `$set` or `$unset`."""
    if op == "$unset":
        paths = (spec,) if isinstance(spec, str) else spec
        spec = {path: 0 for path in paths if isinstance(path, str)} if isinstance(paths, (list, tuple)) else {}
        if len(spec) < len(paths):
            bad(op, "takes a path, or an array of paths")
    tree = {}
    found = _tree(op, spec, scope, tree)
    if op == "$set":
        return lambda doc: _shaped(doc, tree, doc, True)
    key = tree.get("_id", True)
    if found == 3:
        bad(op, "shows fields or leaves them out, not both (but for _id)")
    if found == 2 or not found and key is False:
        if key is True:
            tree.pop("_id", None)
        return lambda doc: _without(doc, tree)
    if key is False:
        tree.pop("_id")
        scope.closed = True
    else:
        tree["_id"] = key
        scope.ask_key()
    return lambda doc: _shaped(doc, tree, doc, False)


def _without(value, tree):
    if isinstance(value, list):
        return [_without(v, tree) for v in value]
    if not isinstance(value, dict):
        return value
    return {name: _without(value[name], tree[name]) if name in tree else value[name] for name in value if tree.get(name) is not False}


def _shaped(v, tree, root, keep):
    # `keep`: all other fields too.
    if isinstance(v, list):
        return [e for e in [_shaped(e, tree, root, keep) for e in v] if e is not MISSING]
    if not isinstance(v, dict):
        if not keep and not _computes(tree):
            return MISSING
        v = {}
    out = v.copy() if keep else {}
    for name in tree:
        below = tree[name]
        e = v.get(name, MISSING)
        if below is not True:
            e = _shaped(e, below, root, keep) if isinstance(below, dict) else below(root)
        if e is not MISSING:
            out[name] = e
        elif name in out:
            out.pop(name)
    return out


def _computes(tree):
    return any(_computes(below) if isinstance(below, dict) else below is not True for below in tree.values())


def unwind(spec):
    """Return the function of `$unwind`, which yields documents."""
    given = {"path": "", "includeArrayIndex": None, "preserveNullAndEmptyArrays": False}
    given = options("$unwind", {"path": spec} if isinstance(spec, str) else spec, given)
    path = given["path"]
    index = given["includeArrayIndex"]
    keep = given["preserveNullAndEmptyArrays"]
    if not isinstance(path, str) or path[:1] != "$" or kind(keep) != 8:
        bad("$unwind", "path: one of a field, as '$a'; preserveNullAndEmptyArrays: a bool")
    parts = fields(path[1:], "$unwind")
    if index is not None:
        index = fields(index, "$unwind")

    def unwound(doc):
        v = doc
        for step in parts:
            v = v.get(step, MISSING) if isinstance(v, dict) else MISSING
        array = isinstance(v, list)
        if v == [] or v is None or v is MISSING:
            if not keep:
                return
            if array:
                doc = _put(doc, parts, MISSING)
            array = False
        for i, e in enumerate(v if array else (v,)):
            out = _put(doc, parts, e) if array else doc
            yield out if index is None else _put(out, index, i if array else None)

    return unwound


def _put(doc, parts, v):
    # A copy of the document with `v` at a path of fields.
    out = doc.copy() if isinstance(doc, dict) else {}
    name = parts[0]
    if len(parts) > 1:
        v = _put(out.get(name), parts[1:], v)
    if v is MISSING:
        out.pop(name)
    else:
        out[name] = v
    return out
