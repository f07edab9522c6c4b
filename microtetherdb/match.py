"""Filters compiled to functions: paths through documents and arrays, and the logical operators.

A compiled filter is a tree of closures `f(document) -> bool`, made once for each query.
"""

from .errors import QueryError
from .operators import bad, between, check, conditions, element, equal, first_is_operator, is_regex, whole_number, _searcher
from .order import MISSING, ORDERED, loads, whole

_DEPTH = 12  # of logical operators, $not and $elemMatch
_CONDITIONS = 400  # operators and fields in one filter
_PATH = 20  # steps of a dotted path

# Conditions at the top of a filter that an index or the raw bytes can decide.
SARGABLE = ("$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$all", "$contains")


def split(path):
    """Return the steps of a dotted path; raises `QueryError` for an empty step."""
    if not isinstance(path, str):
        raise QueryError("path: str, not " + type(path).__name__)
    parts = path.split(".")
    if "" in parts:
        raise QueryError("path %r has an empty step" % path)
    if len(parts) > _PATH:
        raise QueryError("path of %d steps, at most %d" % (len(parts), _PATH))
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
    if step.isdigit() and len(step) < 5 and int(step) < len(array):
        v = array[int(step)]
        i += 1
        if i == len(parts):
            return found(v, True)
        if isinstance(v, dict):
            return walk(v, parts, i, found)
        if isinstance(v, list):
            return _walk_array(v, parts, i, found)
    return False


def _on_value(cond):
    # A condition as a function of the one value at a plain field.
    negated, test, whole = cond[:3]
    if isinstance(test, list):
        return _unless([_on_value(t) for t in test])
    if whole:
        if negated:
            return lambda v: not test(v)
        return test

    def some(v):
        if test(v):
            return not negated
        if type(v) is list:
            for e in v:
                if test(e):
                    return not negated
        return negated

    return some


def _unless(tests):
    def unless(v):
        for t in tests:
            if not t(v):
                return True
        return False

    return unless


def _on_path(cond, parts):
    # A condition as a function of a document.
    negated, test, whole = cond[:3]
    if isinstance(test, list):
        return _unless([_on_path(t, parts) for t in test])

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


def _on_tags(cond, parts):
    # "tags": the tags given to put, kept under _tags, and a document's own field.
    negated, test, whole = cond[:3]
    if isinstance(test, list):
        return _unless([_on_tags(t, parts) for t in test])
    own = _on_path((False, test, whole), parts)
    given = _on_path((False, test, whole), ["_tags"] + parts[1:])

    def tags(doc):
        if "_tags" not in doc:
            return own(doc) != negated
        if "tags" not in doc:
            return given(doc) != negated
        return (own(doc) or given(doc)) != negated

    return tags


def _field(name, conds, missing):
    # All conditions on a plain field of a document. `missing`: what `get` gives where there is none.
    # These run for each document. MicroPython keeps a frame of up to eleven words on the C stack, a
    # larger one on the heap; it finds a cell at once, a global or a builtin by a look-up.
    for i in range(len(conds)):
        if len(conds[i]) > 3 and conds[i][3][0] == "$exists":
            there = (lambda doc: name not in doc) if conds[i][0] else (lambda doc: name in doc)
            conds = conds[:i] + conds[i + 1 :]
            return conjunction([there, _field(name, conds, missing)]) if conds else there
    if missing is not None:
        get = lambda doc: doc.get(name, missing)
        tests = [_on_value(c) for c in conds]
        return conjunction([_of(get, t) for t in tests])
    of = type
    array = list
    tests = [_on_value(c) for c in conds]
    # Of a value that is no array, as most are, no more than its tests.
    scalar = [t if isinstance(c[1], list) else _negation(c[1]) if c[0] else c[1] for c, t in zip(conds, tests)]
    first = scalar[0]
    test = tests[0]
    if len(conds) == 1:
        if conds[0][2]:  # of an array no more either
            return lambda doc: first(doc.get(name))

        def one(doc):
            doc = doc.get(name)
            return first(doc) if of(doc) is not array else test(doc)

        return one
    if len(conds) > 2:
        return conjunction([_field(name, [c], None) for c in conds])
    second = scalar[1]
    test2 = tests[1]
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


def _of(get, test):
    return lambda doc: test(get(doc))


def _negation(test):
    return lambda v: not test(v)


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


def _any_of(tests, yes):
    if len(tests) == 2 and yes:
        a, b = tests
        return lambda doc: a(doc) or b(doc)

    def any_of(doc):
        for t in tests:
            if t(doc):
                return yes
        return not yes

    return any_of


