"""Arguments in the less common forms, and their errors."""

from .clock import MAX_TTL


def put(args, ttl, tags, _id, key, data, no):
    """Return (key, data, ttl, tags) of a call of `put` in any of its forms."""
    values = {}
    if len(args) >= 2 and isinstance(args[0], str) or data is not no and len(args) == 1:
        names = ("key", "data", "ttl", "tags")
    elif key is not None:
        names = ("data", "ttl", "tags")
    else:
        names = ("data", "ttl", "tags", "_id")
    if len(args) > len(names):
        raise TypeError("put: at most %d positional arguments" % len(names))
    for i, value in enumerate(args):
        values[names[i]] = value
    for name, value, absent in (
        ("ttl", ttl, None), ("tags", tags, None), ("_id", _id, None), ("key", key, None), ("data", data, no),
    ):
        if value is not absent:
            if name in values:
                raise TypeError("put: argument given twice: " + name)
            values[name] = value
    if values.get("key") is not None and values.get("_id") is not None:
        raise TypeError("put: key given twice (key and _id)")
    if "data" not in values:
        raise TypeError("put: argument missing: data")
    key = values.get("key")
    if key is None:
        key = values.get("_id")
    return key, values["data"], values.get("ttl"), values.get("tags")


def check_ttl(ttl, name="ttl"):
    """Return a TTL in seconds, or None for 0 and None.

    Raises `TypeError` unless it is an int or a float, `ValueError` if negative or above 17 years.
    """
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError("%s: seconds, not %s" % (name, type(ttl).__name__))
    if not 0 <= ttl <= MAX_TTL:
        raise ValueError("%s: %r is not within 0 to %d seconds" % (name, ttl, MAX_TTL))
    return ttl or None
