"""Lazy ranges over the keys in sorted order, and counting."""

from .changelist import limit
from .loading import module
from .locking import hold
from .records import keys as _keys
from .records import record
from .records.key_range import after, bound, number


def steps(db, generator):
    """Run a generator over the tree with the database lock held during each step only."""
    while True:
        try:
            with hold(db):
                item = next(generator)
        except StopIteration:
            return
        yield item


def limits(start, end, prefix):
    """Return (lowest stored key, the one above the highest or None) of a range; raises `TypeError`."""
    low = _keys.USER if start is None else bound(start, "start")
    high = None if end is None else bound(end, "end")
    if prefix is not None:
        p = bound(prefix, "prefix")
        if p == _keys.USER and not prefix:
            p = b""
        if p:
            low = max(low, p)
            beyond = after(p)
            if beyond is not None and (high is None or beyond < high):
                high = beyond
    return low, high


def _range(db, start, end, prefix, reverse, limit, what):
    low, high = limits(start, end, prefix)
    if reverse is not True and reverse is not False:
        raise TypeError("reverse: bool, not " + type(reverse).__name__)
    if type(limit) is not int:
        raise TypeError("limit: int, not " + type(limit).__name__)
    if limit < 0:
        raise ValueError("limit: %d, at least 0" % limit)
    hold(db)  # a closed database raises at the call, not at the first step

    def run():
        clock = db._clock
        left = limit
        if high is not None and high <= low:
            return
        for key, raw in db._store.scan(low, high, desc=reverse):
            if raw[0] < 8 and record.expired(raw, clock):
                continue
            if what == 1:
                yield _keys.shown(key)
            elif what == 2:
                yield record.decode(raw)
            else:
                yield _keys.shown(key), record.decode(raw)
            left -= 1
            if not left:
                return

    return steps(db, run())


def keys(db, start=None, end=None, prefix=None, reverse=False, limit=0):
    """Iterate over keys from `start` (included) to `end` (excluded), or with a `prefix`; `reverse=True`: the last one first.

    `limit`: the most it gives, 0 for all. `reverse=True, limit=10` reads no more than the ten records that are the newest by generated keys.
    The database may be changed meanwhile; what is put behind the place that was reached is given too. For `async for` there is `find`.
    """
    return _range(db, start, end, prefix, reverse, limit, 1)


def values(db, start=None, end=None, prefix=None, reverse=False, limit=0):
    """Iterate over documents, as `keys` does, by `reverse` and `limit` too."""
    return _range(db, start, end, prefix, reverse, limit, 2)


def items(db, start=None, end=None, prefix=None, reverse=False, limit=0):
    """Iterate over (key, document), as `keys` does, by `reverse` and `limit` too."""
    return _range(db, start, end, prefix, reverse, limit, 3)


def count(db):
    """Return the number of records that have not expired."""
    with hold(db):
        return counted(db)


def counted(db):
    """As `count`, with the lock held."""
    if db._expiry is not None:
        module("cleanup").expire(db, 0)
    store = db._store
    limited = limit(db)
    if limited is not None:
        return limited.count()
    if getattr(store, "counted", (0, None))[1] != store.changed:
        if hasattr(store, "frozen"):  # what has expired is there
            n = 0
            for item in store.scan(_keys.USER):
                n += not (item[1][0] < 8 and record.expired(item[1], db._clock))
            return n
        store.counted = number(store), store.changed
    return store.counted[0]
