"""Record codec, its way in: what a record is, and what is wrong with a document that cannot be one.

Our images have `_mtdb_record` (ports/record), which does the same in C but for the errors.
"""

import json
from collections import OrderedDict

from micropython import const

from . import record

try:
    from _mtdb_record import encode as _quick  # ports/record
except ImportError:  # stock firmware

    def _quick(data, tags, stamp):
        return None


MAX_VALUE = const(8192)  # bytes of JSON
_MAX_DEPTH = const(24)  # nesting; the parser recurses in C

_SEPARATORS = (",", ":")


# built-ins found by hash, see database.py
dict = dict
float = float
isinstance = isinstance
len = len
list = list
str = str
tuple = tuple

_OBJECTS = (dict, OrderedDict)


def _check(value, name, depth):
    # Raise unless JSON can carry `value`, naming the place. A derived class prints itself in its own way: it is none of ours.
    t = value.__class__
    if t is str or t is int or t is bool or value is None:
        return
    if t is float:
        if not -1e38 < value < 1e38:
            # The digits that are written for those next to the largest are read as infinity.
            x = value if value - value else float(json.dumps(value))
            if x - x:
                raise ValueError("%s: %r cannot be carried by JSON" % (name, value))
        return
    if depth >= _MAX_DEPTH:
        raise ValueError("%s: nested deeper than %d" % (name[:40], _MAX_DEPTH))
    if t in _OBJECTS:
        for k, v in value.items():
            if k.__class__ is not str:
                raise TypeError("%s: keys are str, not %s" % (name, type(k).__name__))
            t = v.__class__
            if t is str or t is int or (t is float and -1e38 < v < 1e38):
                continue
            _check(v, name + "." + k, depth + 1)
    elif t is list or t is tuple:
        depth += 1
        for v in value:
            t = v.__class__
            if t is str or t is int or (t is float and -1e38 < v < 1e38):
                continue
            _check(v, name + "[]", depth)
    else:
        raise TypeError("%s: JSON cannot carry %s" % (name, t.__name__))


def check_tags(tags, name="tags"):
    """Raise unless `tags` is a list or tuple of non-empty str of at most 128 bytes."""
    if tags.__class__ is list or tags.__class__ is tuple:
        for tag in tags:
            if tag.__class__ is not str:
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
    raw = _quick(data, tags, stamp)
    return _encode(data, tags, stamp, name) if raw is None else raw


def _encode(data, tags, stamp, name):
    # As `encode`, in Python.
    if tags is not None:
        check_tags(tags)
    _check(data, name, 0)
    wrapped = False
    if isinstance(data, dict):
        if "_tags" in data and (tags or _bad_tags(data, name)):
            data = data.copy()
            del data["_tags"]
    elif tags:
        wrapped = True
        data = {"_value": data}
    raw = json.dumps(data, separators=_SEPARATORS).encode()
    if tags:
        more = json.dumps(tags, separators=_SEPARATORS).encode()
        raw = raw[:-1] + (b',"_tags":' if len(raw) > 2 else b'"_tags":') + more + b"}"
    if stamp is not None:
        raw = (b"\x03" if wrapped else b"\x01") + stamp + raw  # flags: 1 expires, 2 wrapped
    elif wrapped:
        raw = b"\x02" + raw
    return checked(raw, name)


def checked(raw, name):
    """Return a record, or raise `ValueError` when its text is longer than 8192 bytes or no UTF-8."""
    at = raw.find(b"\xed", record.text_start(raw))
    while at >= 0:
        if raw[at + 1] > 0x9F:  # U+D800 to U+DFFF, which UTF-8 has no bytes for; MicroPython's str takes them
            raise ValueError("%s: half of a surrogate pair" % name)
        at = raw.find(b"\xed", at + 1)
    if len(raw) > MAX_VALUE:
        n = len(raw) - record.text_start(raw)
        if n > MAX_VALUE:
            raise ValueError("%s: %d bytes of JSON, at most %d" % (name, n, MAX_VALUE))
    return raw


def _bad_tags(data, name):
    # A document that came out of the database carries its tags; putting it back keeps them.
    tags = data["_tags"]
    check_tags(tags, name + "._tags")
    return not tags
