"""`db.collection(name)`: a collection with pymongo's names, arguments and results."""

from micropython import const

from ..changelist import current
from ..errors import QueryError
from ..loading import module
from ..locking import hold
from ..parts import check_name, find
from ..query.run import Query
from ..query.run import count as _count
from ..records import keys as _keys

_UNIQUE = const(4)  # see index_entries.py
# Methods that are one operation, of `collection.writing`; and those in steps, which have an _async form.
_ONE = {"insert_one": "InsertOne", "update_one": "UpdateOne", "replace_one": "ReplaceOne", "delete_one": "DeleteOne"}
_MANY = {"update_many": "UpdateMany", "delete_many": "DeleteMany"}
_STEPS = ("count_documents", "distinct", "create_index", "drop_index", "drop")


def _showing(projection, q):
    # What a projection leaves of a document, with its `_id` unless that is not wanted.
    show = None
    if projection is not None and projection != {}:
        show = module("query.projection").compile(projection, q)
        if isinstance(projection, dict) and "_id" in projection and not projection["_id"]:
            return show

    def shown(doc, key):
        if show is not None:
            doc = show(doc, key)
        doc["_id"] = _keys.shown(key)
        return doc

    return shown


def _name(index):
    return index.name() if index.spec is not None else index.path + "_1"


def _order(key, direction=None):
    return key if direction is None else [(key, direction)]


class CollectionCursor:
    """What a collection's `find` returns: documents one at a time, for `for` and `async for`, in steps that leave the event loop free.

    `sort`, `skip` and `limit` may be called until the first document is asked for; they return the cursor.
    """

    def __init__(self, part, q, projection, skip, limit, sort):
        self._part = part
        self._q = q
        self._projection = projection
        self._how = [sort, skip, limit]
        self._cursor = None

    def _set(self, i, value):
        if self._cursor is not None:
            raise ValueError("the cursor has begun: sort, skip and limit come before the first document")
        self._how[i] = value
        return self

    def sort(self, key_or_list, direction=None):
        """Order by a path and 1 or -1, or by a list of (path, 1 or -1)."""
        return self._set(0, _order(key_or_list, direction))

    def skip(self, n):
        """Leave out the first `n`."""
        return self._set(1, n)

    def limit(self, n):
        """Give at most `n`; 0: all."""
        return self._set(2, n)

    def _begun(self):
        if self._cursor is None:
            query = Query(self._q, *self._how)
            query.project = _showing(self._projection, self._q)
            self._cursor = module("query.cursor").Cursor(self._part, query)
        return self._cursor

    def __iter__(self):
        return self._begun()

    def __next__(self):
        return next(self._begun())

    next = __next__

    def __aiter__(self):
        return self._begun()

    def to_list(self, length=None):
        """Return the list of the next `length` documents, or of all that are left."""
        out = []
        for doc in self._begun():
            out.append(doc)
            if len(out) == length:
                break
        return out

    def explain(self):
        """Run it and tell how: see `explain` of the database."""
        return module("query.explain").explain(self._part, self._q, *self._how)

    def close(self):
        """End early and free what the cursor holds."""
        self._begun().close()


