"""Collections as parts of a database: key spaces behind three bytes (docs/format.md), each seen as a database by what runs queries
and keeps indexes.
"""

from micropython import const

from .changelist import apply, begin_expiry, changes, write
from .errors import QueryError
from .loading import module
from .locking import hold
from .records import keys, record
from .records.key_range import after, is_record, number
from .storage.store import Store

_NAMES = b"\0d\0"
_DROPPED = b"\0d\0\0"
_NOTHING = b"\0d\0\xff"  # where no key is: of a collection that nobody has written to
_MAX_NAME = const(100)  # bytes
_MOST = const(255)
_STEP = const(8)  # keys removed in one change list


class Window:
    """The store of a part: what of the database's store is behind `prefix`, without it."""

    def __init__(self, db, prefix):
        self._db = db
        self.prefix = prefix

    def full(self, key):
        """Return a key as the whole database has it. Expiries are together, in one order."""
        if key.__class__ is str:
            key = key.encode()
        if key[:2] == keys.EXPIRY:
            return key[:8] + self.prefix + key[8:]
        return self.prefix + key

    def get(self, key):
        """As the store's."""
        return self._db._store.get(self.full(key))

    def put(self, key, value):
        """As the store's."""
        self.apply(((key, value),))

    def apply(self, changes):
        """As the store's."""
        self._db._store.apply([(self.full(key), value) for key, value in changes])

    def scan(self, start=None, end=None, what=0, desc=False):
        """As the store's."""
        prefix = self.prefix
        n = len(prefix)
        end = after(prefix) if end is None else prefix + end
        for item in self._db._store.scan(prefix + (start or b""), end, what, desc):
            yield item[n:] if what else (item[0][n:], item[1])

    first = Store.first

    def at_once(self, work):
        """As the store's."""
        prefix = self.prefix
        return self._db._store.at_once(lambda tree: work(_Tree(tree, prefix)))

    def __getattr__(self, name):
        return getattr(self._db._store, name)


class _Tree:
    def __init__(self, tree, prefix):
        self._tree = tree
        self._prefix = prefix

    def values(self, start):
        prefix = self._prefix
        return self._tree.values(prefix + start, after(prefix))

    def items(self, start, end=None):
        prefix = self._prefix
        n = len(prefix)
        for key, value in self._tree.items(prefix + start, after(prefix) if end is None else prefix + end):
            yield key[n:], value


class _Expiry:
    # What finds the records that expire: the database's, with this part's keys.

    def __init__(self, part):
        self._part = part

    def changes(self, key, old, new, out):
        self._part.db._expiry.changes(key, old, new, out)

    def entered(self, key, raw):
        expiry = self._part.db._expiry
        try:
            expiry.entered(self._part._store.full(key), raw)
        except MemoryError:
            expiry._incomplete = True

    def applied(self, key, old, new):
        expiry = self._part.db._expiry
        try:
            expiry.applied(self._part._store.full(key), old, new)
        except MemoryError:
            expiry._incomplete = True  # the change is done, see ttl_heap.py


class Part:
    """A collection of the database `db`; has what a database has for those that read, write and index records."""

    _linked = True  # all changes go through change lists
    _leftover = False
    _moves = _counted = None
    _flushes = _made = _queries = _deletes = _due = _next = 0
    _fixed = 10

    def __init__(self, db, name, number, store=None, indexes=None):
        self.db = db
        self.name = name
        self.number = number  # 0: nobody has written to it
        self._indexes = indexes
        self._expires = _Expiry(self)
        self._store = store
        if store is None:
            self._store = Window(db, _prefix(number))
            if number and name is not None:
                module("query.index_entries").load(self, self._store)

    def __getattr__(self, name):
        return getattr(self.db, name)

    @property
    def _expiry(self):
        return None if self.db._expiry is None else self._expires

    # All below with the lock held

    def make(self):
        """Enter the collection in the catalogue, if it is not."""
        if self.number:
            return
        store = self.db._store
        taken = {0}
        for key, value in store.scan(_NAMES, after(_NAMES)):
            taken.add(value[0] if value else key[-1])
        number = max(taken) + 1
        if number > _MOST:
            number = 1
            while number in taken:
                number += 1
            if number > _MOST:
                raise QueryError("no more than %d collections" % _MOST)
        prefix = _prefix(number)
        store.apply([(_NAMES + self.name.encode(), bytes((number,)))])
        self._store.prefix = prefix
        self.number = number

    def forget(self):
        """The collection has been dropped."""
        self.number = 0
        self._store.prefix = _NOTHING
        self._indexes = self._moves = self._counted = None
        self._leftover = False

    def write(self, key, raw, old=None):
        """Put (or, `raw` None, delete) a record that replaces `old`, all its entries with it."""
        if raw is not None:
            self.make()
            if raw[0] < 8 and self.db._expiry is None:
                begin_expiry(self.db)
                self.db._linked = True
        write(self, key, raw, old)

    def records(self):
        """Return the number of records, those that have expired and are not removed yet too."""
        changed = self._store.changed
        if self._counted is None or self._counted[1] != changed:
            self._counted = (number(self._store), changed)
        return self._counted[0]


