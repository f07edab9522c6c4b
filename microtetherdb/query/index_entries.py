"""Secondary indexes inside the tree: the entries of a record and their maintenance.

An entry's key is `00 'x' id encoded-value user-key`; its value one byte, the length of what is before
the user key (docs/format.md). Every record has at least one entry in each index on a path (a missing
field is null; an array gives an entry for each element), so that an index can give the sort order too.
Index 0 is the tags': only records that have some are in it, and it has no catalogue entry.

A catalogue entry is `00 'c' path` -> `state id flags`. Entries and catalogue change in the change list
of the record, so that every commit holds both or neither.
"""

from micropython import const

from ..flushing import commit
from ..loading import module
from ..records import record
from ..records.key_range import after
from .path import walk
from .value_order import entry, text_entry

CATALOGUE = b"\x00c"
ENTRY = b"\x00x"

_CATALOGUE_END = b"\x00d"
BUILDING = const(1)
READY = const(2)

MULTI = const(1)  # some record has several values
SHORT = const(2)  # some entry is shortened, so that its order is not the whole order
UNIQUE = const(4)  # no two records have a value in common
COMPOUND = const(8)  # on several paths: the catalogue has "+a" NUL "-b" for them

STEP = const(4)  # entries made or removed in one change list: some milliseconds on a Pico
_UNFLUSHED = const(64)  # changes between two commits of long work
_MOVES = const(64)  # so many at least are kept for queries that are open


class Index:
    """An index on `path`: `prefix` of its entries, `flags`, and whether it is complete.

    `flags` are set while a change list is built, which may be refused: they may say more than the catalogue does, never less.
    """

    stored = None  # the flags of the catalogue, if known
    noted = None  # (change list, flags that it stores)
    spec = None  # of several paths: [(path, descending)]
    pending = None  # see compound.py

    def __init__(self, path, number, flags, ready):
        self.path = path
        if flags & COMPOUND:
            self.spec = [(p[1:], p[0] == "-") for p in path.split("\0")]
            self.parts = ()
        else:
            self.parts = path.split(".")
        self.number = number
        self.prefix = ENTRY + bytes((number,))
        self.flags = flags
        self.ready = ready
        self.builders = 0  # calls of create_index that are at it

    def paths(self):
        """Return the paths."""
        return [self.path] if self.spec is None else [path for path, _ in self.spec]

    def name(self):
        """Return the path, or for several the name that MongoDB gives: "a_1_b_-1"."""
        if self.spec is None:
            return self.path
        return "_".join("%s_%d" % (path, -1 if down else 1) for path, down in self.spec)

    def catalogue(self):
        """Return the catalogue entry (key, value)."""
        return CATALOGUE + self.path.encode(), bytes((READY if self.ready else BUILDING, self.number, self.flags))

    def entries(self, doc):
        """Return the encoded values (a set of bytes) of a document, adding to the flags."""
        if self.spec is not None:
            return module("query.compound").entries(self, doc)
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
        return self.entries(document(raw))

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
        i = -1 if raw is None else raw.find(b'tags":')
        if i < 0:
            return ()
        if raw[i - 3 : i + 8] in (b',"_tags":["', b'{"_tags":["') and raw.find(b'tags":', i + 6) < 0:
            # The usual case: the record's last member; the rest need not be parsed.
            text = raw[i + 8 :].rstrip()
            if text.find(b"]") == len(text) - 2 and b"\\" not in text:
                text = text[:-3]
                if b'"' in text:
                    return {text_entry(tag)[0] for tag in text.split(b'","')}
                return (text_entry(text)[0],)
        return self.entries(document(raw))


TAGS = _Tags("tags", 0, MULTI | SHORT, True)


def document(raw):
    """Return the document of a record; of a wrapped value with tags, what carries them."""
    if raw[0] < 8:
        raw = raw[record.text_start(raw) :]
    return record.loads(raw)


def load(db, store):
    """Take over the indexes of the catalogue; what is left of one that was not finished goes by and by, see `reclaim`."""
    for key, value in store.scan(CATALOGUE, _CATALOGUE_END):
        if value[0] == READY:
            path = key[2:].decode()
            db._indexes = db._indexes or {}
            db._indexes[path] = Index(path, value[1], value[2], True)
        else:
            db._leftover = True


