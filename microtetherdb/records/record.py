"""Record codec: a document, its tags and its expiry <-> the bytes stored in the tree.

Format (docs/format.md): the JSON text alone, or with a header `flags [line expiry(5)]` before it.
Flags are below 0x08 and no JSON text begins so; the common record has no header to slice off.
What not every program needs for writing is in `encoder`.
"""

from micropython import const

from ..loading import module

try:
    from _mtdb_record import loads, plain  # ports/record
except ImportError:  # stock firmware
    from json import loads

    from .plain import plain  # noqa: F401

_PLAIN = const(8)  # first byte of a text; below it, flags
_EXPIRES = const(1)
_WRAPPED = const(2)
_HEADER = const(7)  # flags, line, seconds(4), fraction(1)


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
        return loads(raw)
    value = loads(raw[text_start(raw) :])
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
