"""`aggregate`: MongoDB's pipelines. Documents go through the stages one at a time; only groups and sorted documents are kept.

What a pipeline begins with, `$match` and then `$sort`, `$skip`, `$limit`, is run as a query, by index or key range where there is one.
"""

import time
from json import loads

from micropython import const

from ..errors import QueryError
from ..loading import module
from ..locking import hold
from ..records import keys as _keys
from ..records import record
from .expression import Scope
from .operand import bad, whole_number

_STAGES = const(100)
_NAMES = ("$match", "$project", "$set", "$addFields", "$unset", "$unwind", "$group", "$sort", "$skip", "$limit", "$count", "$bucket")

type = type  # see database.py


class Source:
    """What a pipeline reads: stored keys from `start` (included) to `end` (excluded, None: all), here those of the plain database.

    `query(q, sort, limit)` makes the `run.Query` of what the pipeline begins with, for these only; `shown(key)` is the `_id` of a stored key.
    """

    start = _keys.USER
    end = None

    def query(self, q, sort, limit):
        """Return the query of a filter and an order, or None for all; `limit`: how many are wanted, 0 for all."""
        return module("query.run").Query(q, sort, 0, limit)

    def shown(self, key):
        """Return the `_id` of the document under a stored key."""
        return _keys.shown(key)


class Results:
    """What `aggregate` returns: gives documents one at a time, for `for` and, sharing the event loop, `async for`. Raises `DBClosed`."""

    def __init__(self, db, pipeline, max_groups, source):
        self._db = db
        self._pipeline = Pipeline(pipeline, max_groups, source or Source())
        self._docs = self._since = None
        with hold(db):
            db._queries += 1

    def _step(self, shared):
        # The next document, or None when there is none yet.
        db = self._db
        try:
            with hold(db):
                if self._docs is None:
                    self._docs = self._pipeline.run(db, shared)
                return next(self._docs)
        except RuntimeError as e:
            module("query.run").too_deep(e)

    def __iter__(self):
        return self

    def __next__(self):
        doc = None
        while doc is None:
            doc = self._step(False)
        return doc

    def __aiter__(self):
        return self

    async def __anext__(self):
        import asyncio

        doc = None
        while doc is None:
            if self._since is None or time.ticks_diff(time.ticks_ms(), self._since) >= 2:
                await asyncio.sleep_ms(0)
                self._since = time.ticks_ms()
            try:
                doc = self._step(True)
            except StopIteration:
                doc = StopAsyncIteration
        if doc is StopAsyncIteration:
            raise StopAsyncIteration
        return doc

    def close(self):
        """End it early and free what it holds."""
        with self._db._lock:
            if self._docs is not None:
                self._docs.close()


class Pipeline:
    """A compiled pipeline over a `Source`. Raises `QueryError` for what is no valid one."""

    def __init__(self, stages, max_groups, source):
        if isinstance(stages, str):
            stages = module("records.strict_json").given("pipeline", stages)
        if not isinstance(stages, (list, tuple)):
            raise QueryError("pipeline: a list of stages, not " + type(stages).__name__)
        if len(stages) > _STAGES:
            raise QueryError("pipeline: %d stages, at most %d" % (len(stages), _STAGES))
        if type(max_groups) is not int or max_groups < 1:
            raise QueryError("max_groups: int, at least 1")
        self._max = max_groups
        self._source = source
        self._scope = Scope()
        self._blocks = False  # all is read before the first result
        self._fast = None  # of a group that comes first
        named = []
        for stage in stages:
            if not isinstance(stage, dict) or len(stage) != 1:
                raise QueryError("pipeline: each stage is a document of one field, as {'$match': {...}}")
            for op in stage:
                if op not in _NAMES:
                    module("query.nearest").unknown(op, _NAMES, "stage")
                named.append((op, stage[op]))
        try:
            self._compile(named)
        except RuntimeError as e:
            module("query.run").too_deep(e)
        self._keyed = self._scope.keyed or not self._scope.closed
        self._scope = None

    def _compile(self, named):
        n = 0
        filters = []
        while n < len(named) and named[n][0] == "$match":
            filters.append(_filter(named[n][1]))
            n += 1
        order = None
        keep = 0
        if n < len(named) and named[n][0] == "$sort":
            _, order = _order(named[n][1])
            n += 1
            keep = _kept(named, n)
        self._query = None
        if filters or order is not None:
            q = {"$and": filters} if len(filters) > 1 else filters[0] if filters else None
            self._query = self._source.query(q, order, keep)
        self._stages = []
        while n < len(named):
            op, x = named[n]
            n += 1
            self._stages.append(self._stage(op, x, _kept(named, n) if op == "$sort" else 0))

    def _stage(self, op, x, keep):
        # Returns a function that makes a generator of documents of another one; both may yield None between.
        scope = self._scope
        if op == "$match":
            f = module("query.filter").compile(_filter(x), False)
            if not scope.closed:
                scope.keyed = True
            return lambda docs, shared: _mapped(docs, lambda doc: doc if f.test(doc) else None)
        if op in ("$project", "$set", "$addFields", "$unset"):
            reshape = module("query.reshape")
            f = reshape.project(x, scope) if op == "$project" else reshape.unset(x) if op == "$unset" else reshape.set_(op, x, scope)
            return lambda docs, shared: _mapped(docs, f)
        if op == "$unwind":
            f = module("query.reshape").unwind(x)
            return lambda docs, shared: _unwound(docs, f)
        if op == "$skip":
            n = whole_number(op, x)
            return lambda docs, shared: _skipped(docs, n)
        if op == "$limit":
            n = _limit(x)
            return lambda docs, shared: _limited(docs, n)
        self._blocks = True
        if op == "$sort":
            order = _order(x)[0]
            if not scope.closed:
                scope.keyed = True
            return lambda docs, shared: _sorted(docs, order, keep, shared)
        if op == "$count":
            if not isinstance(x, str) or not x or x.startswith("$") or "." in x:
                bad(op, "takes the name of a field")
            scope.closed = True
            return lambda docs, shared: _counted(docs, x, shared)
        group = module("query.group").Group(op, x, scope, self._max)
        scope.closed = True
        if not self._stages:
            self._fast = group
        return lambda docs, shared: group.run(docs, shared)

    def run(self, db, shared):
        """Return a generator of documents, and of None between, to be advanced with the lock held. `shared`: between two steps others work."""
        # What reads all before it gives the first result does so with the lock held.
        shared = shared or not self._blocks
        stages = self._stages
        source = self._source
        query = self._query
        if self._fast is not None and not shared and not self._keyed and query is None:
            docs = _gathered(db, source, self._fast)
            stages = stages[1:]
        else:
            docs = _all(db, source, shared) if query is None else query.run(db, shared)
            docs = _documents(docs, source.shown if self._keyed else None)
        for stage in stages:
            docs = stage(docs, shared)
        return docs