class Collection:
    """A collection of a database, made with the first write to it. Documents have their key as `_id`, a str."""

    def __init__(self, db, name):
        check_name(name)
        self.database = db
        self.name = name
        with hold(db):
            self._part = find(db, name)

    def __repr__(self):
        return "Collection(%r)" % self.name

    # Reading

    def find(self, filter=None, projection=None, skip=0, limit=0, sort=None):
        """Return a `CollectionCursor` over the documents that match."""
        return CollectionCursor(self._part, filter, projection, skip, limit, sort)

    def find_one(self, filter=None, projection=None, skip=0, sort=None):
        """Return the first document that matches, or None. A str instead of a filter is an `_id`."""
        part = self._part
        if isinstance(filter, str):
            filter = {"_id": filter}
        if projection is sort is None and filter.__class__ is dict and "_id" in filter:
            found = module("query.by_key").one(part, filter, True, skip, 0)
            if found is not None:
                for key, doc in found:
                    doc["_id"] = key
                    return doc
                return None
        query = Query(filter, sort, skip, 1)
        show = _showing(projection, filter)
        with hold(part):
            part._queries += 1
            for m in query.run(part):
                return show(m[1], m[0])
        return None

    def _count_documents(self, filter, skip=0, limit=0):
        query = Query(module("collection.writing").filter_of(filter), None, skip, limit)
        n = 0
        for m in query.run(self._part, True):
            if m is None:
                yield
            else:
                n += 1
        return n

    def estimated_document_count(self):
        """Return the number of documents."""
        return _count(self._part)

    def _distinct(self, key, filter=None):
        return module("many").distinct_steps(self._part, key, filter)

    # Writing

    def _run(self, operation):
        part = self._part
        with hold(part):
            out = operation.run(part)
            module("upkeep").count(self.database)
        return out

    def insert_many(self, documents, ordered=True, ttl=None, tags=None):
        """Insert documents, all or none; returns `InsertManyResult`."""
        w = module("collection.writing")
        if not isinstance(documents, (list, tuple)) or not documents:
            raise TypeError("documents: a list of some")
        some = [w.InsertOne(document, ttl, tags) for document in documents]
        return self._batch(some, "InsertManyResult", "documents")

    def bulk_write(self, requests, ordered=True):
        """Run `InsertOne`, `UpdateOne`, `UpdateMany`, `ReplaceOne`, `DeleteOne`, `DeleteMany` in order, all or, with an error, none.

        Each sees what those before it did. Returns `BulkWriteResult`. Unlike with MongoDB nothing is left of it after an error,
        whatever `ordered` says.
        """
        requests = list(requests)
        for request in requests:
            if not hasattr(request, "add") or not hasattr(request, "run"):
                raise TypeError("requests: InsertOne, UpdateOne, ..., not " + type(request).__name__)
        return self._batch(requests, "BulkWriteResult", "requests")

    def _batch(self, requests, result, name):
        bulk = module("collection.bulk")
        result = module("collection.writing").of_batch(result)
        with hold(self._part):
            module("upkeep").count(self.database, bulk.run(self._part, requests, result, name))
        return result

    def find_one_and_update(self, filter, update, projection=None, sort=None, upsert=False, return_document=False, array_filters=None):
        """As `update_one`, but returns the document as it was, or with `ReturnDocument.AFTER` as it is now; None if there is none."""
        w = module("collection.writing")
        return self._and(w.UpdateOne(filter, update, upsert, array_filters, sort), filter, projection, return_document)

    def find_one_and_replace(self, filter, replacement, projection=None, sort=None, upsert=False, return_document=False):
        """As `replace_one`, and returns a document as `find_one_and_update` does."""
        w = module("collection.writing")
        return self._and(w.ReplaceOne(filter, replacement, upsert, sort), filter, projection, return_document)

    def find_one_and_delete(self, filter, projection=None, sort=None):
        """Delete the first match and return it, or None."""
        w = module("collection.writing")
        return self._and(w.DeleteOne(filter, sort), filter, projection, False)

    def _and(self, operation, filter, projection, after):
        show = _showing(projection, filter)
        decode = module("records.record").decode
        out = [None]

        def shown(before, now, key):
            raw = now if after else before
            if raw is not None:
                out[0] = show(decode(raw), key)

        operation.shown = shown
        self._run(operation)
        return out[0]

    def _load(self, key, document, ttl, tags):
        # As `insert_one`, over what is there.
        one = module("collection.writing").InsertOne(document, ttl, tags)
        part = self._part
        with hold(part):
            key = _keys.stored(key)
            part.write(key, one.raw(part), part._store.get(key))
            module("upkeep").count(self.database)

    # TTLs

    def ttl(self, _id):
        """Return the seconds (float) that a document has left, or None."""
        return module("modify").ttl(self._part, _id)

    def expire(self, _id, ttl):
        """Give a document `ttl` seconds from now, or with None or 0 no end. Returns 1, or 0 if there is none."""
        key = _keys.stored(_id)
        ttl = module("arguments").check_ttl(ttl)
        part = self._part
        with hold(part):
            old = current(part, key)
            if old is None:
                return 0
            part.write(key, module("modify").restamp(old, part._clock.stamp(ttl) if ttl else None), old)
            module("upkeep").count(self.database)
        return 1

    # Indexes, and the end

    def _create_index(self, keys, unique=False, **options):
        for option in options:
            raise QueryError("create_index: %s is not supported" % option)
        self._part.make()
        name = yield from self._building(module("query.index_build").create_index_steps(self._part, keys, unique))
        return _name(self._part._indexes[name]) if name in self._part._indexes else name

    def _drop_index(self, index_or_name):
        for index in (self._part._indexes or {}).values():
            if index_or_name == _name(index):
                index_or_name = index.path if index.spec is None else index.name()
                break
        return self._building(module("query.index_build").drop_index_steps(self._part, index_or_name))

    def _building(self, steps):
        try:
            out = yield from steps
        finally:
            if self._part._leftover:
                self.database._leftover = True  # so that what is left of it is removed
        return out

    def index_information(self):
        """Return {name: {"key": [(path, 1 or -1)], ...}} of the indexes, with `"unique": True` where that is so; tags, always indexed, are not in it."""
        out = {"_id_": {"key": [("_id", 1)]}}
        with hold(self._part):
            for index in (self._part._indexes or {}).values():
                if index.ready:
                    some = out[_name(index)] = {"key": [(p, -1 if d else 1) for p, d in index.spec or [(index.path, False)]]}
                    if index.flags & _UNIQUE:
                        some["unique"] = True
        return out

    def _drop(self):
        return module("parts").drop_steps(self._part)

    def __getattr__(self, name):
        base = name[:-6] if name.endswith("_async") else name
        if name in _ONE:
            make = getattr(module("collection.writing"), _ONE[name])
            return lambda *args, **kw: self._run(make(*args, **kw))
        if base in _MANY:
            make = getattr(module("collection.writing"), _MANY[base])
            generator = lambda *args, **kw: make(*args, **kw).steps(self._part)
        elif base == "aggregate":
            call = getattr(module("query.aggregate"), name)
            return lambda *args, **kw: call(self._part, *args, **kw)
        elif base in _STEPS:
            generator = getattr(self, "_" + base)
        else:
            raise AttributeError("'Collection' object has no attribute '%s'" % name)
        steps = module("steps")
        run = steps.finish if base is name else steps.share
        return lambda *args, **kw: run(self._part, generator(*args, **kw))


def collection(db, name):
    """Return the `Collection` of that name: documents of the same file or region, in a key range of their own. It is made with the first write."""
    return Collection(db, name)
