"""Secondary indexes inside the tree: the entries of a record and their maintenance.

An entry's key is `00 'x' id encoded-value user-key`; its value one byte, the length of what is before
the user key (docs/format.md). Every record has at least one entry in each index on a path (a missing
field is null; an array gives an entry for each element), so that an index can give the sort order too.
Index 0 is the tags': only records that have some are in it, and it has no catalogue entry.

A catalogue entry is `00 'c' path` -> `state id flags`. Entries and catalogue change in the change list
of the record, so that every commit holds both or neither.
"""

import json
from micropython import const

from . import record
from .order import entry
from .path import walk

CATALOGUE = b"\x00c"
ENTRY = b"\x00x"

BUILDING = const(1)
READY = const(2)

MULTI = const(1)  # some record has several values
_WATCHES = const(8)
SHORT = const(2)  # some entry is shortened, so that its order is not the whole order


class Index:
    """An index on `path`: `prefix` of its entries, `flags`, and whether it is complete.

    `flags` are set while a change list is built, which may be refused: they may say more than the catalogue does, never less.
    """

    stored = None  # the flags of the catalogue, if known
    noted = None  # (change list, flags that it stores)

    def __init__(self, path, number, flags, ready):
        self.path = path
        self.parts = path.split(".")
        self.number = number
        self.prefix = ENTRY + bytes((number,))
        self.flags = flags
        self.ready = ready

    def catalogue(self):
        """Return the catalogue entry (key, value)."""
        return CATALOGUE + self.path.encode(), bytes((READY if self.ready else BUILDING, self.number, self.flags))

    def entries(self, doc):
        """Return the encoded values (a set of bytes) of a document, adding to the flags."""
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
                return {entry(tag)[0] for tag in json.loads(text[:-1])}
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
    for key, value in store.scan(CATALOGUE, b"\x00d"):
        if value[0] == READY:
            path = key[2:].decode()
            found = found or {}
            found[path] = Index(path, value[1], value[2], True)
    return found


def emptied(indexes):
    """Return the same indexes without entries, complete."""
    return {path: Index(path, indexes[path].number, 0, True) for path in indexes}


def changes(db, key, old_raw, new_raw, out):
    """Append the changes of all indexes for one record to a change list; either raw may be None.

    `key`: as stored (bytes). Open queries are told of the change.
    """
    _changes(TAGS, db, key, old_raw, new_raw, out)
    if db._indexes:
        old = None if old_raw is None else _document(old_raw)
        new = None if new_raw is None else _document(new_raw)
        for index in db._indexes.values():
            before = () if old_raw is None else index.entries(old)
            after = () if new_raw is None else index.entries(new)
            _difference(index, db, key, before, after, out)
            if index.flags != index.stored and new_raw is not None:  # what only deletes goes on when the medium is full
                _note(index, db, out)


def _note(index, db, out):
    # Only a list that was applied has stored the flags: look, whatever became of the last one.
    flags = index.flags
    if index.noted is not None and index.noted[0] is out and index.noted[1] == flags:
        return
    key, value = index.catalogue()
    if db._store.get(key) == value:
        index.stored = flags
        index.noted = None
    else:
        out.append((key, value))
        index.noted = out, flags


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
_moves = 0


def watch(w):
    """Tell `w` of every change: `w.db`, `w.changed(index, key, before, after)`, `w.drop()`."""
    if len(_watches) >= _WATCHES:  # abandoned ones, surely: the one goes that has not moved for longest
        idle = min(_watches, key=lambda w: w.moved_at)
        _watches.remove(idle)
        idle.drop()
    _watches.append(w)


def moved(w):
    """Say that `w` goes on."""
    global _moves
    _moves += 1
    w.moved_at = _moves


def closed(db):
    """Forget the queries of a database."""
    for w in [w for w in _watches if w.db is db]:
        _watches.remove(w)


def unwatch(w):
    """Stop telling `w`."""
    if w in _watches:
        _watches.remove(w)
