"""Conditions on fields as functions of a document: `f(document) -> bool`. Conditions: see operators.py.

These run for each document. MicroPython keeps a frame of up to eleven words on the C stack and a larger one on the heap: hence
small functions. It finds a closure's variable at once, but searches its table of built-ins from the start: hence `of` and `array`.
"""

from .comparison import between
from .path import walk


def on_field(name, conds, missing):
    """Return the function of a document for all conditions on a plain field. `missing`: what `get` gives where there is none."""
    if len(conds) == 1 and missing is None:
        negated, test, whole, _ = conds[0]
        if not negated and not whole:
            return _one(name, test, _on_any(test, True))
    for i in range(len(conds)):
        if conds[i][3] == "$exists":
            there = (lambda doc: name not in doc) if conds[i][0] else (lambda doc: name in doc)
            conds = conds[:i] + conds[i + 1 :]
            return conjunction([there, on_field(name, conds, missing)]) if conds else there
    tests = [on_value(c) for c in conds]
    if missing is not None:
        get = lambda doc: doc.get(name, missing)
        return conjunction([_of(get, t) for t in tests])
    # Of a value that is no array, as most are, no more than its tests.
    scalar = [_on_scalar(c, t) for c, t in zip(conds, tests)]
    first = scalar[0]
    if len(conds) == 1:
        if conds[0][2]:  # of an array no more either
            return lambda doc: first(doc.get(name))
        return _one(name, first, tests[0])
    if len(conds) == 2:
        return _two(name, conds, scalar, tests)
    return conjunction([on_field(name, [c], None) for c in conds])


def _one(name, scalar, test):
    of = type
    array = list

    def one(doc):
        doc = doc.get(name)
        return scalar(doc) if of(doc) is not array else test(doc)

    return one


def _two(name, conds, scalar, tests):
    of = type
    array = list
    first, second = scalar
    test, test2 = tests
    within = between(conds[0], conds[1])
    if within is not None:

        def bounded(doc):
            doc = doc.get(name)
            if of(doc) is not array:
                return within(doc)
            return test(doc) and test2(doc)

        return bounded

    def both(doc):
        doc = doc.get(name)
        if of(doc) is not array:
            return first(doc) and second(doc)
        return test(doc) and test2(doc)

    return both


def _on_scalar(cond, test):
    if isinstance(cond[1], list):
        return test
    return _negation(cond[1]) if cond[0] else cond[1]


def on_value(cond):
    """Return a condition as a function of the one value at a plain field; an array's elements are looked at too."""
    negated, test, whole, _ = cond
    if isinstance(test, list):
        return _unless([on_value(t) for t in test])
    if whole:
        return _negation(test) if negated else test
    return _on_any(test, not negated)


def _on_any(test, yes):
    def any_of(v):
        if test(v):
            return yes
        if type(v) is list:
            for e in v:
                if test(e):
                    return yes
        return not yes

    return any_of


def on_path(cond, parts):
    """Return the function of a document for a condition on a path."""
    negated, test, whole, _ = cond
    if isinstance(test, list):
        return _unless([on_path(t, parts) for t in test])

    def found(v, alone):
        if test(v):
            return True
        if not whole and not alone and isinstance(v, list):
            for e in v:
                if test(e):
                    return True
        return False

    if negated:
        return lambda doc: not walk(doc, parts, 0, found)
    return lambda doc: walk(doc, parts, 0, found)


def on_tags(cond, parts):
    """The same for "tags": the tags given to put, kept under _tags, and a document's own field."""
    negated, test, whole, what = cond
    if isinstance(test, list):
        return _unless([on_tags(t, parts) for t in test])
    own = on_path((False, test, whole, what), parts)
    given = on_path((False, test, whole, what), ["_tags"] + parts[1:])

    def tags(doc):
        if "_tags" not in doc:
            return own(doc) != negated
        if "tags" not in doc:
            return given(doc) != negated
        return (own(doc) or given(doc)) != negated

    return tags


def on_element(cond):
    """Return a condition as a test of one value that is not looked into."""
    negated, test, _, _ = cond
    if isinstance(test, list):
        return _unless([on_element(t) for t in test])
    return _negation(test) if negated else test


def _of(get, test):
    return lambda doc: test(get(doc))


def _negation(test):
    return lambda v: not test(v)


def _unless(tests):
    def unless(v):
        for t in tests:
            if not t(v):
                return True
        return False

    return unless


def conjunction(tests):
    """Return the function that tells whether all of `tests` hold."""
    n = len(tests)
    if n == 1:
        return tests[0]
    if n == 2:
        a, b = tests
        return lambda doc: a(doc) and b(doc)
    if not tests:
        return lambda doc: True
    if n == 3:
        a, b, c = tests
        return lambda doc: a(doc) and b(doc) and c(doc)
    if n < 7:
        a, b, c = tests[:3]
        d = conjunction(tests[3:])
        return lambda doc: a(doc) and b(doc) and c(doc) and d(doc)

    def all_of(doc):
        for t in tests:
            if not t(doc):
                return False
        return True

    return all_of


def any_of(tests, yes):
    """Return the function that gives `yes` when one of `tests` holds, else `not yes`."""
    if len(tests) == 2 and yes:
        a, b = tests
        return lambda doc: a(doc) or b(doc)

    def some_of(doc):
        for t in tests:
            if t(doc):
                return yes
        return not yes

    return some_of
