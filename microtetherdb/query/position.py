"""Which element of an array made a document match a filter: `$` in updates and projections."""

from ..errors import QueryError
from .filter import Filter
from .operand import is_operators
from .path import split
from .predicate import conjunction

_NEGATIVE = ("$ne", "$nin", "$not", "$nor")


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
