"""Ends of ranges in the tree's key space."""

from .keys import USER


def bound(key, name):
    """Return a range's end as stored; unlike a key it may be empty or long. `name`: of the argument, for errors."""
    if not isinstance(key, str):
        raise TypeError("%s: str, not %s" % (name, type(key).__name__))
    raw = key.encode()
    if not raw:
        return USER
    if raw[0] < 2:
        return USER + raw
    return raw


def after(prefix):
    """Return the smallest stored key above all that begin with `prefix` (bytes), or None."""
    n = len(prefix)
    while n:
        n -= 1
        if prefix[n] < 255:
            return prefix[:n] + bytes([prefix[n] + 1])
    return None


def number(store):
    """Return how many records a store has, by going through them; those that have expired and are not removed yet too."""
    n = 0
    for _ in store.scan(USER, None, 1):
        n += 1
    return n


def is_record(key):
    """Tell whether a stored key is that of a record, of the database or (docs/format.md) of a collection."""
    return key[0] != 0 or len(key) > 3 and key[1] == 100 and key[2] != 0 and key[3] != 0
