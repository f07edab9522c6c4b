"""Accumulators of `$group` and `$bucket`: what of a group's documents is kept, and what it becomes.

A group's state is a list: its `_id`, then the places of its accumulators. Each accumulator is a function `step(state, value)`,
called for each document: those on one operand share its value.
"""

import math

from ..loading import module
from .expression import EXACT, compare, identity
from .operand import bad
from .value_order import MISSING

_NAMES = ("$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet", "$count", "$stdDevPop")

_INFINITY = float("inf")
_LOW = -EXACT
_HIGH = EXACT

type = type  # see database.py
int = int
float = float


class Accumulators:
    """Those of a stage: `template` of a state behind its `_id`, `add(state, document)`, `result(state)`.

    `spec`: {field: {accumulator: expression}}; `scope`: `expression.Scope`; `op`: the stage, for errors.
    Raises `QueryError`.
    """

    def __init__(self, spec, scope, op):
        self.template = []
        self._shown = []  # (field, accumulator, its place)
        operands = []  # (expression, its function, [(field, accumulator)])
        for name in spec:
            if not isinstance(name, str) or not name or "." in name or name.startswith("$"):
                bad(op, "%r is no name of a field" % (name,))
            x = spec[name]
            if not isinstance(x, dict) or len(x) != 1:
                bad(op, "%s takes one accumulator, as {'$sum': '$a'}" % name)
            for acc in x:
                self._operand(name, acc, x[acc], scope, operands)
        self.add = _each([_plus(x, f) if some is None else _on(f, self._steps(some)) for x, f, some in operands])
        self.template.append(None)  # the next group's state

    def _operand(self, name, acc, x, scope, operands):
        if acc not in _NAMES:
            module("query.nearest").unknown(acc, _NAMES, "accumulator")
        if acc == "$count":
            if not isinstance(x, dict) or x:
                bad(acc, "takes {}")
            acc, x = "$sum", 1
        if isinstance(x, (list, tuple)):
            bad(acc, "takes one expression, not an array")
        if acc == "$sum" and (type(x) is int or type(x) is float) and x - x == 0:
            self._shown.append((name, acc, len(self.template) + 1))
            self.template.append(0)
            operands.append((len(self.template), x, None))
            return
        for other, _, some in operands:
            if isinstance(x, str) and other == x:
                some.append((name, acc))
                return
        operands.append((x, scope.compile(x), [(name, acc)]))

    def _steps(self, some):
        # One function for what is asked of one operand.
        steps = []
        common = None
        if sum(acc in _NAMES[:4] for _, acc in some) > 1:
            common = len(self.template) + 1
            self.template.extend((0, 0, _INFINITY, -_INFINITY, (), ()))
            steps.append(_all(common))
        for name, acc in some:
            if common is not None and acc in _NAMES[:4]:
                self._shown.append((name, acc[1:], common))
                continue
            at = len(self.template) + 1
            self.template.extend(_start(acc))
            self._shown.append((name, acc, at))
            steps.append(_step(acc, at))
        return _each(steps)

    def result(self, state):
        """Return the document of a group."""
        out = {"_id": state[0]}
        for name, acc, at in self._shown:
            v = state[at]
            if acc == "$avg":
                v = state[at + 1] / v if v else None
            elif acc == "$stdDevPop":
                v = math.sqrt(state[at + 2] / v) if v else None
            elif acc == "$addToSet":
                v = list(v.values()) if v else []
            elif acc == "$push":
                v = v or []
            elif acc == "sum":
                v = state[at + 1]
            elif acc == "avg":
                v = state[at + 1] / v if v else None
            elif acc == "min":
                v = state[at + 2] if v else state[at + 4]
            elif acc == "max":
                v = state[at + 5] if state[at + 5] != () else state[at + 3] if v else None
            out[name] = None if v is MISSING or v == () else v
        return out


def _start(acc):
    if acc == "$sum":
        return (0,)
    if acc == "$avg":
        return (0, 0)  # how many, sum
    if acc == "$stdDevPop":
        return (0, 0.0, 0.0)  # how many, mean, sum of squares of differences
    return ((),)  # nothing yet


def _all(i):
    # $sum, $avg, $min and $max of one operand. State: how many numbers, their sum, least and greatest, and the least and
    # greatest of other values, which are all above numbers.
    def all_(state, v):  # a small frame, see predicate.py
        t = type(v)
        if t is float or t is int:
            state[i] += 1
            state[i + 1] += v
            if _LOW < v < _HIGH:  # then numbers of both types compare natively
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

    return all_


def _step(acc, i):
    of = type
    missing = MISSING
    if acc == "$sum":

        def step(state, v):
            t = of(v)
            if t is int or t is float:
                state[i] += v

    elif acc == "$avg":

        def step(state, v):
            t = of(v)
            if t is int or t is float:
                state[i] += 1
                state[i + 1] += v

    elif acc == "$min":

        def step(state, v):
            m = state[i]
            t = of(v)
            if t is of(m) and (t is float or t is int):
                if v < m:
                    state[i] = v
            elif v is not None and v is not missing and (m == () or compare(v, m) < 0):
                state[i] = v

    elif acc == "$max":

        def step(state, v):
            m = state[i]
            t = of(v)
            if t is of(m) and (t is float or t is int):
                if v > m:
                    state[i] = v
            elif v is not None and v is not missing and (m == () or compare(v, m) > 0):
                state[i] = v

    elif acc == "$first":

        def step(state, v):
            if state[i] == ():
                state[i] = v

    elif acc == "$last":

        def step(state, v):
            state[i] = v

    elif acc == "$push":

        def step(state, v):
            if v is not missing:
                if state[i] == ():
                    state[i] = [v]
                else:
                    state[i].append(v)

    elif acc == "$addToSet":

        def step(state, v):
            if v is not missing:
                if state[i] == ():
                    state[i] = {}
                state[i].setdefault(identity(v), v)

    else:

        def step(state, v):
            # B. P. Welford, "Note on a method for calculating corrected sums of squares and products", 1962
            t = of(v)
            if t is int or t is float:
                n = state[i] = state[i] + 1
                d = v - state[i + 1]
                m = state[i + 1] = state[i + 1] + d / n
                state[i + 2] += d * (v - m)

    return step


def _plus(i, x):
    # $sum of a constant.
    def plus(state, doc):
        state[i] += x

    return plus


def _on(f, step):
    return lambda state, doc: step(state, f(doc))


def _each(steps):
    # One function for all: without a loop, whose frame would be on the heap (predicate.py).
    n = len(steps)
    if n == 1:
        return steps[0]
    if not n:
        return lambda state, v: None
    a = steps[0]
    b = steps[1] if n == 2 else _each(steps[2:])

    def two(state, v):
        a(state, v)
        b(state, v)

    if n == 2:
        return two
    c = steps[1]

    def more(state, v):
        a(state, v)
        c(state, v)
        b(state, v)

    return more
