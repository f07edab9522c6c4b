"""Projections that look into arrays: `$slice`, `$elemMatch`, and `path.$`; and which element `$` means, in updates too."""

from ..errors import QueryError
from .filter import Filter, parsed
from .operand import bad, is_operators
from .operators import conditions
from .path import fields as _fields
from .path import split
from .predicate import conjunction
from .value_order import MISSING, kind

_NEGATIVE = ("$ne", "$nin", "$not", "$nor")


def compile(fields, q):
    """Return (`f(document) -> document` that cuts its arrays, the plain projection that is left); raises `QueryError`.

    `q`: the filter, whose match `path.$` shows. Alone `$slice` leaves out nothing else, as MongoDB has it; the two others leave out the rest.
    """
    plain = {}
    cuts = []
    include = None
    positional = False
    only = []  # paths of $elemMatch and $
    for path in fields:
        x = fields[path]
        if isinstance(path, str) and path.endswith(".$"):
            path = path[:-2]
            parts = _fields(path, "fields")
            if only or kind(x) not in (2, 8) or not x:
                raise QueryError("fields: %s.$: 1, and neither beside another nor $elemMatch" % path)
            positional = True
            cut = _first(q, parts)
            only.append(path)
        elif not isinstance(x, dict):
            plain[path] = x
            if path != "_id" or x:
                include = bool(x)
            continue
        elif len(x) == 1 and "$slice" in x:
            parts = _fields(path, "fields")
            cut = _slice(x["$slice"])
        elif len(x) == 1 and "$elemMatch" in x:
            parts = _fields(path, "fields")
            if len(parts) > 1:
                bad("$elemMatch", "in fields takes no dotted path")
            if positional:
                raise QueryError("fields: $elemMatch beside $")
            cut = _matching(x)
            only.append(path)
        else:
            raise QueryError("fields: %s: not supported: %r" % (path, x))
        cuts.append((path, parts, cut))
    if include is False and only:
        raise QueryError("fields: $ and $elemMatch beside paths that are 0")
    paths = [c[0] for c in cuts] + list(plain)
    for i, path in enumerate(paths[: len(cuts)]):
        for other in paths[i + 1 :]:
            if other == path or other.startswith(path + ".") or path.startswith(other + "."):
                raise QueryError("fields: %s and %s" % (path, other))
    if include or only:
        for path, _, _ in cuts:
            plain[path] = 1

    def prepared(doc):
        if isinstance(doc, dict):
            whole = doc
            for _, parts, cut in cuts:
                doc = _cut(doc, parts, 0, cut, whole)
        return doc

    return prepared, plain


def _cut(v, parts, i, cut, doc):
    if i == len(parts):
        return cut(v, doc)
    if isinstance(v, list):
        return [_cut(e, parts, i, cut, doc) if isinstance(e, (dict, list)) else e for e in v]
    if isinstance(v, dict) and parts[i] in v:
        v = v.copy()
        new = _cut(v[parts[i]], parts, i + 1, cut, doc)
        if new is MISSING:
            del v[parts[i]]
        else:
            v[parts[i]] = new
    return v


def _slice(x):
    some = x if isinstance(x, (list, tuple)) else (0, x)
    if len(some) != 2 or any(kind(v) != 2 or v - v != 0 or v != int(v) for v in some) or some is x and x[1] <= 0:
        bad("$slice", "takes a whole number, or [skip, limit above 0]")
    skip = int(some[0])
    n = int(some[1])
    if n < 0:
        skip = n
        n = -n

    def cut(v, doc):
        if not isinstance(v, list):
            return v
        at = skip if skip >= 0 else max(0, len(v) + skip)
        return v[at : at + n]

    return cut


def _matching(x):
    test = conditions(x, Filter({}))[0][1]

    def cut(v, doc):
        if isinstance(v, list):
            for e in v:
                if test([e]):
                    return [e]
        return MISSING

    return cut


def _first(q, parts):
    q = parsed(q)
    if not isinstance(q, dict):
        raise QueryError("fields: %s.$ needs a filter" % ".".join(parts))
    position = Position(q)

    def cut(v, doc):
        return [v[position.find(doc, parts, "fields")]] if isinstance(v, list) else v

    return cut


class Position:
    """Finds elements for a filter (parsed). Where several conditions look at the array, one that meets all of them, else the first
    that meets one: MongoDB leaves that open.
    """

    def __init__(self, q):
        self._conditions = []  # [(steps, test)]
        _collect(q, self._conditions)

    def find(self, doc, parts, where):
        """Return the number of the element at a path's array (steps) that matched; raises `QueryError` with `where`."""
        array = doc
        for step in parts:
            array = array.get(step) if isinstance(array, dict) else None
        n = len(parts)
        tests = [test for steps, test in self._conditions if steps[:n] == parts]
        best = None
        if isinstance(array, list):
            for i, e in enumerate(array):
                alone = [e]
                for step in reversed(parts):
                    alone = {step: alone}
                hits = sum(1 for test in tests if test(alone))
                if hits and hits == len(tests):
                    return i
                if hits and best is None:
                    best = i
        if best is None:
            raise QueryError(where + ": the filter has found no element of this array, so that $ means none")
        return best


def _collect(q, out):
    for name in q:
        x = q[name]
        if name in ("$and", "$or"):
            for some in x:
                _collect(some, out)
        elif not name.startswith("$"):
            if isinstance(x, dict) and is_operators(x):
                x = {op: x[op] for op in x if op not in _NEGATIVE}
                if not x:
                    continue
            out.append((split(name), conjunction(Filter({}).tests({name: x}, False, False))))
