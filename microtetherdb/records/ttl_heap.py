"""Which records of a RAM database expire next: a min-heap of those that have a TTL.

Expiry itself is decided by the record's own header, so a late clean-up is never seen. An entry
costs 8 bytes in the heap and its key, in blocks of 512 bytes that a fragmented heap can give.
Persistent databases have `ttl_index` instead.
"""

from array import array

from micropython import const

from . import record
from .key_range import is_record

_PAIRS = const(64)  # heap entries in a block of 512 bytes
_BLOCK = const(512)  # bytes of keys in a block
_SWEEP = const(16)  # entries checked for staleness in one step


class _Keys:
    # Keys in blocks; a reference is block * 512 + offset. A block's first two bytes count
    # the keys in it; it is given back when the last has gone.

    def __init__(self):
        self._blocks = []
        self._at = _BLOCK

    def add(self, key):
        if self._at + len(key) >= _BLOCK:
            self._more()
        block = self._blocks[self._last]
        at = self._at
        block[at] = len(key)
        block[at + 1 : at + 1 + len(key)] = key
        self._at = at + 1 + len(key)
        block[0] += 1
        return self._last * _BLOCK + at

    def _more(self):
        block = bytearray(_BLOCK)
        if None in self._blocks:
            self._last = self._blocks.index(None)
            self._blocks[self._last] = block
        else:
            self._blocks.append(block)
            self._last = len(self._blocks) - 1
        self._at = 2

    def get(self, ref):
        block = self._blocks[ref // _BLOCK]
        at = ref % _BLOCK
        return bytes(block[at + 1 : at + 1 + block[at]])

    def remove(self, ref):
        i = ref // _BLOCK
        block = self._blocks[i]
        block[0] -= 1
        if not block[0]:
            self._blocks[i] = None
            if i == self._last:
                self._at = _BLOCK


class Heap:
    """Binary min-heap of (time, key) (Williams, Algorithm 232, 1964), in blocks."""

    def __init__(self):
        self._blocks = []
        self._keys = _Keys()
        self._n = 0

    def __len__(self):
        return self._n

    def get(self, i):
        """Return entry i as (time, key)."""
        block = self._blocks[i // _PAIRS]
        j = i % _PAIRS * 2
        return block[j], self._keys.get(block[j + 1])

    def first(self):
        """Return the earliest time."""
        return self._blocks[0][0]

    def push(self, t, key):
        """Add an entry, O(log n)."""
        i = self._n
        if i // _PAIRS == len(self._blocks):
            self._blocks.append(array("I", bytes(_BLOCK)))
        key = self._keys.add(key)
        self._n = i + 1
        if i and self._time((i - 1) >> 1) > t:
            self._up(i, t, key)
        else:
            self._set(i, t, key)

    # Small frames, see docs/architecture.md.

    def _time(self, i):
        return self._blocks[i // _PAIRS][i % _PAIRS * 2]

    def _set(self, i, t, ref):
        block = self._blocks[i // _PAIRS]
        i = i % _PAIRS * 2
        block[i] = t
        block[i + 1] = ref

    def _up(self, i, t, ref):
        blocks = self._blocks
        while i:
            p = (i - 1) >> 1
            parent = blocks[p // _PAIRS]
            q = p % _PAIRS * 2
            if parent[q] <= t:
                break
            block = blocks[i // _PAIRS]
            j = i % _PAIRS * 2
            block[j] = parent[q]
            block[j + 1] = parent[q + 1]
            i = p
        self._set(i, t, ref)

    def remove(self, i):
        """Remove entry i, O(log n)."""
        blocks = self._blocks
        self._keys.remove(blocks[i // _PAIRS][i % _PAIRS * 2 + 1])
        n = self._n - 1
        self._n = n
        block = blocks[n // _PAIRS]
        j = n % _PAIRS * 2
        t = block[j]
        ref = block[j + 1]
        if n // _PAIRS + 2 <= len(blocks):  # keep one block in hand
            blocks.pop()
        if i == n:
            return
        while True:  # sift the last entry down from i
            c = 2 * i + 1
            if c >= n:
                break
            child = blocks[c // _PAIRS]
            k = c % _PAIRS * 2
            if c + 1 < n:
                right = blocks[(c + 1) // _PAIRS]
                r = (c + 1) % _PAIRS * 2
                if right[r] < child[k]:
                    c += 1
                    child = right
                    k = r
            if child[k] >= t:
                break
            block = blocks[i // _PAIRS]
            j = i % _PAIRS * 2
            block[j] = child[k]
            block[j + 1] = child[k + 1]
            i = c
        self._up(i, t, ref)


def _unit(stamp):
    # An expiry in sixteenths of a second, rounded down; at most 8 years of uptime fit.
    t = int.from_bytes(stamp[1:5], "big") << 4 | stamp[5] >> 4
    return 0xFFFFFFFF if t >> 32 else t


def _unit_of(raw):
    # The same of a record, in numbers that need no memory in the first half year.
    t = raw[3] << 20 | raw[4] << 12 | raw[5] << 4 | raw[6] >> 4
    return t if not raw[2] else _unit(raw[1:7])


class RamExpiry:
    """The heap of a RAM database: at most twice as many entries as records with a TTL. Those whose record changed are stale and swept out."""

    _incomplete = False  # records may lack an entry

    def __init__(self, store):
        self._store = store
        self._heap = Heap()
        self._stale = 0  # counted upwards: a change that broke off behind its record's has no entry
        self._at = 0
        self._whole = False  # whether no entry went since the sweep began at the front,
        self._later = 0  # and how many became stale since then

    def __len__(self):
        return len(self._heap) - self._stale

    def used(self):
        """Tell whether a change of a record has to name the record's old expiry."""
        return self._incomplete or len(self._heap) > 0

    def changes(self, key, old, new, out):
        """Nothing is stored in the tree."""

    def entered(self, key, raw):
        """Follow a new record that expires."""
        try:
            self._heap.push(_unit_of(raw), key)
        except MemoryError:
            self._incomplete = True

    def applied(self, key, old, new):
        """Follow a change of a record's expiry from `old` to `new` (stamps or None)."""
        heap = self._heap
        try:
            t = None if new is None else _unit(new)
            if old is not None:
                if t is not None and _unit(old) == t:
                    return
                self._stale += 1
                self._later += 1
            if t is not None:
                heap.push(t, key)
            if self._stale > 16 + heap._n // 2:
                self.sweep(self._store)  # half of what it looks at is stale: they go as quickly as they come
        except MemoryError:
            self._incomplete = True  # the change is done: the heap is made anew when there is RAM for it

    def sweep(self, store, whole=False):
        """Drop stale entries among the next few; True while many, or with `whole` any, are left."""
        heap = self._heap
        if self._stale <= (0 if whole else 16 + len(heap) // 4):
            return False
        i = self._at
        for _ in range(_SWEEP):
            if i >= len(heap):
                i = 0
                if self._whole:
                    self._stale = min(self._stale, self._later)
                self._whole = True
                self._later = 0
            if not len(heap):
                self._stale = 0
                break
            t, key = heap.get(i)
            if self._current(store, t, key) is None:
                self._remove(i)
            else:
                i += 1
        self._at = i
        return self._stale > (0 if whole else 16 + len(heap) // 4)

    def _remove(self, i):
        self._heap.remove(i)
        self._stale = max(0, self._stale - 1)
        self._whole = False

    def _current(self, store, t, key):
        raw = store.get(key)
        if raw is not None:
            stamp = record.stamp(raw)
            if stamp is not None and _unit(stamp) == t:
                return raw
        return None

    def next(self, store, clock):
        """Return the stored key of an expired record, or None. Its entry stays until the record has gone."""
        if self._incomplete:
            self._fill(store)
        heap = self._heap
        if not len(heap):
            return None
        now = _unit(b"\0" + clock.at(0))
        while len(heap) and heap.first() <= now:
            t, key = heap.get(0)
            raw = self._current(store, t, key)
            if raw is None:
                self._remove(0)
                continue
            return key if record.expired(raw, clock) else self._other(store, clock, now)
        return None

    def _fill(self, store):
        self._heap = Heap()
        self._stale = self._at = 0
        for key, raw in store.scan():
            if is_record(key):
                stamp = record.stamp(raw)
                if stamp is not None:
                    self._heap.push(_unit(stamp), key)
        self._incomplete = False

    def _other(self, store, clock, now):
        # As `next`, but for the first entry: the clock is finer than the heap, whose first one need not be the first of its sixteenth.
        heap = self._heap
        todo = [1, 2]
        while todo:
            i = todo.pop()
            if i < len(heap):
                t, key = heap.get(i)
                if t <= now:
                    raw = self._current(store, t, key)
                    if raw is not None and record.expired(raw, clock):
                        return key
                    todo += (2 * i + 1, 2 * i + 2)
        return None

    def emptied(self):
        """Return what finds the records that expire in a store that was emptied."""
        return RamExpiry(self._store)
