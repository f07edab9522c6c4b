"""Arguments in the less common forms, and their errors."""

from micropython import const

from .loading import module
from .records import keys
from .records.clock import MAX_TTL
from .records.encoder import encode

_KEEP = const("KEEP")
_ALL = ("data", "ttl", "tags", "_id", "key", "durable")


def put(db, args, kw):
    """Call of `MicroTetherDB.put` in any of its forms: sort the arguments out and store."""
    n = len(args)
    if 0 < n < 3 and (n == 1 or args[0].__class__ is str) and len(kw) == ("ttl" in kw) + ("tags" in kw):
        key = args[0] if n == 2 else None  # the usual forms
        data = args[-1]
    elif "durable" in kw:
        check_flag(kw["durable"], "durable")
        return module("replace").put_durable(db, args, kw)
    else:
        key, data = _sort_out(args, kw)
    raw_key = None if key is None else keys.stored(key)
    ttl = kw.get("ttl")
    if ttl is not None:
        if ttl is _KEEP:
            return module("replace").put_kept(db, key, raw_key, data, kw.get("tags"))
        ttl = check_ttl(ttl)
        if ttl is not None:
            ttl = db._clock.stamp(ttl)
    raw = encode(data, kw.get("tags"), ttl)
    return _store(db, key, raw_key, raw)


def put_document(db, key, data):
    """As `MicroTetherDB.put(key, data)`, for any key (None: a new one) and document."""
    return _store(db, key, None if key is None else keys.stored(key), encode(data))


def _store(db, key, raw_key, raw):
    if raw[0] < 8 or b'tags":' in raw:
        db._linked = True
    raw_key = db._put_raw(raw_key, raw)
    return raw_key if key is None else key


def _sort_out(args, kw):
    # Put each argument into `kw` by its name; returns key and data.
    if len(args) >= 2 and isinstance(args[0], str) or len(args) == 1 and "data" in kw:
        names = ("key", "data", "ttl", "tags")
    elif "key" in kw:
        names = ("data", "ttl", "tags")
    else:
        names = ("data", "ttl", "tags", "_id")
        if len(args) > 1 and not (args[1] is None or args[1] is _KEEP or args[1].__class__ in (int, float)):
            kind = type(args[1]).__name__
            raise TypeError("key: str, not %s (before data), or ttl: seconds, not %s (after data)" % (type(args[0]).__name__, kind))
    if len(args) > len(names):
        raise TypeError("put: at most %d positional arguments" % len(names))
    for name, value in zip(names, args):
        if name in kw:
            raise TypeError("put: argument given twice: " + name)
        kw[name] = value
    for name in kw:
        if name not in _ALL:
            raise TypeError("put: unknown argument: " + name)
    if kw.get("key") is not None and kw.get("_id") is not None:
        raise TypeError("put: key given twice (key and _id)")
    if "data" not in kw:
        raise TypeError("put: argument missing: data")
    key = kw.get("key")
    return kw.get("_id") if key is None else key, kw["data"]


def check_flag(value, name):
    """Raise `TypeError` unless `value` is True or False."""
    if value is not True and value is not False:
        raise TypeError("%s: bool, not %s" % (name, type(value).__name__))


def check_ttl(ttl, name="ttl"):
    """Return a TTL in seconds, or None for 0 and None.

    Raises `TypeError` unless it is an int or a float, `ValueError` if negative or above 17 years.
    """
    if ttl is None:
        return None
    kind = ttl.__class__
    if kind is not int and kind is not float and (kind is bool or not isinstance(ttl, (int, float))):
        raise TypeError("%s: seconds, not %s" % (name, type(ttl).__name__))
    if not 0 <= ttl <= MAX_TTL:
        raise ValueError("%s: %r is not within 0 to %d seconds" % (name, ttl, MAX_TTL))
    return ttl or None
