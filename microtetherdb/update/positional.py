"""`$`, `$[]` and `$[name]` in the paths of an update: which elements of a document's arrays they mean."""

from ..errors import QueryError
from ..loading import module
from ..query.operand import bad
from ..query.path import fields
from ..query.predicate import conjunction
from .target import no_conflict, touched


def steps(path, op):
    """Return the steps of a path with such operators; raises `QueryError`."""
    parts = path.split(".")
    for i, step in enumerate(parts):
        if step.startswith("$"):
            if i == 0 or op == "$rename" or not (step == "$" or step.startswith("$[") and step.endswith("]")):
                fields(path, op)
            parts[i] = "0"
    if path.split(".").count("$") > 1:
        bad(op, "%s: at most one $" % path)
    return fields(".".join(parts), op)


class Places:
    """What `$` and `$[name]` mean: `q`, the filter (parsed) that found the document; `array_filters`, a list of filters for elements.

    `todo`: the checked changes, which must use each name. Raises `QueryError`, `TypeError`.
    """

    def __init__(self, q=None, array_filters=(), todo=()):
        self._q = q
        self._tests = {}
        self._position = None
        if not isinstance(array_filters, (list, tuple)):
            raise TypeError("array_filters: list of filters, not " + type(array_filters).__name__)
        for f in array_filters:
            names = set()
            _names(f, names)
            name = names.pop() if len(names) == 1 else ""
            if not _is_name(name) or name in self._tests:
                raise QueryError("array_filters: one filter for each name, which is of letters and digits and begins with a small one")
            c = module("query.filter").Filter({})
            self._tests[name] = conjunction(c.tests(f, False, False))
        used = set()
        for op, path, _ in todo:
            for step in path.split("."):
                if step == "$":
                    if q is None:
                        bad(op, path + ": $ is the element that a filter found, and there is none")
                    if self._position is None:
                        self._position = module("query.array_fields").Position(q)
                elif step.startswith("$[") and len(step) > 3:
                    used.add(step[2:-1])
        for name in used ^ set(self._tests):
            raise QueryError("array_filters: $[%s] is not in the update, or has no filter" % name)

    def of(self, doc, step, array, before, op, path):
        """Return the numbers of the elements that a step means. `before`: the steps to the array."""
        if step == "$":
            return (self._position.find(doc, before, op + ": " + path),)
        if step == "$[]":
            return range(len(array))
        name = step[2:-1]
        test = self._tests[name]
        return [i for i in range(len(array)) if test({name: array[i]})]


def _is_name(name):
    return "a" <= name[:1] <= "z" and all(c.isalpha() and c < "{" or c.isdigit() for c in name)


def _names(f, out):
    if not isinstance(f, dict):
        raise QueryError("array_filters: a filter, not " + type(f).__name__)
    for name in f:
        if name in ("$and", "$or", "$nor"):
            if not isinstance(f[name], (list, tuple)):
                bad(name, "takes a non-empty array of filters")
            for some in f[name]:
                _names(some, out)
        elif isinstance(name, str) and name.startswith("$"):
            bad(name, "not in array_filters")
        else:
            out.add(name.split(".")[0] if isinstance(name, str) else "")


def concrete(doc, todo, places):
    """Return checked changes with numbers in place of such steps, for one document."""
    out = []
    for op, path, x in todo:
        if ".$" in path and op != "$setOnInsert":
            if places is None:
                places = Places(todo=todo)
            _expand(doc, doc, path.split("."), 0, x, op, path, places, out)
        else:
            out.append((op, path, x))
    no_conflict(touched(out))
    return out


def _expand(doc, here, parts, i, x, op, path, places, out):
    while i < len(parts):
        step = parts[i]
        if step.startswith("$"):
            if not isinstance(here, list):
                bad(op, "%s: %s is no array in this document" % (path, ".".join(parts[:i])))
            for n in places.of(doc, step, here, parts[:i], op, path):
                # Of `$` there may be none any more: then it is one to be made, or an error, as for any number.
                _expand(doc, here[n] if n < len(here) else None, parts[:i] + [str(n)] + parts[i + 1 :], i + 1, x, op, path, places, out)
            return
        if isinstance(here, dict):
            here = here.get(step)
        elif isinstance(here, list) and step.isdigit() and len(step) < 6 and int(step) < len(here):
            here = here[int(step)]
        else:
            here = None
        i += 1
    out.append((op, ".".join(parts), x))
