"""What changes the documents of a collection: each operation is checked when it is made, and then run on a part, with the lock held.

`bulk_write` takes the same objects; pymongo has these names.
"""

from ..arguments import check_ttl
from ..errors import DuplicateKeyError, QueryError
from ..loading import module
from ..query.filter import parsed
from ..query.operand import is_operators
from ..query.run import Query
from ..records import keys, record
from ..records.encoder import encode
from ..records.key_range import bound
from ..update import operators
from ..upkeep import count


class _Result:
    # Made before the change, which nothing that may fail comes after.

    acknowledged = True

    def __repr__(self):
        return "%s(%s)" % (self.__class__.__name__, ", ".join("%s=%r" % (name, getattr(self, name)) for name in self._names))


class InsertOneResult(_Result):
    """What `insert_one` returns."""

    _names = ("inserted_id",)
    inserted_id = None


class InsertManyResult(_Result):
    """What `insert_many` returns."""

    _names = ("inserted_ids",)

    def __init__(self):
        self.inserted_ids = []

    def inserted(self, key):
        self.inserted_ids.append(key)


class UpdateResult(_Result):
    """What `update_one`, `update_many` and `replace_one` return."""

    _names = ("matched_count", "modified_count", "upserted_id")

    def __init__(self):
        self.matched_count = self.modified_count = 0
        self.upserted_id = None


class DeleteResult(_Result):
    """What `delete_one` and `delete_many` return."""

    _names = ("deleted_count",)

    def __init__(self):
        self.deleted_count = 0


class BulkWriteResult(_Result):
    """What `bulk_write` returns."""

    _names = ("inserted_count", "matched_count", "modified_count", "deleted_count", "upserted_count", "upserted_ids")

    def __init__(self):
        self.inserted_count = self.matched_count = self.modified_count = self.deleted_count = self.upserted_count = 0
        self.upserted_ids = {}

    def inserted(self, key):
        self.inserted_count += 1


def filter_of(q):
    """Return a filter as a dict; raises `TypeError` for None: to mean all, say so with {}."""
    if q is None:
        raise TypeError("filter: a document, not NoneType")
    return parsed(q)


def split(document, name="document"):
    """Return (key or None, the document without `_id`); the caller's stays as it is. Raises `TypeError`, `ValueError`."""
    if not isinstance(document, dict):
        raise TypeError("%s: dict, not %s" % (name, type(document).__name__))
    if "_id" not in document:
        return None, document
    key = document["_id"]
    if not isinstance(key, str):
        raise TypeError("_id: str, not " + type(key).__name__)
    keys.stored(key)
    document = document.copy()
    del document["_id"]
    return key, document


def _insert(part, key, raw, then):
    # Store a new record; `then(key)` is told its key, before.
    if key is None:
        while True:
            key = keys.generated(part.db)
            if part._store.get(key) is None:
                break
            part.db._keys_made = 0xFFFFFF  # load() has put such keys into the collection: on to the next session
    stored = keys.stored(key)
    old = part._store.get(stored)
    if old is not None and not (old[0] < 8 and record.expired(old, part._clock)):
        raise DuplicateKeyError("_id: there is a document with %r already" % key)
    then(key)
    part.write(stored, raw, old)