def _prefix(number):
    return b"\0d" + bytes((number,)) if number else _NOTHING


def check_name(name):
    """Raise unless `name` can be that of a collection."""
    if not isinstance(name, str):
        raise TypeError("name: str, not " + type(name).__name__)
    n = len(name.encode())
    if not 0 < n <= _MAX_NAME or "\0" in name or "$" in name:
        raise ValueError("name: 1 to %d bytes without $ and NUL" % _MAX_NAME)


def find(db, name):
    """Return the `Part` of a collection, always the same one, with the lock held."""
    parts = known(db)
    if parts is None:  # an attribute of the class would cost RAM in every program
        parts = db._parts = {}
        if db._store.first(_DROPPED) is not None:
            db._leftover = True
    part = parts.get(name)
    if part is None:
        number = db._store.get(_NAMES + name.encode())
        part = parts[name] = Part(db, name, number[0] if number else 0)
    return part


def known(db):
    """Return {name: part} of the collections that were asked for, or None."""
    return getattr(db, "_parts", None)


def every(db):
    """Return the list of all parts, with the lock held."""
    names = [key[3:].decode() for key in db._store.scan(_NAMES + b"\1", after(_NAMES), 1)]
    return [find(db, name) for name in names]


def owner(db, key):
    """Return (part, its own key) for a stored key of the database."""
    number = key[2]
    for part in every(db):
        if part.number == number:
            return part, key[3:]
    return Part(db, None, number), key[3:]  # dropped, and not all gone yet


def collections(db):
    """Return the sorted list of the collections' names."""
    with hold(db):
        return [part.name for part in every(db)]


def drop_steps(part):
    """Remove a collection with its indexes: at once, as nobody sees it any more, then its documents in bounded steps."""
    number = part.number
    if number:
        mark = _DROPPED + bytes((number,))
        part.db._leftover = True
        part.db._store.apply([(_NAMES + part.name.encode(), None), (mark, b"")])
        part.forget()
        try:
            while _remove(part.db, mark):
                yield
        except MemoryError:
            pass  # would say that the call was not done; the rest goes by and by


def reclaim(db):
    """Remove a little of what was dropped, or of unfinished indexes, with the lock held; True if there may be more."""
    for part in (known(db) or {}).values():
        if part._leftover and module("query.index_entries").reclaim(part):
            return True
    mark = db._store.first(_DROPPED)
    if mark is None:
        return False
    _remove(db, mark)
    return True  # there may be another


def _remove(db, mark):
    store = db._store
    out = []
    stamps = []
    for key, raw in store.scan(_prefix(mark[-1]), after(_prefix(mark[-1]))):
        stamp = record.stamp(raw) if is_record(key) else None
        if stamp is not None and db._expiry is not None:
            stamps.append((key, stamp))
            db._expiry.changes(key, stamp, None, out)
        out.append((key, None))
        if len(out) >= _STEP:
            break
    else:
        out.append((mark, None))
        mark = None
    store.apply(out)
    for key, stamp in stamps:
        db._expiry.applied(key, stamp, None)
    module("query.index_entries").paced(db)
    return mark is not None


def purge(db):
    """Delete all records of the database that are in no collection, in change lists of some, with the lock held."""
    store = db._store
    while True:
        out = []
        stamps = []
        for key, raw in store.scan(keys.USER):
            stamps.append((key,) + changes(db, key, raw, None, out))
            if len(stamps) == _STEP:
                break
        if not stamps:
            return
        apply(db, out, stamps)
        module("query.index_entries").paced(db)
