"""Secondary indexes inside the tree: catalogue, maintenance, building.

An entry's key is `00 'x' id encoded-value user-key`; its value one byte, the length of what is before
the user key (docs/format.md). Every record has at least one entry in each index on a path (a missing
field is null; an array gives an entry for each element), so that an index can give the sort order too.
Index 0 is the tags': only records that have some are in it, and it has no catalogue entry.

A catalogue entry is `00 'c' path` -> `state id flags`. Entries and catalogue change in the change list
of the record, so that every commit holds both or neither.
"""

import json
from micropython import const

from . import keys, record
from .errors import QueryError
from .match import split, walk
from .order import MISSING, entry

_CATALOGUE = b"\x00c"
_ENTRY = b"\x00x"
_PATH = const(100)  # bytes
_STEP = const(4)  # entries made or removed in one change list: some milliseconds on a Pico
_FLUSH = const(16)  # steps between two commits
_IDS = const(255)

_BUILDING = const(1)
_READY = const(2)

MULTI = const(1)  # some record has several values
SHORT = const(2)  # some entry is shortened, so that its order is not the whole order


class Index:
    """An index on `path`: `prefix` of its entries, `flags`, and whether it is complete."""

    def __init__(self, path, number, flags, ready):
        self.path = path
        self.parts = path.split(".")
        self.number = number
        self.prefix = _ENTRY + bytes((number,))
        self.flags = flags
        self.ready = ready

    def catalogue(self):
        """Return the catalogue entry (key, value)."""
        return _CATALOGUE + self.path.encode(), bytes((_READY if self.ready else _BUILDING, self.number, self.flags))

    def entries(self, doc):
        """Return the encoded values (a set of bytes) of a document, noting new flags in `seen`."""
        parts = self.parts
        if type(doc) is dict and len(parts) == 1:
            v = doc.get(parts[0])
            if not isinstance(v, (list, dict)):
                code, whole = entry(v)
                if not whole:
                    self.flags |= SHORT
                return (code,)
        out = set()
        if isinstance(doc, dict):
            self._collect(doc, parts, out)
        if not out:
            out.add(entry(None)[0])
        elif len(out) > 1:
            self.flags |= MULTI
        return out

    def _collect(self, doc, parts, out):
        def add(v):
            code, whole = entry(v)
            out.add(code)
            if not whole:
                self.flags |= SHORT

        def found(v, alone):
            if isinstance(v, list) and v:
                self.flags |= MULTI
                for e in v:
                    add(e)
            else:
                add(v)
            return False

        walk(doc, parts, 0, found)

    def of_record(self, raw):
        """Return the encoded values of a record (bytes), nothing for None."""
        if raw is None:
            return ()
        return self.entries(_document(raw))

    def key(self, code, user_key):
        """Return an entry's key and value."""
        head = self.prefix + code
        return head + user_key, bytes((len(head),))


class _Tags(Index):
    # Index 0: the elements of _tags and of the document's own field "tags".
    def entries(self, doc):
        out = set()
        if isinstance(doc, dict):
            for name in ("_tags", "tags"):
                if name in doc:
                    self._collect(doc, [name], out)
        return out

    def of_record(self, raw):
        if raw is None or b'tags":' not in raw:
            return ()
        i = raw.find(b'"_tags":[')
        if i > 0 and raw.find(b'tags":', i + 9) < 0 and raw.find(b'tags":') == i + 2:
            # The usual case: the record's last member; the rest need not be parsed.
            text = raw[i + 8 :].rstrip()
            if text.find(b"]") == len(text) - 2:
                return self.entries({"_tags": json.loads(text[:-1])})
        return self.entries(_document(raw))


TAGS = _Tags("tags", 0, MULTI | SHORT, True)


def _document(raw):
    # The document of a record; of a wrapped value with tags, what carries them.
    if raw[0] < 8:
        raw = raw[record.text_start(raw) :]
    return json.loads(raw)


def load(store):
    """Return the indexes of the catalogue, by path, or None; one that was not finished is left out."""
    found = None
    for key, value in store.scan(_CATALOGUE, b"\x00d"):
        if value[0] == _READY:
            path = key[2:].decode()
            found = found or {}
            found[path] = Index(path, value[1], value[2], True)
    return found


