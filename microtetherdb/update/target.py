"""Where a dotted path ends in a document that is being changed: the container, and the step in it.

`op` and `path` are for errors: `QueryError` names them.
"""

from micropython import const

from ..errors import QueryError
from ..query.operand import bad
from ..query.value_order import MISSING

_PADDING = const(1000)  # nulls put into an array before a given number


def _number(step, op, path):
    if not step.isdigit() or len(step) > 5 or step[0] == "0" and len(step) > 1:
        bad(op, "%s: %s is not the number of an array's element" % (path, step))
    return int(step)


def parent(doc, parts, op, path, make, arrays=True):
    """Return the dict or list that holds the last step, made when `make`; None when it is not there.

    Unless `arrays`, a path into an array is an error. One through any other value is, but for `$unset`.
    """
    here = doc
    for step in parts[:-1]:
        if isinstance(here, list):
            if not make and not step.isdigit():
                return None
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
            if op == "$unset":
                return None
            bad(op, "%s: no field can be in %s" % (path, type(below).__name__))
        if not arrays and isinstance(below, list):
            bad(op, "does not reach into arrays: " + path)
        here = below
    return here


def _pad(array, n, op):
    if n > len(array) + _PADDING:
        bad(op, "element %d of an array of %d" % (n, len(array)))
    while len(array) < n:
        array.append(None)


def get(here, step, op, path):
    """Return what is at a step of a container, or MISSING."""
    if isinstance(here, list):
        i = _number(step, op, path)
        return here[i] if i < len(here) else MISSING
    return here.get(step, MISSING)


def put(here, step, value, op, path):
    """Set a step of a container; an array that is too short is filled up with nulls."""
    if isinstance(here, list):
        i = _number(step, op, path)
        _pad(here, i, op)
        if i == len(here):
            here.append(value)
        else:
            here[i] = value
    else:
        here[step] = value


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


def no_conflict(paths):
    """Raise `QueryError` when two of the paths are the same or one leads into the other."""
    paths.sort()
    for i in range(1, len(paths)):
        for j in range(i):
            if paths[i] == paths[j] or paths[i].startswith(paths[j] + "."):
                raise QueryError("update: conflict at %s and %s" % (paths[j], paths[i]))


def touched(todo):
    """Return the list of paths that checked changes touch."""
    paths = []
    for op, path, x in todo:
        paths.append(path)
        if op == "$rename":
            paths.append(x)
    return paths
