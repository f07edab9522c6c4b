"""`$group` and `$bucket`: documents that go together, and what is kept of them."""

from .accumulators import Accumulators
from .expression import code, compare, identity, named
from .operand import bad
from .value_order import MISSING, kind

type = type  # see database.py
dict = dict
int = int
str = str


class Group:
    """A compiled stage. `most`: groups that it may make. Raises `QueryError`."""

    def __init__(self, op, spec, scope, most):
        if not isinstance(spec, dict):
            bad(op, "takes a document, not " + type(spec).__name__)
        self._op = op
        self._most = most
        if op == "$group":
            if "_id" not in spec:
                bad(op, "takes _id, the expression to group by (None: all together)")
            self._key = scope.compile(spec["_id"])
            spec = spec.copy()
            spec.pop("_id")
        else:
            self._key, spec = _bucket(spec, scope)
        self._kept = Accumulators(spec, scope, op)

    def begin(self):
        """Return (list of states, `add(document)`) without any group yet."""
        states = []
        groups = {}
        key = self._key
        update = self._kept.add

        def add(doc):  # small frames, see predicate.py
            if type(doc) is dict:
                update(state(key(doc)), doc)

        def state(k):
            t = type(k)
            return groups.get(k if t is int or t is str else identity(k)) or new(k)

        def new(k):
            if k is MISSING:
                k = None
                if k in groups:
                    return groups[k]
            if len(states) >= self._most:
                bad(self._op, "more than %d groups; max_groups= allows more" % self._most)
            made = [k]
            made.extend(self._kept.template)
            groups[identity(k)] = made
            states.append(made)
            return made

        return states, add

    def results(self, states):
        """Yield the documents of groups."""
        if self._op == "$bucket":
            states.sort(key=lambda state: code(state[0]))
        for state in states:
            yield self._kept.result(state)

    def run(self, docs, shared):
        """Yield the groups of documents; with `shared` also None after each of these."""
        states, add = self.begin()
        for doc in docs:
            add(doc)
            if shared:
                yield None
        yield from self.results(states)


def _bucket(spec, scope):
    # (the function of a document's bucket, accumulators)
    for name in spec:
        if name not in ("groupBy", "boundaries", "default", "output"):
            bad("$bucket", "has groupBy, boundaries, default and output, not %s" % name)
    by = spec.get("groupBy")
    if not isinstance(by, dict) and not (isinstance(by, str) and by.startswith("$")):
        bad("$bucket", "groupBy is an expression, as '$a'")
    key = scope.compile(by)
    f, fixed = scope.constant(spec.get("boundaries"))
    limits = f(None) if fixed else None
    if not isinstance(limits, list) or len(limits) < 2:
        bad("$bucket", "boundaries are an array of at least two constants")
    for i in range(1, len(limits)):
        if kind(limits[i]) != kind(limits[0]) or compare(limits[i - 1], limits[i]) >= 0:
            bad("$bucket", "boundaries are of one type and ascend")
    other = MISSING
    if "default" in spec:
        f, fixed = scope.constant(spec["default"])
        other = f(None) if fixed else MISSING
        if other is MISSING or compare(other, limits[0]) >= 0 and compare(other, limits[-1]) < 0:
            bad("$bucket", "default is a constant outside of the boundaries")

    def bucket(doc):
        v = key(doc)
        low = 0
        high = len(limits)
        while low < high:
            middle = (low + high) >> 1
            if compare(v, limits[middle]) < 0:
                high = middle
            else:
                low = middle + 1
        if 0 < low < len(limits):
            return limits[low - 1]
        if other is MISSING:
            bad("$bucket", "%s is in no bucket; give a default" % named(v))
        return other

    output = spec.get("output", {"count": {"$sum": 1}})
    if not isinstance(output, dict):
        bad("$bucket", "output is a document of accumulators")
    return bucket, output