class InsertOne:
    """Insert a document; its key is its `_id`, or a generated one. `ttl` and `tags` as for `put`."""

    def __init__(self, document, ttl=None, tags=None):
        self._key, body = split(document)
        self._ttl = check_ttl(ttl)
        self._raw = encode(body, tags, b"\0\0\0\0\0\0" if self._ttl else None, "document")

    def _insert(self, part, then):
        raw = self._raw
        if self._ttl:
            raw = raw[:1] + part._clock.stamp(self._ttl) + raw[7:]
        _insert(part, self._key, raw, then)

    def run(self, part):
        """Do it; returns the result."""
        result = InsertOneResult()
        self._insert(part, lambda key: setattr(result, "inserted_id", key))
        return result

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its result."""
        self._insert(part, out.inserted)


class _Found:
    # An operation on what a filter finds. `shown(raw before, raw after, stored key)` is called before each change.

    many = False
    shown = None

    def __init__(self, filter, sort=None):
        self.q = filter_of(filter)
        self.query = Query(self.q, sort, 0, 0 if self.many else 1)

    def without(self, part):
        return ()

    def steps(self, part):
        """Do it in bounded steps; returns the result."""
        result = self.result()
        none = True
        for m in self.query.run(part, True, None, self.without(part)):
            if m is not None:
                self._change(part, m, result)
                count(part.db)
                none = False
            yield
        if none:
            self.insert(part, result)
        return result

    def run(self, part):
        """Do it at once; returns the result."""
        result = self.result()
        found = self.query.run(part)
        if self.many:
            found = [m for m in found]
        for m in found:
            self._change(part, m, result)
            if not self.many:
                return result
        if not found or not self.many:
            self.insert(part, result)
        return result

    def insert(self, part, result):
        """Nothing was found."""


class _Updating(_Found):
    result = UpdateResult

    def _change(self, part, m, result):
        key, doc, raw = m
        new = self.changed(key, doc, raw)
        if self.shown is not None:
            self.shown(raw, new, key)
        if new != raw and new != raw.rstrip(b" "):
            part.write(key, new, raw)
            result.modified_count += 1
        result.matched_count += 1

    def _upsert(self, part, key, raw, result):
        def then(key):
            result.upserted_id = key
            if self.shown is not None:
                self.shown(None, raw, bound(key, "_id"))

        _insert(part, key, raw, then)

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its result."""
        n = self.run(part)
        out.matched_count += n.matched_count
        out.modified_count += n.modified_count
        if n.upserted_id is not None:
            out.upserted_count += 1
            out.upserted_ids[i] = n.upserted_id


class DeleteOne(_Found):
    """Delete the first match."""

    result = DeleteResult

    def _change(self, part, m, result):
        if self.shown is not None:
            self.shown(m[2], None, m[0])
        part.write(m[0], None, m[2])
        result.deleted_count += 1
        part.db._deletes += 1

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its result."""
        out.deleted_count += self.run(part).deleted_count


class DeleteMany(DeleteOne):
    """Delete all matches."""

    many = True


class UpdateOne(_Updating):
    """Change the first match by update operators, or with `upsert` insert what the filter says and they make of it."""

    def __init__(self, filter, update, upsert=False, array_filters=None, sort=None):
        super().__init__(filter, sort)
        update = operators.parsed(update)
        if not update or not is_operators(update):
            raise ValueError("update: takes operators ($set, ...); replace_one takes a document")
        self._todo = operators.check(update)
        self._places = operators.places(self._todo, self.q, array_filters)
        self._upserts = upsert

    def without(self, part):
        return module("many").untouched(part, self._todo)

    def changed(self, key, doc, raw):
        doc = operators.of_record(raw, self._todo, keys.shown(key), self._places)
        return encode(doc, None, record.stamp(raw))

    def insert(self, part, result):
        if self._upserts:
            doc = module("collection.upsert").of_filter(self.q)
            key = doc.pop("_id", None)
            for op, path, x in self._todo:
                if path == "_id" and key is None:
                    key = x
            self._upsert(part, key, encode(operators.apply(doc, self._todo, key, self._places, True)), result)


class UpdateMany(UpdateOne):
    """Change all matches."""

    many = True

    def __init__(self, filter, update, upsert=False, array_filters=None):
        super().__init__(filter, update, upsert, array_filters)


class ReplaceOne(_Updating):
    """Replace the first match, which keeps its `_id`, its TTL and, unless the replacement has some, its tags."""

    def __init__(self, filter, replacement, upsert=False, sort=None):
        super().__init__(filter, sort)
        self._key, self._body = split(replacement, "replacement")
        for name in self._body:
            if isinstance(name, str) and name.startswith("$"):
                raise ValueError("replacement: a document, without update operators such as " + name)
        encode(self._body, None, None, "replacement")
        self._upserts = upsert

    def changed(self, key, doc, raw):
        if self._key is not None and self._key != keys.shown(key):
            raise QueryError("replacement: _id is the record's key, which does not change")
        return encode(self._body, None if "_tags" in self._body else doc.get("_tags"), record.stamp(raw))

    def insert(self, part, result):
        if self._upserts:
            key = module("collection.upsert").of_filter(self.q).get("_id")
            if self._key is not None:
                if key is not None and key != self._key:
                    raise QueryError("replacement: _id is not that of the filter")
                key = self._key
            self._upsert(part, key, encode(self._body), result)
