"""Dotted paths through documents and arrays."""

from ..errors import QueryError
from .value_order import MISSING

_PATH = 20  # steps


def split(path):
    """Return the steps of a dotted path; raises `QueryError` for an empty step."""
    if not isinstance(path, str):
        raise QueryError("path: str, not " + type(path).__name__)
    if path and "." not in path:
        return [path]
    parts = path.split(".")
    if "" in parts:
        raise QueryError("path %r has an empty step" % path)
    if len(parts) > _PATH:
        raise QueryError("path of %d steps, at most %d" % (len(parts), _PATH))
    return parts


def fields(path, of):
    """As `split`, for a path that names fields: no step begins with $. `of`: for errors."""
    try:
        parts = split(path)
    except QueryError as e:
        raise QueryError("%s: %s" % (of, e))
    for step in parts:
        if step.startswith("$"):  # MongoDB's positional operators $, $[], $[name] too
            raise QueryError("%s: %s: field names do not begin with $" % (of, path))
    return parts


def walk(value, parts, i, found):
    """Call `found(leaf, whole)` for what is at `parts[i:]` below a dict, until it returns True.

    A path goes through documents, through the documents in an array, and through an array by a
    numeric step. `whole`: an array reached by its number, which is not looked into. Where there is
    nothing, the leaf is MISSING; an array without documents has no leaf at all.
    """
    n = len(parts)
    while True:
        value = value.get(parts[i], MISSING)
        i += 1
        if i == n:
            return found(value, False)
        if isinstance(value, list):
            return _walk_array(value, parts, i, found)
        if not isinstance(value, dict):
            return found(MISSING, False)


def _walk_array(array, parts, i, found):
    for v in array:
        if isinstance(v, dict) and walk(v, parts, i, found):
            return True
    step = parts[i]
    if step.isdigit() and len(step) < 5 and int(step) < len(array) and (step == "0" or step[0] != "0"):
        v = array[int(step)]
        i += 1
        if i == len(parts):
            return found(v, True)
        if isinstance(v, dict):
            return walk(v, parts, i, found)
        if isinstance(v, list):
            return _walk_array(v, parts, i, found)
    return False
