"""Filters compiled to functions: fields, logical operators, and what they tell the planner.

A compiled filter is a tree of closures `f(document) -> bool`, made once for each query.
"""

from ..errors import QueryError
from ..loading import module
from .comparison import equal
from .operand import bad, check, is_operators, is_regex, searcher, whole_number
from .operators import conditions
from .ordered_json import ORDERED
from .path import split
from .predicate import any_of, conjunction, on_field, on_path, on_tags
from .value_order import MISSING

_DEPTH = 12  # of logical operators, $not and $elemMatch
_CONDITIONS = 400  # operators and fields in one filter

# Conditions at the top of a filter that an index or the raw bytes can decide.
SARGABLE = ("$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$all", "$contains")

isinstance = isinstance  # see database.py
type = type
str = str
dict = dict
len = len


class Filter:
    """A compiled filter: `test(document)`, `match(document) -> bool`, and what the planner wants to know.

    `sargs`: (path, operator, operand) that every match fulfils. `rest`: number of conditions that are not
    (or not wholly) in `sargs`. `ordered`: a comparison depends on the order of fields, so that documents are to
    be parsed with `ordered_json.loads`. `fields`: number of conditions; 0 matches everything, whatever its type.
    `only_tags`: it asks for nothing but tags and keys. `limit`: of `$limit`, 0 without.
    `of_records`: `_id` is the record's key, not a field. `keys`: what it says about keys (`by_key.Keys`), None for nothing; then
    `key` is to be set to the stored key of the record before each test.
    Raises `QueryError` naming the operator for what is not a valid filter. Bounds its size and depth.
    """

    ordered = False
    only_tags = True
    asks_tags = False
    of_records = True
    keys = key = None
    rest = 0
    limit = 0
    regex = None  # of the field being compiled
    _left = _CONDITIONS
    _depth = 0

    def __init__(self, q):
        self.sargs = []
        tests = self.tests(q, True, True)
        self.test = conjunction(tests)
        self.fields = len(tests)

    def match(self, document):
        """Tell whether a document matches. A value that is not a document matches only a filter without fields, or on keys alone."""
        if self.fields and not isinstance(document, dict) and not self.only_key():
            return False
        return self.test(document)

    def only_key(self):
        """Tell whether it asks for nothing but keys."""
        return self.keys is not None and self.only_tags and not self.asks_tags

    def count(self, op):
        """Count a condition; raises `QueryError` when there are too many."""
        self._left -= 1
        if self._left < 0:
            raise QueryError("%s: more than %d conditions" % (op, _CONDITIONS))

    def down(self, op):
        """Begin what is nested in an operator; returns what `up` takes."""
        saved = self._depth, self.regex
        self._depth += 1
        if self._depth > _DEPTH:
            bad(op, "nested deeper than %d" % _DEPTH)
        return saved

    def up(self, saved):
        """End what is nested."""
        self._depth, self.regex = saved

    def note(self, operand):
        """Note an operand that documents are compared with."""
        if not ORDERED and not self.ordered and isinstance(operand, (dict, list, tuple)):
            self.ordered = _several(operand)

    def tests(self, q, root, conjunct):
        """Return the functions of a filter's fields. `conjunct`: all of them must hold for a match."""
        if not isinstance(q, dict):
            raise QueryError("filter: a document, not " + type(q).__name__)
        out = []
        for name in q:
            if not isinstance(name, str):
                raise QueryError("filter: field names are str, not " + type(name).__name__)
            self.count(name)
            x = q[name]
            if name.startswith("$"):
                self._logical(name, x, root, conjunct, out)
                continue
            parts = split(name)
            if parts[0] == "_id" and root and self.of_records:
                out.append(module("query.by_key").condition(self, name, x, conjunct))
                continue
            tags = parts[0] == "tags"
            if not tags or len(parts) > 1:
                self.only_tags = False
            conds = self.conditions(name, x, conjunct)
            if tags and root:
                self.asks_tags = True
                out.extend(on_tags(c, parts) for c in conds)
            elif len(parts) == 1:
                # Null and missing are one, but for the operators that tell them apart.
                apart = isinstance(x, dict) and ("$type" in x or "$not" in x)
                out.append(on_field(name, conds, MISSING if apart else None))
            else:
                out.extend(on_path(c, parts) for c in conds)
        return out

    def conditions(self, name, x, conjunct):
        """Return the conditions of one field, noting those that are of use to the planner."""
        self.regex = None
        if type(x) is not str:
            if is_regex(x):
                self.rest += 1
                return [(False, searcher(x), False, None)]
            if isinstance(x, dict) and is_operators(x):
                conds = conditions(x, self)
                if conjunct:
                    self._sargs(name, x)
                return conds
            check(name, x)
            self.note(x)
        if conjunct:
            self.sargs.append((name, "$eq", x))
        return [(False, equal(x), False, None)]

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
        if op == "$comment":
            return
        if op == "$expr" and root:
            test, asks_key = module("query.expression").condition(self, x, conjunct)
            if asks_key:
                module("query.by_key").asked(self)
            out.append(test)
            return
        if op not in ("$and", "$or", "$nor"):
            module("query.nearest").operator(op)
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
            some = []
            for q in x:
                some.append(conjunction(self.tests(q, root, False)))
            out.append(any_of(some, op == "$or"))
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


def parsed(q):
    """Return a filter that is given as JSON text, or as None, as a dict; all others as they are."""
    if isinstance(q, str):
        q = module("records.strict_json").given("filter", q)
        if q is None:
            raise QueryError("filter: a document, not null")  # for None is taken as {}
    return {} if q is None else q


def compile(q):
    """Return the `Filter` of a query: a dict, an OrderedDict, or its JSON text (then order of fields counts)."""
    if isinstance(q, Filter):
        return q
    return Filter(q if q.__class__ is dict else parsed(q))
