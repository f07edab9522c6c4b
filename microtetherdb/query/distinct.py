"""`distinct`: the different values at a path."""

from ..records import keys
from .path import fields, walk
from .run import Query
from .value_order import MISSING, encode


def distinct_steps(db, path, q=None):
    """Return the list of different values at a path in all matches, the elements of an array one by one, in the order of finding."""
    parts = fields(path, "path")
    query = Query(q)
    seen = set()
    out = []

    def take(v):
        code = encode(v)
        if code not in seen:
            seen.add(code)
            out.append(v)

    def found(v, alone):
        if isinstance(v, list) and not alone:
            for e in v:
                take(e)
        elif v is not MISSING:
            take(v)
        return False

    for m in query.run(db, True):
        if m is None:
            yield
        elif parts == ["_id"]:
            take(keys.shown(m[0]))
        elif isinstance(m[1], dict):
            walk(m[1], parts, 0, found)
    return out