class Compiler:
    """Compiles one filter. Bounds its size and depth; notes what the planner can use.

    `sargs`: (path, operator, operand) that every match fulfils. `ordered`: a comparison depends on
    the order of fields, so that documents are to be parsed with `order.loads`. `rest`: number of
    conditions that are not (or not wholly) in `sargs`.
    """

    def __init__(self):
        self.sargs = []
        self.ordered = False
        self.only_tags = True
        self.rest = 0  # conditions at the top that are not in `sargs`
        self.limit = 0
        self.regex = None
        self._left = _CONDITIONS
        self._depth = 0

    def count(self, op):
        self._left -= 1
        if self._left < 0:
            raise QueryError("%s: more than %d conditions" % (op, _CONDITIONS))

    def down(self, op):
        saved = self._depth, self.regex
        self._depth += 1
        if self._depth > _DEPTH:
            bad(op, "nested deeper than %d" % _DEPTH)
        return saved

    def up(self, saved):
        self._depth, self.regex = saved

    def note(self, operand):
        """Note an operand that documents are compared with."""
        if not ORDERED and not self.ordered and isinstance(operand, (dict, list, tuple)):
            self.ordered = _several(operand)

    def filter(self, q):
        """Compile a filter inside of $elemMatch."""
        saved = self.down("$elemMatch")
        f = conjunction(self.tests(q, False, False))
        self.up(saved)
        return f

    def tests(self, q, root, conjunct):
        """Return the functions of a filter's fields. `conjunct`: all of them must hold for a match."""
        if not isinstance(q, dict):
            raise QueryError("filter: a document, not " + type(q).__name__)
        out = []
        for name in q:
            x = q[name]
            if not isinstance(name, str):
                raise QueryError("filter: field names are str, not " + type(name).__name__)
            self.count(name)
            if name.startswith("$"):
                self._logical(name, x, root, conjunct, out)
                continue
            parts = split(name)
            if parts[0] != "tags" or len(parts) > 1:
                self.only_tags = False
            self.regex = None
            if is_regex(x):
                conds = [(False, _searcher(x), False)]
                self.rest += 1
            elif isinstance(x, dict) and first_is_operator(x):
                conds = conditions(x, self)
                if conjunct:
                    self._sargs(name, x)
            else:
                check(name, x)
                self.note(x)
                conds = [(False, equal(x), False)]
                if conjunct:
                    self.sargs.append((name, "$eq", x))
            if parts[0] == "tags" and root:
                out.extend(_on_tags(c, parts) for c in conds)
            elif len(parts) == 1:
                # Null and missing are one, but for the operators that tell them apart.
                apart = isinstance(x, dict) and ("$type" in x or "$not" in x)
                out.append(_field(name, conds, MISSING if apart else None))
            else:
                out.extend(_on_path(c, parts) for c in conds)
        return out

    def _sargs(self, name, x):
        for op in x:
            if op in SARGABLE:
                self.sargs.append((name, op, x[op]))
            else:
                self.rest += 1
                if op == "$regex" and self.regex is not None:
                    self.sargs.append((name, op, self.regex))

    def _logical(self, op, x, root, conjunct, out):
        if op == "$limit" and root and not self._depth:
            self.limit = whole_number(op, x)
            return
        if op not in ("$and", "$or", "$nor"):
            bad(op, "unknown operator")
        if not isinstance(x, (list, tuple)) or not x:
            bad(op, "takes a non-empty array of filters")
        for q in x:
            if not isinstance(q, dict):
                bad(op, "members are filters, not " + type(q).__name__)
        saved = self.down(op)
        if op == "$and":
            for q in x:
                out.extend(self.tests(q, root, conjunct))
        else:
            self.rest += 1
            out.append(_any_of([conjunction(self.tests(q, root, False)) for q in x], op == "$or"))
        self.up(saved)


def _several(x):
    if isinstance(x, dict):
        if len(x) > 1:
            return True
        x = x.values()
    for v in x:
        if isinstance(v, (dict, list, tuple)) and _several(v):
            return True
    return False


class Filter:
    """A compiled filter: `match(document) -> bool`, `limit`, `ordered`, `sargs`, `rest`, `fields`.

    Raises `QueryError` naming the operator for what is not a valid filter.
    """

    def __init__(self, q):
        if isinstance(q, str):
            try:
                q = loads(whole(q))
            except ValueError:
                raise QueryError("filter: not whole JSON: " + q[:40])
        if q is None:
            q = {}
        c = Compiler()
        tests = c.tests(q, True, True)
        self.test = conjunction(tests)
        self.fields = len(tests)  # 0: matches everything, whatever its type
        self.only_tags = c.only_tags
        self.limit = c.limit
        self.ordered = c.ordered
        self.sargs = c.sargs
        self.rest = c.rest

    def match(self, document):
        """Tell whether a document matches. A value that is not a document matches only a filter without fields."""
        if self.fields and not isinstance(document, dict):
            return False
        return self.test(document)


def compile(q):
    """Return the `Filter` of a query: a dict, an OrderedDict, or its JSON text (then order of fields counts)."""
    return q if isinstance(q, Filter) else Filter(q)
