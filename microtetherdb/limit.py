"""`max_records`: a database that holds so many records at most, of which the first ones make room for new ones."""

from micropython import const

from .changelist import apply, changes
from .loading import module
from .locking import hold
from .records import keys, record
from .records.key_range import number
from .storage import mirrors
from .upkeep import count

_STEP = const(8)  # records that are dropped at a time, at most, besides those that a change makes room for


class Limit:
    """At most `most` records in a database, those included that have expired and are not removed yet.

    What a put drops goes into its change list: both are done or neither is. `on_drop(key, document)` is called afterwards, with
    the lock free.
    """

    what = "limit"

    def __init__(self, db, most, on_drop):
        self._db = db
        self._most = most
        self._on_drop = on_drop
        self._n = 0
        self._new = ()  # keys that the coming change list makes; what it was for may not have come
        self._seen = -1  # change lists that are counted in, see mirrors.py
        mirrors.add(db._store, self)
        db._put_raw = self._put_raw  # in front of the method

    def changed(self, changes):
        """Count a change list in."""
        n = self._n
        new = self._new
        self._new = ()
        for key, value in changes:
            if value is not None:
                if key in new:
                    n += 1
            elif key[0]:  # 0: no record's, or a collection's
                n -= 1
        self._n = n
        self._seen += 1

    def missed(self):
        """See mirrors.py: `count` finds out."""

    end = missed

    def count(self):
        """Return the number of records, with the lock held; they are gone through only after a change that this was not told of."""
        store = self._db._store
        if self._seen != store.changed:
            self._n = number(store)
            self._seen = store.changed
        return self._n

    def tell(self, dropped):
        """Call `on_drop` for a list of (stored key, record)."""
        if self._on_drop is not None:
            for key, raw in dropped:
                self._on_drop(keys.shown(key), record.decode(raw))

    def expire(self, n):
        """Remove what has expired if `n` more records may not fit. With the lock held, as all that follow."""
        if n > self._most:
            raise ValueError("%d records at once, max_records is %d" % (n, self._most))
        if self._db._expiry is not None and self.count() + n > self._most:
            module("cleanup").expire(self._db, 0)

    def _put_raw(self, key, raw):
        db = self._db
        with hold(db):
            if key is None:
                key = keys.generated(db)
            dropped = self.put(key, raw)
        self.tell(dropped)
        return key

    def put(self, key, raw):
        """Put one record; returns what is dropped for it."""
        db = self._db
        if key.__class__ is str:
            key = key.encode()
        self.expire(1)
        out = []
        stamps = [(key,) + changes(db, key, db._store.get(key), raw, out)]
        if len(out) > 1:
            db._linked = True
        dropped = self.room((key,), out, stamps)
        apply(db, out, stamps)
        db._deletes += len(dropped)
        count(db)
        return dropped

    def room(self, put, out, stamps):
        """Have a change list that puts the records `put` (stored keys) drop the first ones beyond the limit; returns these.

        A limit that is new to a database is reached by and by.
        """
        db = self._db
        store = db._store
        self._new = [key for key in put if store.get(key) is None]
        new = len(self._new)
        gone = [key for key, value in out if value is None and key[0]]
        new -= len(gone)
        n = min(self.count() + new - self._most, max(new, 0) + _STEP)
        dropped = []
        if n > 0:
            for key, raw in store.scan(keys.USER):
                if key not in put and key not in gone:
                    stamps.append((key,) + changes(db, key, raw, None, out))
                    dropped.append((key, raw))
                    if len(dropped) == n:
                        break
        return dropped
