"""`aggregate`: MongoDB's pipelines. Documents go through the stages one at a time; only groups and sorted documents are kept.

What a pipeline begins with, `$match` and `$sort`, is run as a query, by index or key range where there is one.
"""

import time

from micropython import const

from ..errors import QueryError
from ..loading import module
from ..locking import hold
from ..records import keys, record
from ..records.record import loads
from .expression import Scope
from .operand import bad, whole_number

_STAGES = const(25)
_NAMES = "match project set addFields unset unwind group sort skip limit count bucket"

type = type  # see database.py


class Results:
    """What `aggregate` returns: gives documents one at a time, for `for` and, sharing the event loop, `async for`. Raises `DBClosed`.

    `db`: a database, or what stands for one: its records are those of `_store.scan(keys.USER)`.
    """

    _docs = _since = None
    _query = None  # of what the pipeline begins with
    _fast = None  # the group, where nothing else comes before it
    _blocks = False  # all is read before there is a result

    def __init__(self, db, stages, max_groups=1000):
        self._db = db
        self._stages = []  # (operator, what it works with, a number)
        if isinstance(stages, str):
            stages = module("records.strict_json").given("pipeline", stages)
        if not isinstance(stages, (list, tuple)) or len(stages) > _STAGES:
            raise QueryError("pipeline: a list of at most %d stages" % _STAGES)
        pairs = []
        for stage in stages:
            if not isinstance(stage, dict) or len(stage) != 1:
                raise QueryError("pipeline: each stage is as {'$match': {...}}")
            for op in stage:
                if op[:1] != "$" or op[1:] not in _NAMES.split():
                    module("query.nearest").unknown(op, _NAMES)
                pairs.append(("$set" if op == "$addFields" else op, stage[op]))
        scope = Scope()
        try:
            self._compile(pairs, scope, whole_number("max_groups", max_groups))
        except RuntimeError as e:
            module("query.run").too_deep(e)
        self._keyed = scope.keyed or not scope.closed
        with hold(db):
            db._queries += 1

    def _compile(self, pairs, scope, most):
        filters = []
        while pairs and pairs[0][0] == "$match":
            filters.append(_filter(pairs.pop(0)[1]))
        order = None
        if pairs and pairs[0][0] == "$sort":
            order = _order(pairs.pop(0)[1], True)
        if filters or order:
            q = {"$and": filters} if len(filters) > 1 else filters[0] if filters else None
            self._query = module("query.run").Query(q, order, 0, _kept(pairs))
        while pairs:
            op, x = pairs.pop(0)
            n = 0
            if op == "$match":
                f = module("query.filter").Filter({})
                f.of_records = False  # but what the stages before made of them
                x = module("query.predicate").conjunction(f.tests(_filter(x), True, True))
                scope.ask_key()
            elif op == "$skip" or op == "$limit":
                n = _count(op, x)
            elif op == "$unwind":
                x = module("query.reshape").unwind(x)
            elif op in ("$project", "$set", "$unset"):
                x = module("query.reshape").make(op, x, scope)
            else:
                self._blocks = True
                if op == "$sort":
                    scope.ask_key()
                    x = module("query.sort").Sorter(_order(x), _kept(pairs))
                elif op == "$count":
                    if not isinstance(x, str) or not x or x[0] == "$" or "." in x:
                        bad(op, "takes the name of a field")
                else:
                    x = module("query.group").Group(op, x, scope, most)
                    if not self._stages and self._query is None:
                        self._fast = x
                scope.closed = scope.closed or op != "$sort"
            self._stages.append((op, x, n))

    def _run(self, shared):
        # A generator of documents, and of None between. `shared`: between two steps others work.
        shared = shared or not self._blocks
        db = self._db
        stages = self._stages
        if self._fast is not None and not shared and not self._keyed:
            docs = self._fast.results(db._store.at_once(lambda tree: _gathered(db, self._fast, tree)))
            stages = stages[1:]
        else:
            matches = _all(db) if self._query is None else self._query.run(db, shared)
            docs = _documents(matches, self._keyed)
        for op, x, n in stages:
            docs = x.run(docs) if op in ("$group", "$bucket") else _through(op, docs, x, n)
        return docs

    def _step(self, shared):
        # The next document, or None when there is none yet.
        try:
            with hold(self._db):
                if self._docs is None:
                    self._docs = self._run(shared)
                for doc in self._docs:
                    if shared or doc is not None:
                        return doc
        except RuntimeError as e:
            module("query.run").too_deep(e)
        return StopIteration

    def __iter__(self):
        return self

    def __next__(self):
        doc = self._step(False)
        if doc is StopIteration:
            raise StopIteration
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
            doc = self._step(True)
        if doc is StopIteration:
            raise StopAsyncIteration
        return doc

    def close(self):
        """End it early and free what it holds."""
        with self._db._lock:
            if self._docs is not None:
                self._docs.close()


