"""`$group` and `$bucket`: documents that go together, and what accumulators keep of them.

A group's state is a list: its `_id`, the places of its accumulators, the next group's state.
"""

import gc
import math

from micropython import const

from ..loading import module
from .operand import bad
from .value_order import MISSING, kind
from .values import EXACT, code, compare, identity, number, options

_LOW = const(32768)  # bytes of free heap
_TABLES = const(7)  # of groups: one for all would need one large piece of RAM
_NAMES = "sum avg min max first last push addToSet stdDevPop count"
_INFINITY = float("inf")

type = type  # see database.py
int = int
float = float
str = str
hash = hash


class Group:
    """A compiled stage. `most`: groups that it may make. Raises `QueryError`."""

    def __init__(self, op, spec, scope, most):
        self._op = op
        self._most = most
        if not isinstance(spec, dict) or op == "$group" and "_id" not in spec:
            bad(op, "takes a document with _id")
        self._key = scope.compile(spec["_id"]) if op == "$group" else None
        if op == "$bucket":
            spec = self._bucket(
                scope, options(op, spec, {"groupBy": 0, "boundaries": 0, "default": MISSING, "output": {"count": {"$sum": 1}}})
            )
        self._template = []
        self._shown = []  # (field, accumulator, its place)
        operands = []  # (expression, its function, [(accumulator, its place)]); of a constant sum (its place, constant, None)
        for name in spec if isinstance(spec, dict) else bad(op, "output: accumulators"):
            x = spec[name]
            if name == "_id" and op == "$group":
                continue
            if not isinstance(x, dict) or len(x) != 1 or "." in name or name.startswith("$"):
                bad(op, "%s: one accumulator, as {'$sum': '$a'}" % name)
            for acc in x:
                self._accumulator(name, acc, x[acc], scope, operands)
        self._template.append(None)
        self._update = _each([_plus(at, f) if places is None else _step(f, places) for at, f, places in operands])

    def _accumulator(self, name, acc, x, scope, operands):
        if acc[1:] not in _NAMES.split():
            module("query.nearest").unknown(acc, _NAMES)
        if isinstance(x, (list, tuple)) or acc == "$count" and x:
            bad(acc, "takes one expression" if x else "takes {}")
        at = len(self._template) + 1
        if acc == "$count" or acc == "$sum" and number(x):
            self._template.append(0)
            self._shown.append((name, "$count", at))
            operands.append((at, x if acc == "$sum" else 1, None))
            return
        numeric = acc in ("$sum", "$avg", "$min", "$max")
        for other, _, places in operands:
            if isinstance(x, str) and other == x:
                for known, place in places:
                    if numeric and known is None:
                        self._shown.append((name, acc, place))
                        return
                break
        else:
            places = []
            operands.append((x, scope.compile(x), places))
        places.append((None if numeric else acc, at))
        # For the four one state: how many numbers, their sum, least, greatest; least and greatest of all other values, which are above.
        self._template.extend((0, 0, _INFINITY, -_INFINITY, (), ()) if numeric else (0, 0.0, 0.0) if acc == "$stdDevPop" else ((),))
        self._shown.append((name, acc, at))

    def _bucket(self, scope, given):
        # Sets the function of a document's bucket; returns the accumulators.
        by = given["groupBy"]
        if not by or not isinstance(by, dict) and str(by)[0] != "$":
            bad("$bucket", "groupBy: an expression, as '$a'")
        key = scope.compile(by)
        limits = scope.constant("$bucket", given["boundaries"])
        default = given["default"]
        fault = not isinstance(limits, list) or len(limits) < 2
        for i in range(1, 0 if fault else len(limits)):
            if kind(limits[i - 1]) != kind(limits[i]) or compare(limits[i - 1], limits[i]) >= 0:
                fault = True
        if fault:
            bad("$bucket", "boundaries: at least two of one type that ascend")
        if default is not MISSING:
            default = scope.constant("$bucket", default)
            if compare(default, limits[0]) >= 0 > compare(default, limits[-1]):
                bad("$bucket", "default: outside of the boundaries")

        def bucket(doc):
            v = key(doc)
            i = len(limits)
            while i and compare(v, limits[i - 1]) < 0:
                i -= 1
            if 0 < i < len(limits):
                return limits[i - 1]
            if default is MISSING:
                bad("$bucket", "a value is outside of the boundaries; give a default")
            return default

        self._key = bucket
        return given["output"]

    def begin(self):
        """Return (chain of states, `add(document)`) without any group yet. A chain: its first, its last, how many."""
        if gc.mem_free() < _LOW:
            gc.collect()  # what is kept now goes into the small holes, and leaves the large ones
        chain = [None, None, 0]
        tables = [{} for _ in range(_TABLES)]
        key = self._key
        update = self._update

        def add(doc):  # small frames, see predicate.py
            if type(doc) is dict:
                update(state(key(doc)), doc)

        def state(k):
            t = k if type(k) is int or type(k) is str else identity(k)
            return tables[hash(t) % _TABLES].get(t) or new(k)

        def new(k):
            if k is MISSING:
                return state(None)
            if chain[2] >= self._most:
                bad(self._op, "more than %d groups; max_groups= allows more" % self._most)
            made = [k] + self._template
            k = identity(k)
            tables[hash(k) % _TABLES][k] = made
            if chain[1] is None:
                chain[0] = made
            else:
                chain[1][-1] = made
            chain[1] = made
            chain[2] += 1
            return made

        return chain, add

    def results(self, chain):
        """Yield the documents of groups, of buckets in their order."""
        state = chain[0]
        states = []
        while state is not None:
            if self._op == "$group":
                yield self._result(state)
            else:
                states.append(state)
            state = state[-1]
        for state in sorted(states, key=lambda state: code(state[0])):
            yield self._result(state)

    def run(self, docs):
        """Yield the groups of documents, and None after each of these."""
        chain, add = self.begin()
        for doc in docs:
            add(doc)
            yield None
        yield from self.results(chain)

    def _result(self, state):
        out = {"_id": state[0]}
        for name, acc, at in self._shown:
            v = state[at]
            if acc == "$sum":
                v = state[at + 1]
            elif acc == "$avg":
                v = state[at + 1] / v if v else None
            elif acc == "$min":
                v = state[at + 2] if v else state[at + 4]
            elif acc == "$max":
                v = state[at + 5] if state[at + 5] != () or not v else state[at + 3]
            elif acc == "$stdDevPop":
                v = math.sqrt(state[at + 2] / v) if v else None
            elif acc == "$addToSet":
                v = list(v.values()) if v else []
            elif acc == "$push":
                v = v or []
            out[name] = None if v is MISSING or v == () else v
        return out


