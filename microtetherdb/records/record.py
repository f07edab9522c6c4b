"""Record codec: a document, its tags and its expiry <-> the bytes stored in the tree.

Format (docs/format.md): the JSON text alone, or with a header `flags [line expiry(5)]` before it.
Flags are below 0x08 and no JSON text begins so; the common record has no header to slice off.
What not every program needs for writing is in `encoder`.
"""

import json
from json import dumps

from micropython import const

from ..loading import module

len = len  # see database.py: a look-up by hash instead of a search

_PLAIN = const(8)  # first byte of a text; below it, flags
_EXPIRES = const(1)
_WRAPPED = const(2)
_HEADER = const(7)  # flags, line, seconds(4), fraction(1)

# Types of a plain document's keys, and of its values (1: unless NaN or infinite): a look-up by hash is the cheapest way
# to tell types apart. The last two are there for the size of the table.
KINDS = {str: {str: 0, int: 0, bool: 0, None.__class__: 0, float: 1, type: 1, object: 1}}


def check_plain(data, kinds=KINDS):
    """Raise an exception of any kind unless a document is a dict of scalars without tags, as most are.

    A document's own "tags" are in the index of tags too.
    """
    if data.__class__ is not dict or "_tags" in data or "tags" in data:
        raise ValueError
    for k in data:
        if kinds[k.__class__][data[k].__class__] and not -1e38 < data[k] < 1e38:
            raise ValueError  # NaN, infinite, or may be so when read again: see encoder


def plain(data):
    """Return the record of a plain document, or None: `encoder.encode` knows what can be stored, and names what cannot."""
    try:
        check_plain(data)
    except Exception:
        return None
    data = dumps(data, separators=(",", ":")).encode()
    return None if len(data) > 8192 or b"\xed" in data else data


def text_start(raw):
    """Return where the JSON text of a record starts."""
    flags = raw[0]
    if flags >= _PLAIN:
        return 0
    if flags & ~3:
        raise module("errors").DBCorrupt("record of a newer format (flags 0x%02x)" % flags)
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
