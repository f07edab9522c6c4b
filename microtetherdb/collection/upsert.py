"""What an upsert inserts before its update: the fields that its filter says are equal to a value."""

from collections import OrderedDict

from ..query.operand import is_operators, is_regex
from ..query.path import fields
from ..update.target import copy, no_conflict


def of_filter(q):
    """Return the document; raises `QueryError` where two conditions are on one path, `TypeError` for an `_id` that is no str."""
    found = []
    _equalities(q, found)
    doc = OrderedDict()
    no_conflict([path for path, _ in found])
    for path, x in found:
        here = doc
        parts = fields(path, "upsert")
        for step in parts[:-1]:
            here = here.setdefault(step, OrderedDict())
        here[parts[-1]] = copy(x)
    if not isinstance(doc.get("_id", ""), str):
        raise TypeError("_id: str, not " + type(doc["_id"]).__name__)
    return doc


def _equalities(q, out):
    for name in q:
        x = q[name]
        if name == "$and" or name == "$or" and len(x) == 1:
            for some in x:
                _equalities(some, out)
        elif not name.startswith("$"):
            if isinstance(x, dict) and is_operators(x):
                if "$eq" in x:
                    out.append((name, x["$eq"]))
                elif "$all" in x and len(x["$all"]) == 1 and not _is_match(x["$all"][0]):
                    out.append((name, x["$all"][0]))
            elif not is_regex(x):
                out.append((name, x))


def _is_match(x):
    return is_regex(x) or isinstance(x, dict) and is_operators(x)
