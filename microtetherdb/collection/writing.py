"""What changes the documents of a collection: each operation is checked when it is made, and then run on a part, with the lock held.

`bulk_write` takes the same objects; pymongo has these names.
"""

from collections import namedtuple

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

InsertOneResult = namedtuple("InsertOneResult", ("inserted_id", "acknowledged"))
InsertManyResult = namedtuple("InsertManyResult", ("inserted_ids", "acknowledged"))
UpdateResult = namedtuple("UpdateResult", ("matched_count", "modified_count", "upserted_id", "acknowledged"))
DeleteResult = namedtuple("DeleteResult", ("deleted_count", "acknowledged"))
BulkWriteResult = namedtuple(
    "BulkWriteResult",
    ("inserted_count", "matched_count", "modified_count", "deleted_count", "upserted_count", "upserted_ids", "acknowledged"),
)


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


def _insert(part, key, raw):
    # Store a new record; returns its key as the user has it.
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
    part.write(stored, raw, old)
    return key


class InsertOne:
    """Insert a document; its key is its `_id`, or a generated one. `ttl` and `tags` as for `put`."""

    def __init__(self, document, ttl=None, tags=None):
        self._key, body = split(document)
        self._ttl = check_ttl(ttl)
        self._raw = encode(body, tags, b"\0\0\0\0\0\0" if self._ttl else None, "document")

    def run(self, part):
        """Do it; returns the key."""
        raw = self._raw
        if self._ttl:
            raw = raw[:1] + part._clock.stamp(self._ttl) + raw[7:]
        return _insert(part, self._key, raw)

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its counts."""
        self.key = self.run(part)
        out[0] += 1


class _Found:
    # An operation on what a filter finds. `last`: (stored key, record before, record after) of the last one.

    many = False

    def __init__(self, filter, sort=None):
        self.q = filter_of(filter)
        self.query = Query(self.q, sort, 0, 0 if self.many else 1)

    def without(self, part):
        return ()

    def steps(self, part):
        """Do it in bounded steps; returns [matched, modified, upserted key]."""
        counts = [0, 0, None]
        self.last = None
        for m in self.query.run(part, True, None, self.without(part)):
            if m is not None:
                self._change(part, m, counts)
                count(part.db)
            yield
        if not counts[0]:
            self.insert(part, counts)
        return counts

    def run(self, part):
        """Do it at once."""
        counts = [0, 0, None]
        self.last = None
        found = self.query.run(part)
        if self.many:
            found = [m for m in found]
        for m in found:
            self._change(part, m, counts)
            if not self.many:
                break
        if not counts[0]:
            self.insert(part, counts)
        return counts

    def _change(self, part, m, counts):
        key, doc, raw = m
        new = self.changed(key, doc, raw)
        counts[0] += 1
        if new is None or new != raw and new != raw.rstrip(b" "):
            part.write(key, new, raw)
            counts[1] += 1
            if new is None:
                part.db._deletes += 1
        self.last = key, raw, new

    def insert(self, part, counts):
        """Nothing was found."""

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its counts."""
        n = self.run(part)
        out[1] += n[0]
        out[2] += n[1]
        if n[2] is not None:
            out[4] += 1
            out[5][i] = n[2]


class DeleteOne(_Found):
    """Delete the first match."""

    def changed(self, key, doc, raw):
        """Return the record (bytes) that is to replace one, or None to delete it."""
        return None

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its counts."""
        out[3] += self.run(part)[0]


class DeleteMany(DeleteOne):
    """Delete all matches."""

    many = True


class UpdateOne(_Found):
    """Change the first match by update operators, or with `upsert` insert what the filter says and they make of it."""

    def __init__(self, filter, update, upsert=False, array_filters=None, sort=None):
        super().__init__(filter, sort)
        update = operators.parsed(update)
        if not update or not is_operators(update):
            raise ValueError("update: takes operators ($set, ...); replace_one takes a document")
        self._todo = operators.check(update)
        self._places = operators.places(self._todo, self.q, array_filters)
        self._upsert = upsert

    def without(self, part):
        return module("many").untouched(part, self._todo)

    def changed(self, key, doc, raw):
        doc = operators.of_record(raw, self._todo, keys.shown(key), self._places)
        return encode(doc, None, record.stamp(raw))

    def insert(self, part, counts):
        if self._upsert:
            doc = module("collection.upsert").of_filter(self.q)
            key = doc.pop("_id", None)
            for op, path, x in self._todo:
                if path == "_id" and key is None:
                    key = x
            raw = encode(operators.apply(doc, self._todo, key, self._places, True))
            counts[2] = key = _insert(part, key, raw)
            self.last = bound(key, "_id"), None, raw


class UpdateMany(UpdateOne):
    """Change all matches."""

    many = True

    def __init__(self, filter, update, upsert=False, array_filters=None):
        super().__init__(filter, update, upsert, array_filters)


class ReplaceOne(_Found):
    """Replace the first match, which keeps its `_id`, its TTL and, unless the replacement has some, its tags."""

    def __init__(self, filter, replacement, upsert=False, sort=None):
        super().__init__(filter, sort)
        self._key, self._body = split(replacement, "replacement")
        for name in self._body:
            if isinstance(name, str) and name.startswith("$"):
                raise ValueError("replacement: a document, without update operators such as " + name)
        encode(self._body, None, None, "replacement")
        self._upsert = upsert

    def changed(self, key, doc, raw):
        if self._key is not None and self._key != keys.shown(key):
            raise QueryError("replacement: _id is the record's key, which does not change")
        return encode(self._body, None if "_tags" in self._body else doc.get("_tags"), record.stamp(raw))

    def insert(self, part, counts):
        if self._upsert:
            key = module("collection.upsert").of_filter(self.q).get("_id")
            if self._key is not None:
                if key is not None and key != self._key:
                    raise QueryError("replacement: _id is not that of the filter")
                key = self._key
            raw = encode(self._body)
            counts[2] = key = _insert(part, key, raw)
            self.last = bound(key, "_id"), None, raw