def changes(db, key, old_raw, new_raw, out):
    """Append the changes of all indexes for one record to a change list; either raw may be None.

    `key`: as stored (bytes). Open queries are told of the change.
    """
    _changes(TAGS, db, key, old_raw, new_raw, out)
    if db._indexes:
        old = None if old_raw is None else _document(old_raw)
        new = None if new_raw is None else _document(new_raw)
        for index in db._indexes.values():
            flags = index.flags
            before = () if old_raw is None else index.entries(old)
            after = () if new_raw is None else index.entries(new)
            _difference(index, db, key, before, after, out)
            if index.flags != flags:
                out.append(index.catalogue())


def _changes(index, db, key, old_raw, new_raw, out):
    before = index.of_record(old_raw)
    after = index.of_record(new_raw)
    if before or after:
        _difference(index, db, key, before, after, out)


def _difference(index, db, key, before, after, out):
    for code in before:
        if code not in after:
            out.append((index.key(code, key)[0], None))
    for code in after:
        if code not in before:
            out.append(index.key(code, key))
    for watch in _watches:
        if watch.db is db:
            watch.changed(index, key, before, after)


# Queries that walk through ranges of an index and must not miss or repeat what moves in it.
_watches = []


def watch(w):
    """Tell `w` of every change: `w.db`, `w.changed(index, key, before, after)`, `w.drop()`."""
    if len(_watches) >= 8:  # abandoned ones, surely: the oldest goes
        _watches.pop(0).drop()
    _watches.append(w)


def unwatch(w):
    """Stop telling `w`."""
    if w in _watches:
        _watches.remove(w)


# Creating and dropping


def _check_path(path):
    parts = split(path)
    if len(path.encode()) > _PATH:
        raise QueryError("path: at most %d bytes" % _PATH)
    if path == "tags" or path == "_tags" or parts[0].startswith("$"):
        raise QueryError("no index on %s: tags are indexed always, operators never" % path)


def _wipe(db, prefix, commit):
    # Remove all entries below a prefix in bounded change lists.
    store = db._store
    steps = 0
    while True:
        out = []
        for key in store.scan(prefix, keys.after(prefix), 1):
            out.append((key, None))
            if len(out) >= _STEP:
                break
        if not out:
            return
        store.apply(out)
        steps += 1
        if steps % _FLUSH == 0:
            commit(db)
        yield


def build(db, path):
    """Create an index in bounded steps: a generator that works between its yields, under the database lock.

    The index is used once it is complete; a build that was cut off is begun again.
    """
    _check_path(path)
    store = db._store
    if db._indexes and path in db._indexes and db._indexes[path].ready:
        return
    from .lifecycle import commit

    taken = set()
    number = 0
    for key, value in store.scan(_CATALOGUE, b"\x00d"):
        if key[2:] == path.encode():
            number = value[1]
        taken.add(value[1])
    if not number:
        for number in range(1, _IDS + 1):
            if number not in taken:
                break
        else:
            raise QueryError("no more than %d indexes" % _IDS)
    index = Index(path, number, 0, False)
    store.apply([index.catalogue()])
    yield from _wipe(db, index.prefix, commit)
    if db._indexes is None:
        db._indexes = {}
    db._indexes[path] = index
    db._link()  # every change goes through `changes` from now on
    out = []
    steps = 0
    try:
        for key, raw in store.scan(keys.USER):
            for code in index.of_record(raw):
                out.append(index.key(code, key))
            if len(out) >= _STEP:
                store.apply(out)
                out = []
                steps += 1
                if steps % _FLUSH == 0:
                    commit(db)
                yield
                if db._indexes is None or db._indexes.get(path) is not index:
                    return  # dropped, or the database was emptied, meanwhile
        index.ready = True
        out.append(index.catalogue())
        store.apply(out)
        commit(db)
    finally:
        if not index.ready and db._indexes and db._indexes.get(path) is index:
            del db._indexes[path]


def drop(db, path):
    """Remove an index in bounded steps, as `build`; the generator's value is whether there was one."""
    split(path)
    from .lifecycle import commit

    store = db._store
    index = db._indexes.pop(path, None) if db._indexes else None
    key = _CATALOGUE + path.encode()
    value = store.get(key)
    if value is None:
        return False
    store.apply([(key, bytes((_BUILDING,)) + value[1:3])])
    yield from _wipe(db, _ENTRY + value[1:2], commit)
    store.apply([(key, None)])
    commit(db)
    return True


def rewrite(db):
    """Write the catalogue anew after the tree was emptied, with the lock held."""
    out = []
    for index in list((db._indexes or {}).values()):
        index.flags = 0
        index.ready = True
        out.append(index.catalogue())
    if out:
        db._store.apply(out)
