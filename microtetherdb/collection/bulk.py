"""Several operations on a collection as one change list: `insert_many` and `bulk_write`, all or nothing."""

from ..errors import DuplicateKeyError, QueryError
from ..parts import Part, Window
from ..records import record


class _Overlay(Window):
    # A part's store with changes that are not made yet.

    def __init__(self, window):
        super().__init__(window._db, window.prefix)
        self._window = window
        self.new = {}

    def get(self, key):
        if key.__class__ is str:
            key = key.encode()
        if key in self.new:
            return self.new[key]
        return self._window.get(key)

    def apply(self, changes):
        new = self.new
        for key, value in changes:
            new[key] = value

    def scan(self, start=None, end=None, what=0, desc=False):
        new = self.new
        fresh = sorted(key for key in new if (start is None or key >= start) and (end is None or key < end))
        if desc:
            fresh.reverse()
        i = 0
        for key, value in self._window.scan(start, end, 0, desc):
            while i < len(fresh) and (fresh[i] > key if desc else fresh[i] < key):
                if new[fresh[i]] is not None:
                    yield fresh[i] if what else (fresh[i], new[fresh[i]])
                i += 1
            if i < len(fresh) and fresh[i] == key:
                value = new[key]
                i += 1
            if value is not None:
                yield key if what else (key, value)
        for key in fresh[i:]:
            if new[key] is not None:
                yield key if what else (key, new[key])


class _Batch(Part):
    # A part whose changes are collected.

    def __init__(self, part):
        super().__init__(part.db, part.name, part.number, _Overlay(part._store), part._indexes)
        self._part = part
        self._expires = self
        self._moves = part._moves
        self.stamps = []
        self.n = 0

    def changes(self, key, old, new, out):
        """As of what finds the records that expire."""
        self.db._expiry.changes(key, old, new, out)

    def applied(self, key, old, new):
        """The same."""
        self.stamps.append((key, old, new))

    def entered(self, key, raw):
        """The same."""
        self.stamps.append((key, None, record.stamp(raw)))

    def make(self):
        """Not before it is sure."""

    def write(self, key, raw, old=None):
        """As a part's, counted."""
        self.n += 1
        super().write(key, raw, old)

    def commit(self):
        """Make all changes, or none."""
        part = self._part
        new = self._store.new
        if new:
            part.make()
            window = part._store
            window.apply([(key, new[key]) for key in new if new[key] is not None or window.get(key) is not None])
            for key, was, now in self.stamps:
                part._expires.applied(key, was, now)

    def discard(self):
        """What the catalogue has of the indexes' flags is not known any more."""
        for index in (self._indexes or {}).values():
            index.stored = None


def run(part, requests, result, name):
    """Run operations with the lock held, adding to `result`; returns the number of changes. `name`: of the list, for errors."""
    batch = _Batch(part)
    try:
        for i, request in enumerate(requests):
            try:
                request.add(batch, result, i)
            except (QueryError, DuplicateKeyError, TypeError, ValueError) as e:
                raise type(e)("%s[%d]: %s" % (name, i, e))
        batch.commit()
    except BaseException:
        batch.discard()
        raise
    return batch.n