def some(store, prefix):
    """Return a change list that removes the next entries below a prefix; it is shorter than `STEP` when these are the last."""
    out = []
    for key in store.scan(prefix, after(prefix), 1):
        out.append((key, None))
        if len(out) == STEP:
            break
    return out


def paced(db):
    """Commit when enough has been changed: what is not committed is kept in RAM."""
    if len(db._store._redo) >= _UNFLUSHED:
        commit(db)


def settle(db):
    """An index that is not complete and that nobody builds any more goes: puts need not care for it."""
    for index in list((db._indexes or {}).values()):
        if not index.ready and not index.builders:
            value = db._store.get(index.catalogue()[0])
            if value is not None and value[0] == READY:
                index.ready = True  # Ctrl-C came just behind the last piece
            else:
                del db._indexes[index.path]
                db._leftover = True


def reclaim(db, number=None):
    """Remove a few entries of an index that is dropped or was not finished, with the lock held; True if there may be more.

    `number`: of that index only.
    """
    settle(db)
    store = db._store
    used = [index.number for index in (db._indexes or {}).values()]
    for key, value in store.scan(CATALOGUE, _CATALOGUE_END):
        if value[0] == BUILDING and value[1] not in used and number in (None, value[1]):
            break
    else:
        if number is None:
            db._leftover = False
        return False
    out = some(store, ENTRY + value[1:2])
    if len(out) < STEP:
        out.append((key, None))
    store.apply(out)
    paced(db)
    return True


def emptied(indexes):
    """Return the same indexes without entries, complete."""
    return {path: Index(path, indexes[path].number, indexes[path].flags & (UNIQUE | COMPOUND), True) for path in indexes}


def changes(db, key, old_raw, new_raw, out):
    """Append the changes of all indexes for one record to a change list; either raw may be None.

    `key`: as stored (bytes).
    """
    before = () if old_raw is None else TAGS.of_record(old_raw)
    after = () if new_raw is None else TAGS.of_record(new_raw)
    if before or after:
        _difference(TAGS, db, key, before, after, out)
    if db._indexes:
        old = None if old_raw is None else document(old_raw)
        new = None if new_raw is None else document(new_raw)
        for index in db._indexes.values():
            before = () if old_raw is None else index.entries(old)
            after = () if new_raw is None else index.entries(new)
            if index.flags & UNIQUE and after:
                check_unique(db, index, key, after if index.flags & SHORT else [c for c in after if c not in before], new, out)
            _difference(index, db, key, before, after, out)
            if index.flags != index.stored and new_raw is not None:  # what only deletes goes on when the medium is full
                _note(index, db, out)


def check_unique(db, index, key, codes, doc, out):
    """Raise `DuplicateKeyError` when another record has one of `codes`, see compound.py."""
    module("query.compound").check(db, index, key, codes, doc, out, document)


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


def _difference(index, db, key, before, after, out):
    for code in before:
        if code not in after:
            out.append((index.key(code, key)[0], None))
    for code in after:
        if code not in before:
            out.append(index.key(code, key))
    moves = db._moves
    if moves is not None and before and after and before != after:
        moves.add(db, (index.number, key, before, after))


class Moves:
    """What moved lately in the indexes of a database, for the queries that walk through ranges of one: see `_Watch`.

    They are not told but ask, so that those which were left in the middle, of which MicroPython tells nothing, cost no more
    than this list, and not even that once nobody has asked for long.
    """

    def __init__(self):
        self.walks = 0  # begun and not ended
        self.count = 0  # moves since the first
        self.seen = 0  # `count` when one last asked
        self._last = []

    def add(self, db, move):
        """Take in (number of the index, user key, values before, values after)."""
        last = self._last
        if len(last) == 2 * _MOVES:
            if self.count - self.seen >= _MOVES:
                db._moves = None
                return
            self._last = last = last[_MOVES:]
        last.append(move)
        self.count += 1

    def since(self, count):
        """Return the moves since there were `count`, or None if they are not all here."""
        n = self.count - count
        return self._last[len(self._last) - n :] if n <= len(self._last) else None
