"""Queries: arguments checked and compiled, a way to run chosen, matches sorted, cut and shown.

Modules that not every query needs are loaded where they are called.
"""

from ..errors import QueryError
from ..loading import module
from ..locking import hold
from ..records import keys as _keys
from .filter import compile
from .operand import whole_number
from .table_scan import gather, scan


def too_deep(error):
    """Raise a `RuntimeError` on; for the end of a chip's stack, which comes before our own limits, `QueryError`, as these do."""
    if "recursion" in str(error):
        raise QueryError("filter or document nested deeper than this board's stack allows")
    raise error


class Query:
    """A compiled query: filter, order, skip, limit, projection. All arguments are checked here.

    Raises `QueryError` for a malformed filter, `sort`, `skip`, `limit` or `fields`.
    """

    # Of most queries: attributes of the class cost nothing.
    shows_key = False
    order = project = None
    skip = limit = 0

    def __init__(self, q, sort=None, skip=0, limit=0, fields=None):
        try:
            self.filter = compile(q)
        except RuntimeError as e:
            too_deep(e)
        if self.filter.limit:
            self.limit = self.filter.limit
        if sort is not None or fields is not None or skip is not 0 or limit is not 0:  # noqa: F632  False is none
            self._more(q, sort, skip, limit, fields)

    def _more(self, q, sort, skip, limit, fields):
        try:
            if sort is not None:
                self.order = module("query.sort").of_records(sort)
            if fields is not None:
                self.project = module("query.projection").compile(fields, q)
                self.shows_key = "_id" in fields
        except RuntimeError as e:
            too_deep(e)
        self.skip = whole_number("skip", skip)
        limit = whole_number("limit", limit)
        if limit:
            self.limit = min(limit, self.limit or limit)

    def plan(self, db, without=()):
        """Return the `planner.Plan` or `by_key.Plan`, None for a plain scan without any index to think about."""
        if self.filter.keys is not None or self.order is not None and self.order[0][0][0] == "_id":
            return module("query.by_key").choose(db, self, without)
        if not db._indexes:
            for sarg in self.filter.sargs:
                if sarg[0] == "tags":
                    break
            else:
                return None
        elif not self.filter.sargs and self.order is None:
            return None
        p = module("query.planner").choose(db, self.filter, self.order, without)
        return p if p.index is not None else None

    def run(self, db, slices=False, counts=None, without=()):
        """Return a generator of (stored key, document, raw), to be advanced with the database lock held.

        With `slices` it gives None between, every few records. `counts[0]` is increased for each
        record fetched through an index.
        """
        return self.matches(db, self.plan(db, without), slices, counts)

    def matches(self, db, plan, slices=False, counts=None):
        """As `run`, by a plan."""
        if plan is None:
            matches = scan(db, self.filter, slices)
        elif plan.index is None:
            matches = module("query.by_key").walk(db, self.filter, plan, slices, counts or [0])
        else:
            matches = module("query.index_scan").walk(db, self.filter, plan, slices, counts or [0])
        if self.order is not None and not (plan is not None and plan.ordered):
            matches = module("query.sort").arranged(
                matches, self.order, self.skip + self.limit if self.limit else 0, plan is None or plan.index is None, slices
            )
        if self.skip or self.limit:
            matches = _cut(matches, self.skip, self.limit)
        return matches


def _cut(matches, skip, limit):
    for m in matches:
        if m is not None:
            if skip:
                skip -= 1
                continue
            yield m
            if limit:
                limit -= 1
                if not limit:
                    return
        else:
            yield None


def blind(q, fields=None):
    """Return a `Query` of which what matches is wanted and not the documents."""
    compiled = Query(q, fields=fields)
    compiled.filter.blind = True
    return compiled


def check_flag(value, name):
    """Raise `TypeError` unless `value` is True or False."""
    if value is not True and value is not False:
        raise TypeError("%s: bool, not %s" % (name, type(value).__name__))


def query(db, q=None, keys=False, sort=None, skip=0, limit=0, fields=None, key_field=None):
    """Return the list of matching documents, with `keys=True` of (key, document).

    `key_field`: name of a field, "_id" for example, under which each document carries its key.
    """
    check_flag(keys, "keys")
    if sort is fields is key_field is None and q.__class__ is dict and "_id" in q:
        found = module("query.by_key").one(db, q, keys, skip, limit)
        if found is not None:
            return found
    compiled = Query(q, sort, skip, limit, fields)
    if key_field is not None:
        module("query.projection").add_key(compiled, key_field)
    try:
        with hold(db):
            db._queries += 1
            return _documents(db, compiled, keys)
    except RuntimeError as e:
        too_deep(e)


def _documents(db, compiled, keys):
    project = compiled.project
    plan = compiled.plan(db)
    if not keys and compiled.order is None and not compiled.skip and (project is None or not compiled.shows_key):
        found = None
        if plan is None:
            found = gather(db, compiled.filter, compiled.limit)
        elif plan.once:
            found = module("query.index_scan").pick(db, compiled.filter, plan, compiled.limit)
        if found is not None:
            return found if project is None else [project(doc) for doc in found]
    out = []
    for m in compiled.matches(db, plan):
        doc = m[1] if project is None else project(m[1], m[0])
        out.append((_keys.shown(m[0]), doc) if keys else doc)
    return out


def count(db, q=None):
    """Return the number of matching documents. An index that decides the filter alone is counted without reading records."""
    compiled = blind(q)
    try:
        with hold(db):
            db._queries += 1
            n = 0
            plan = compiled.plan(db)
            if plan is not None and plan.exact and plan.single and not compiled.limit and db._expiry is None:
                for start, end in plan.ranges:
                    for _ in db._store.scan(start, end, 1):
                        n += 1
                return n
            for _ in compiled.matches(db, plan):
                n += 1
            return n
    except RuntimeError as e:
        too_deep(e)
