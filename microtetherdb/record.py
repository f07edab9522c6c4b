"""Record codec: a document, its tags and its expiry <-> the bytes stored in the tree.

Format (docs/format.md): the JSON text alone, or with a header `flags [line expiry(5)]` before it.
Flags are below 0x08 and no JSON text begins so; the common record has no header to slice off.
"""

import json
from micropython import const

MAX_VALUE = const(8192)  # bytes of JSON
_MAX_DEPTH = const(24)  # nesting; the parser recurses in C

_PLAIN = const(8)  # first byte of a text; below it, flags
_EXPIRES = const(1)
_WRAPPED = const(2)
_HEADER = const(7)  # flags, line, seconds(4), fraction(1)

_SEPARATORS = (",", ":")


def is_plain(data, str=str, int=int, float=float):
    """Tell whether a document is a dict of scalars without tags: most are, and quickly encoded.

    A document's own "tags" are in the index of tags too.
    """
    if data.__class__ is not dict or "_tags" in data or "tags" in data:
        return False
    for v in data.values():
        if v.__class__ is str or v.__class__ is int or v is None or v is True or v is False or v.__class__ is float and v - v == 0.0:
            continue
        return False
    for v in data:
        if v.__class__ is not str:
            return False
    return True


def _check(value, name, depth):
    # Raise unless JSON can carry `value`, naming the place.
    t = value.__class__
    if t is str or t is int or t is bool or value is None:
        return
    if isinstance(value, float):
        if value - value != 0.0:
            raise ValueError("%s: %r cannot be carried by JSON" % (name, value))
        return
    if depth >= _MAX_DEPTH:
        raise ValueError("%s: nested deeper than %d" % (name[:40], _MAX_DEPTH))
    if isinstance(value, dict):
        for k, v in value.items():
            if not isinstance(k, str):
                raise TypeError("%s: keys are str, not %s" % (name, type(k).__name__))
            t = v.__class__
            if t is str or t is int:
                continue
            _check(v, name + "." + k, depth + 1)
    elif isinstance(value, (list, tuple)):
        depth += 1
        for v in value:
            t = v.__class__
            if t is str or t is int:
                continue
            _check(v, name + "[]", depth)
    elif not isinstance(value, (str, int)):
        raise TypeError("%s: JSON cannot carry %s" % (name, t.__name__))


def check_tags(tags, name="tags"):
    """Raise unless `tags` is a list or tuple of non-empty str of at most 128 bytes."""
    if isinstance(tags, (list, tuple)):
        for tag in tags:
            if not isinstance(tag, str):
                raise TypeError("%s: str, not %s" % (name, type(tag).__name__))
            if not tag or len(tag.encode()) > 128:
                raise ValueError("%s: each 1 to 128 bytes" % name)
    else:
        raise TypeError("%s: list of str, not %s" % (name, type(tags).__name__))


def encode(data, tags=None, stamp=None, name="data"):
    """Return the record (bytes) of a document.

    `tags`: list of str or None; `stamp`: six bytes from the clock (line, expiry) or None.
    Raises `TypeError` or `ValueError` naming `name` when JSON cannot carry the document
    or its text is longer than 8192 bytes. Neither argument is modified.
    """
    if not is_plain(data):
        _check(data, name, 0)
    flags = 0
    if isinstance(data, dict):
        if "_tags" in data and (tags or _bad_tags(data, name)):
            data = data.copy()
            del data["_tags"]
    elif tags:
        flags = _WRAPPED
        data = {"_value": data}
    text = json.dumps(data, separators=_SEPARATORS)
    if tags:
        text = "%s%s\"_tags\":%s}" % (text[:-1], "," if len(text) > 2 else "", json.dumps(tags, separators=_SEPARATORS))
    if stamp is None and not flags:
        raw = text.encode()
    elif stamp is None:
        raw = bytes([flags]) + text.encode()
    else:
        raw = bytes([flags | _EXPIRES]) + stamp + text.encode()
    return checked(raw, name)


def checked(raw, name):
    """Return a record, or raise `ValueError` when its text is longer than 8192 bytes."""
    if len(raw) > MAX_VALUE:
        n = len(raw) - text_start(raw)
        if n > MAX_VALUE:
            raise ValueError("%s: %d bytes of JSON, at most %d" % (name, n, MAX_VALUE))
    return raw


def _bad_tags(data, name):
    # A document that came out of the database carries its tags; putting it back keeps them.
    tags = data["_tags"]
    check_tags(tags, name + "._tags")
    return not tags


def text_start(raw):
    """Return where the JSON text of a record starts."""
    flags = raw[0]
    if flags >= _PLAIN:
        return 0
    if flags & ~3:
        from .errors import DBCorrupt

        raise DBCorrupt("record of a newer format (flags 0x%02x)" % flags)
    return _HEADER if flags & _EXPIRES else 1


def decode(raw):
    """Return the document of a record, with `_tags` if it has any."""
    if raw[0] >= _PLAIN:
        return json.loads(raw)
    value = json.loads(raw[text_start(raw) :])
    if raw[0] & _WRAPPED:
        return value["_value"]
    return value


def stamp(raw):
    """Return the expiry of a record: six bytes (line, seconds, fraction), or None."""
    flags = raw[0]
    if flags < _PLAIN and flags & _EXPIRES:
        return raw[1:_HEADER]
    return None


def expired(raw, clock):
    """Tell whether a record's time is over on `clock`."""
    flags = raw[0]
    return flags < _PLAIN and flags & _EXPIRES and raw[2:_HEADER] <= clock.at(raw[1])