def _plus(i, x):
    def plus(state, doc):
        state[i] += x

    return plus


def _step(f, places):
    # The function of a state and a document for all that is asked of one operand.
    steps = [_numbers(at) if acc is None else _other(acc, at) for acc, at in places]
    step = _each(steps)
    return lambda state, doc: step(state, f(doc))


def _numbers(i):
    def numbers(state, v):  # a small frame, see predicate.py
        if type(v) is float or type(v) is int:
            state[i] += 1
            state[i + 1] += v
            if -EXACT < v < EXACT:  # then numbers of both types compare natively
                if v < state[i + 2]:
                    state[i + 2] = v
                if v > state[i + 3]:
                    state[i + 3] = v
            else:
                extremes(state, v, i + 2)
        elif v is not None and v is not MISSING:
            extremes(state, v, i + 4)

    def extremes(state, v, at):
        for k, sign in ((at, -1), (at + 1, 1)):
            if state[k] == () or compare(v, state[k]) == sign:
                state[k] = v

    return numbers


def _other(acc, i):
    def other(state, v):
        kept = state[i]
        if acc == "$last" or acc == "$first" and kept == ():
            state[i] = v
        elif acc == "$stdDevPop":
            if type(v) is float or type(v) is int:
                # B. P. Welford, "Note on a method for calculating corrected sums of squares and products", 1962
                state[i] += 1
                d = v - state[i + 1]
                state[i + 1] += d / state[i]
                state[i + 2] += d * (v - state[i + 1])
        elif v is not MISSING and acc != "$first":
            if kept == ():
                kept = state[i] = [] if acc == "$push" else {}
            if acc == "$push":
                kept.append(v)
            else:
                kept.setdefault(identity(v), v)

    return other


def _each(steps):
    # One function for all: without a loop, whose frame would be on the heap.
    if len(steps) == 1:
        return steps[0]
    if not steps:
        return lambda state, v: None
    a = steps[0]
    b = _each(steps[1:])

    def two(state, v):
        a(state, v)
        b(state, v)

    return two
