"""One order for all JSON values, as bytes: comparison of what is nested, sort keys, index entries.

MongoDB's order of types: null and missing, numbers, strings, documents, arrays, booleans. Within a
type: numbers by exact value (int and float mixed, any size), strings by code point, documents
field by field (type, name, value), arrays element by element. `encode(a) < encode(b)` as bytes is
a < b in that order, and equal bytes are equal values: 1 and 1.0 are, 1 and true are not, and
documents are equal only with their fields in the same order.
"""

from micropython import const

_EMPTY = const(0x08)  # the empty array as an index entry: below null, as MongoDB has it
_NULL = const(0x10)
_NEGATIVE = const(0x20)  # 0x20 negative, 0x21 zero, 0x22 positive
_STRING = const(0x30)
_OBJECT = const(0x40)
_ARRAY = const(0x48)
_FALSE = const(0x50)  # 0x51 true

_BIAS = const(0x4000)  # of the binary exponent, two bytes: 8192 digits of JSON are 27,300 bits
_MAX = const(56)  # bytes of an encoded value in an index entry

_INFINITY = float("inf")

isinstance = isinstance  # see database.py
type = type
int = int
float = float
str = str
bool = bool


class Missing:
    """What a path leads to when there is nothing; sorts as null."""

    def __repr__(self):
        return "MISSING"


MISSING = Missing()


def kind(value):
    """Return the type's place in the order: 1 null or missing, 2 number, 3 str, 4 dict, 5 list, 8 bool."""
    t = type(value)
    if t is int or t is float:
        return 2
    if t is str:
        return 3
    if value is None or value is MISSING:
        return 1
    if t is bool:
        return 8
    if isinstance(value, dict):
        return 4
    if isinstance(value, (list, tuple)):
        return 5
    if isinstance(value, (int, float)):
        return 2
    if isinstance(value, str):
        return 3
    return 0


def _number(value, out, limit):
    # Sign, binary exponent, then the mantissa below its first bit in groups of seven bits, each
    # byte telling in its last bit whether one follows. Negative numbers are the complement.
    # Returns True when bits were left out.
    if not value:
        out.append(_NEGATIVE + 1)
        return False
    negative = value < 0
    if negative:
        value = -value
    if isinstance(value, float):
        if value == _INFINITY:  # no document holds it; operands do
            exponent = 0x7FFF
            value = bits = 1
        else:
            import math

            m, exponent = math.frexp(value)
            value = int(m * 9007199254740992.0)  # exact: 2**53
            bits = 53
    else:
        bits = exponent = len(bin(value)) - 2
    at = len(out) + 1
    out.append(_NEGATIVE if negative else _NEGATIVE + 2)
    exponent += _BIAS
    out.append(exponent >> 8)
    out.append(exponent & 255)
    bits -= 1
    value -= 1 << bits
    cut = False
    while True:
        bits -= 7
        if bits >= 0:
            group = value >> bits
            value -= group << bits
        else:
            group = value << -bits
            value = 0
        if value and limit and len(out) - at >= 12:
            cut = True
            value = 0
        out.append(group << 1 | (1 if value else 0))
        if not value:
            break
    if negative:
        for i in range(at, len(out)):
            out[i] ^= 255
    return cut


def _escaped(text):
    raw = text.encode()
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"\0\xff")
    return raw


def _string(text):
    return _escaped(text) + b"\0\0"


def _put(value, out, any_order):
    k = kind(value)
    if k == 2:
        _number(value, out, False)
    elif k == 3:
        out.append(_STRING)
        out.extend(_string(value))
    elif k == 1:
        out.append(_NULL)
    elif k == 8:
        out.append(_FALSE + (1 if value else 0))
    elif k == 4:
        out.append(_OBJECT)
        for name in sorted(value) if any_order else value:
            v = value[name]
            out.append(kind(v))
            out.extend(_string(name))
            _put(v, out, any_order)
        out.append(0)
    elif k == 5:
        out.append(_ARRAY)
        for v in value:
            _put(v, out, any_order)
        out.append(0)
    else:
        raise TypeError("JSON has no %s" % type(value).__name__)


def encode(value, any_order=False):
    """Return the whole value's bytes. `any_order`: fields of documents by name instead of in their order."""
    out = bytearray()
    _put(value, out, any_order)
    return bytes(out)


def text_entry(raw):
    """Return what `entry` does for a str, given its bytes; they have no zero byte that is not escaped."""
    raw = b"\x30" + raw + b"\0\0"
    return (raw, True) if len(raw) <= _MAX else (raw[:_MAX], False)


def entry(value):
    """Return (bytes, whole) for an index entry: at most 56 bytes, `whole` False when shortened.

    Shortening keeps the order but makes values equal that are not. No entry is the beginning of
    another one, unless one of them is shortened.
    """
    k = kind(value)
    if k == 3:
        return text_entry(_escaped(value))
    if k == 2:
        out = bytearray()
        cut = _number(value, out, True)
        return bytes(out), not cut
    if k == 1:
        return b"\x10", True
    if k == 8:
        return b"\x51" if value else b"\x50", True
    if k == 5:
        if not value:
            return b"\x08", True
        return b"\x48", False
    return b"\x40", False
