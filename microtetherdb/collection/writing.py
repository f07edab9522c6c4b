"""What changes the documents of a collection: each operation is checked when it is made, and then run on a part, with the lock held.

`bulk_write` takes the same objects; pymongo has these names.
"""

from collections import OrderedDict

from ..arguments import check_ttl
from ..errors import DuplicateKeyError, QueryError
from ..loading import module
from ..query.filter import parsed
from ..query.operand import is_operators, is_regex
from ..query.path import fields
from ..query.run import Query
from ..records import keys, record
from ..records.encoder import encode
from ..records.key_range import bound
from ..update import operators
from ..update.target import copy, no_conflict
from ..upkeep import count


class Result:
    """What a change returns, with pymongo's names. It is made before the change: nothing that may fail comes after that."""

    acknowledged = True

    def __init__(self, name, **counts):
        self._name = name
        for name in counts:
            setattr(self, name, counts[name])

    def __repr__(self):
        return "%s(%s)" % (self._name, ", ".join("%s=%r" % pair for pair in sorted(self.__dict__.items()) if pair[0] != "_name"))


def of_batch(name):
    """Return the result of a batch."""
    return Result(
        name, inserted_ids=[], inserted_count=0, matched_count=0, modified_count=0, deleted_count=0, upserted_count=0, upserted_ids={}
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
    document = document.copy()
    return _checked(document.pop("_id")), document


def _checked(key):
    if not isinstance(key, str):
        raise TypeError("_id: str, not " + type(key).__name__)
    keys.stored(key)
    return key


def _insert(part, key, raw, then):
    # Store a new record; `then(key)` is told its key, before.
    while key is None:
        key = keys.generated(part.db)
        if part._store.get(key) is not None:
            part.db._keys_made = 0xFFFFFF  # load() has put such keys into the collection: on to the next session
            key = None
    stored = keys.stored(key)
    old = part._store.get(stored)
    if old is not None and not (old[0] < 8 and record.expired(old, part._clock)):
        raise DuplicateKeyError("_id: there is a document with %r already" % key)
    then(key)
    part.write(stored, raw, old)


class InsertOne:
    """Insert a document; its key is its `_id`, or a generated one. `ttl` and `tags` as for `put`."""

    def __init__(self, document, ttl=None, tags=None):
        self.key, body = split(document)
        self._ttl = check_ttl(ttl)
        self._raw = encode(body, tags, bytes(6) if self._ttl else None, "document")

    def raw(self, part):
        """Return the record, stamped now."""
        raw = self._raw
        return raw[:1] + part._clock.stamp(self._ttl) + raw[7:] if self._ttl else raw

    def run(self, part):
        """Do it; returns the result."""
        result = Result("InsertOneResult", inserted_id=None)
        _insert(part, self.key, self.raw(part), lambda key: setattr(result, "inserted_id", key))
        return result

    def add(self, part, out, i):
        """Do it as number `i` of a batch, and add to its result."""
        _insert(part, self.key, self.raw(part), out.inserted_ids.append)
        out.inserted_count += 1


class _Found:
    # An operation on what a filter finds. `shown(raw before, raw after, stored key)` is called before each change.

    many = False
    shown = None

    def __init__(self, filter, sort=None):
        self.q = filter_of(filter)
        self.query = Query(self.q, sort, 0, 0 if self.many else 1)

    def result(self):
        return Result("UpdateResult", matched_count=0, modified_count=0, upserted_id=None)

    def steps(self, part):
        """Do it in bounded steps; returns the result."""
        result = self.result()
        none = True
        for m in self.query.run(part, True, None, module("many").untouched(part, self.todo) if self.todo else ()):
            if m is not None:
                self.change(part, m, result)
                count(part.db)
                none = False
            yield
        if none:
            self.insert(part, result)
        return result

    def run(self, part):
        """Do it at once; returns the result."""
        result = self.result()
        found = list(self.query.run(part))
        for m in found:
            self.change(part, m, result)
        if not found:
            self.insert(part, result)
        return result

    def change(self, part, m, result):
        key, doc, raw = m
        new = self.changed(key, doc, raw)
        if self.shown is not None:
            self.shown(raw, new, key)
        if new != raw and new != raw.rstrip(b" "):
            part.write(key, new, raw)
            result.modified_count += 1
        result.matched_count += 1

    def insert(self, part, result):
        """Nothing was found."""
        if self.upserts:
            key, raw = self.made(_equalities(self.q))

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

    todo = upserts = None

    def result(self):
        return Result("DeleteResult", deleted_count=0)

    def change(self, part, m, result):
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


class UpdateOne(_Found):
    """Change the first match by update operators, or with `upsert` insert what the filter says and they make of it."""

    def __init__(self, filter, update, upsert=False, array_filters=None, sort=None):
        super().__init__(filter, sort)
        update = operators.parsed(update)
        if not update or not is_operators(update):
            raise ValueError("update: takes operators ($set, ...); replace_one takes a document")
        self.todo = operators.check(update)
        self._places = operators.places(self.todo, self.q, array_filters)
        self.upserts = upsert

    def changed(self, key, doc, raw):
        return encode(operators.of_record(raw, self.todo, keys.shown(key), self._places), None, record.stamp(raw))

    def made(self, doc):
        key = doc.pop("_id", None)
        for op, path, x in self.todo:
            if path == "_id" and key is None:
                key = _checked(x)
        return key, encode(operators.apply(doc, self.todo, key, self._places, True))


class UpdateMany(UpdateOne):
    """Change all matches."""

    many = True


class ReplaceOne(_Found):
    """Replace the first match, which keeps its `_id`, its TTL and, unless the replacement has some, its tags."""

    todo = None

    def __init__(self, filter, replacement, upsert=False, sort=None):
        super().__init__(filter, sort)
        self.key, self._body = split(replacement, "replacement")
        for name in self._body:
            if isinstance(name, str) and name.startswith("$"):
                raise ValueError("replacement: a document, without update operators such as " + name)
        self._raw = encode(self._body, None, None, "replacement")
        self.upserts = upsert

    def _same(self, key):
        if self.key is not None and self.key != key:
            raise QueryError("replacement: _id is the record's key, which does not change")

    def changed(self, key, doc, raw):
        self._same(keys.shown(key))
        return encode(self._body, None if "_tags" in self._body else doc.get("_tags"), record.stamp(raw))

    def made(self, doc):
        key = doc.get("_id", self.key)
        self._same(key)
        return key, self._raw


def _equalities(q):
    # The document that an upsert begins with: the fields that its filter says are equal to a value.
    found = []
    _collect(q, found)
    no_conflict([path for path, _ in found])
    doc = OrderedDict()
    for path, x in found:
        here = doc
        parts = fields(path, "upsert")
        for step in parts[:-1]:
            here = here.setdefault(step, OrderedDict())
        here[parts[-1]] = copy(x)
    _checked(doc.get("_id", "0"))
    return doc


def _collect(q, out):
    for name in q:
        x = q[name]
        if name == "$and" or name == "$or" and len(x) == 1:
            for some in x:
                _collect(some, out)
        elif not name.startswith("$"):
            if isinstance(x, dict) and is_operators(x):
                if "$eq" in x:
                    out.append((name, x["$eq"]))
                elif len(x.get("$all", x.get("$in", ()))) == 1:
                    x = x.get("$all", x.get("$in"))[0]
                    if not is_regex(x) and not (isinstance(x, dict) and is_operators(x)):
                        out.append((name, x))
            elif not is_regex(x):
                out.append((name, x))