def _filter(q):
    if not isinstance(q, dict) or "$limit" in q:
        bad("$match", "takes a filter, and $limit is a stage")
    return q


def _order(x, given=False):
    # A sort argument, parsed unless as `given`.
    if isinstance(x, str) and x[:1] in "{[":
        x = module("records.strict_json").given("$sort", x)
    try:
        order = module("query.sort").parse(x)
    except QueryError as e:
        raise QueryError("$" + str(e))
    return x if given else order


def _count(op, x):
    n = whole_number(op, x)
    if not n and op == "$limit":
        bad(op, "takes at least 1")
    return n


def _kept(pairs):
    # How many documents a sort keeps, as $skip and $limit behind it need. 0: all.
    n = 0
    for op, x in pairs[:2]:
        if op == "$limit":
            return n + _count(op, x)
        if op != "$skip":
            break
        n += _count(op, x)
    return 0


def _all(db):
    # As a query's matches: (stored key, document, raw).
    for key, raw in db._store.scan(keys.USER):
        yield None if raw[0] < 8 and record.expired(raw, db._clock) else (key, record.decode(raw), raw)


def _documents(matches, keyed):
    # `keyed`: documents carry their keys. A value that is no document has no fields.
    for m in matches:
        m = m and type(m[1]) is dict and m
        if m and keyed:
            m[1]["_id"] = keys.shown(m[0])
        yield m[1] if m else None


def _gathered(db, group, tree):
    # The groups of all records, with the lock held from first to last.
    chain, add = group.begin()
    parse = loads
    for raw in tree.values(keys.USER):
        if raw[0] > 7:
            add(parse(raw))
        elif not record.expired(raw, db._clock):
            add(record.decode(raw))
    return chain


def _through(op, docs, x, n):
    # Documents through one stage; None where nothing came of one.
    for doc in docs:
        if doc is None:
            pass
        elif op == "$unwind":
            yield from x(doc)
            continue
        elif op == "$match":
            if not x(doc):
                doc = None
        elif op == "$limit":
            yield doc
            n -= 1
            if not n:
                return
            continue
        elif op == "$skip":
            if n:
                n -= 1
                doc = None
        elif op == "$count":
            n += 1
            doc = None
        elif op == "$sort":
            x.add(doc, doc)
            doc = None
        else:
            doc = x(doc)
        yield doc
    if op == "$sort":
        yield from x.items
    elif op == "$count" and n:
        yield {x: n}


def aggregate(db, pipeline, max_groups=1000):
    """Return a `Cursor` over what a pipeline gives: a list of stages as MongoDB has them, or its JSON text.

    Every document of it has its key as `_id`. At most `max_groups` groups are kept in RAM at a time. Raises `QueryError`
    naming the stage or the operator, before any record is read unless it is for what is in a document.
    """
    return Results(db, pipeline, max_groups)


async def aggregate_async(db, pipeline, max_groups=1000):
    """As `aggregate`, sharing the event loop; returns a list."""
    out = []
    results = Results(db, pipeline, max_groups)
    try:
        async for doc in results:
            out.append(doc)
    finally:
        results.close()
    return out
