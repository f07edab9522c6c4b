"""Which records of a persistent database expire next: entries `00 'e' line expiry key` in its tree.

Ordered by expiry, so that the next one is found in O(log n); opening costs nothing, an entry
costs no RAM, and it changes in the same commit as its record. RAM databases have the heap of
`ttl_heap` instead, which takes less memory.
"""

from . import keys
from .key_range import after


class TreeExpiry:
    """The expiry index of a persistent database."""

    def __init__(self, store, used=None):
        self._used = store.first(keys.EXPIRY) is not None if used is None else used
        self._store = store

    def __len__(self):
        n = 0
        for _ in self._store.scan(keys.EXPIRY, after(keys.EXPIRY)):
            n += 1
        return n

    def used(self):
        return self._used

    def changes(self, key, old, new, out):
        """Append the index's changes to a change list."""
        if old != new:
            if old is not None:
                out.append((keys.EXPIRY + old + key, None))
            if new is not None:
                out.append((keys.EXPIRY + new + key, b""))
                self._used = True

    def applied(self, key, old, new):
        """All is in the tree."""

    def sweep(self, store, whole=False):
        return False

    def next(self, store, clock):
        """Return the stored key of an expired record, or None."""
        if not self._used:
            return None
        for line in clock.lines():
            head = keys.EXPIRY + bytes([line])
            entry = store.first(head)
            if entry is None:
                if line:
                    clock.drop(line)
            elif entry[3:8] <= clock.at(line):
                return entry[8:]
        return None

    def emptied(self):
        """As `RamExpiry.emptied`; nothing is to be forgotten when the store is not emptied after all."""
        return TreeExpiry(self._store, False)
