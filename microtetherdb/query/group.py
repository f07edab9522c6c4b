"""`$group` and `$bucket`: documents that go together, and what is kept of them."""

import gc

from micropython import const

from .accumulators import Accumulators
from .expression import code, compare, identity, named
from .operand import bad
from .value_order import MISSING, kind

_LOW = const(32768)  # bytes of free heap
_TABLES = const(7)  # of groups: one for all would need one large piece of RAM

type = type  # see database.py
dict = dict
int = int
str = str
hash = hash


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
        """Return (chain of states, `add(document)`) without any group yet. A chain: its first, its last, how many; a state ends with the next."""
        if gc.mem_free() < _LOW:
            gc.collect()  # what is kept now goes into the small holes, and leaves the large ones
        chain = [None, None, 0]
        tables = [{} for _ in range(_TABLES)]
        key = self._key
        update = self._kept.add

        def add(doc):  # small frames, see predicate.py
            if type(doc) is dict:
                update(state(key(doc)), doc)

        def state(k):
            t = type(k)
            if t is not int and t is not str:
                t = identity(k)
                return tables[hash(t) % _TABLES].get(t) or new(k)
            return tables[hash(k) % _TABLES].get(k) or new(k)

        def new(k):
            if k is MISSING:
                return state(None)
            if chain[2] >= self._most:
                bad(self._op, "more than %d groups; max_groups= allows more" % self._most)
            made = [k] + self._kept.template
            t = identity(k)
            tables[hash(t) % _TABLES][t] = made
            if chain[1] is None:
                chain[0] = made
            else:
                chain[1][-1] = made
            chain[1] = made
            chain[2] += 1
            return made

        return chain, add

    def results(self, chain):
        """Yield the documents of groups."""
        state = chain[0]
        if self._op == "$bucket":
            states = []
            while state is not None:
                states.append(state)
                state = state[-1]
            states.sort(key=lambda state: code(state[0]))
            for state in states:
                yield self._kept.result(state)
            return
        while state is not None:
            yield self._kept.result(state)
            state = state[-1]

    def run(self, docs, shared):
        """Yield the groups of documents; with `shared` also None after each of these."""
        chain, add = self.begin()
        for doc in docs:
            add(doc)
            if shared:
                yield None
        yield from self.results(chain)


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