def _filter(q):
    if isinstance(q, str):
        q = module("records.strict_json").given("$match", q)
    if not isinstance(q, dict):
        bad("$match", "takes a filter, not " + type(q).__name__)
    if "$limit" in q:
        bad("$match", "$limit is a stage of its own here")
    return q


def _order(x):
    # (what sort.parse makes of it, what it is made of)
    if isinstance(x, str) and x[:1] in ("{", "["):
        x = module("records.strict_json").given("$sort", x)
        if isinstance(x, list):
            x = [tuple(e) if isinstance(e, list) else e for e in x]
    try:
        return module("query.sort").parse(x), x
    except QueryError as e:
        raise QueryError("$" + str(e))


def _limit(x):
    n = whole_number("$limit", x)
    if not n:
        bad("$limit", "at least 1")
    return n


def _kept(named, n):
    # How many documents a sort before the stage `n` keeps: as $skip and $limit behind it need. 0: all.
    skip = 0
    if n < len(named) and named[n][0] == "$skip":
        skip = whole_number(*named[n])
        n += 1
    return skip + _limit(named[n][1]) if n < len(named) and named[n][0] == "$limit" else 0


# Generators of documents. All give None where nothing came of a step.


def _all(db, source, shared):
    # As a query's matches: (stored key, document), and None between.
    for key, raw in db._store.scan(source.start, source.end):
        if raw[0] > 7 or not record.expired(raw, db._clock):
            yield key, record.decode(raw)
        if shared:
            yield None


def _documents(matches, shown):
    # `shown`: of the key, where documents are to carry it.
    for m in matches:
        doc = None
        if m is not None and type(m[1]) is dict:  # a value that is no document has no fields
            doc = m[1]
            if shown is not None:
                doc["_id"] = shown(m[0])
        yield doc


def _gathered(db, source, group):
    # The groups of all records, with the lock held from first to last.
    def gather(tree):
        chain, add = group.begin()
        parse = loads
        for raw in tree.values(source.start, source.end):
            if raw[0] > 7:
                add(parse(raw))
            elif not record.expired(raw, db._clock):
                add(record.decode(raw))
        return chain

    return group.results(db._store.at_once(gather))


def _mapped(docs, f):
    for doc in docs:
        yield None if doc is None else f(doc)


def _unwound(docs, f):
    for doc in docs:
        if doc is None:
            yield None
        else:
            yield from f(doc)


def _skipped(docs, n):
    for doc in docs:
        if n and doc is not None:
            n -= 1
            doc = None
        yield doc


def _limited(docs, n):
    for doc in docs:
        yield doc
        if doc is not None:
            n -= 1
            if not n:
                return


def _sorted(docs, order, keep, shared):
    sorter = module("query.sort").Sorter(order, keep)
    for doc in docs:
        if doc is not None:
            sorter.add(doc, doc)
        if shared:
            yield None
    yield from sorter.items


def _counted(docs, name, shared):
    n = 0
    for doc in docs:
        if doc is not None:
            n += 1
        if shared:
            yield None
    if n:
        yield {name: n}


def aggregate(db, pipeline, max_groups=1000, source=None):
    """Return a cursor over what a pipeline gives: a list of stages as MongoDB has them, or its JSON text.

    Every document of it has its key as `_id`. At most `max_groups` groups are kept in RAM at a time. Raises `QueryError`
    naming the stage or the operator, before any record is read unless it is for what is in a document.
    """
    return Results(db, pipeline, max_groups, source)


async def aggregate_async(db, *args, **kw):
    """Return the list of what `aggregate` gives, sharing the event loop."""
    out = []
    await module("steps").each(aggregate(db, *args, **kw), out.append)
    return out
