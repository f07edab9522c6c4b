"""Strict parser of JSON text that comes from outside: filters, changes, the lines of `load()`.

MicroPython's own takes `{"n":}`, `01`, a text that was cut off and much more for something else, and recurses for each
bracket. Here it is RFC 8259; besides, a name comes once in an object, `\\u` makes no half of a surrogate pair, and levels and
digits are limited. Fields keep their order.
"""

from collections import OrderedDict

from micropython import const

from ..errors import QueryError

_DEPTH = const(64)
_DIGITS = const(8192)
_WORDS = {b"true": True, b"false": False, b"null": None}


def given(argument, text):
    """Return the value of an argument's text; raises `QueryError` naming the argument."""
    try:
        return parse(text)
    except ValueError as e:
        raise QueryError("%s: not whole JSON: %s" % (argument, e))


def parse(text):
    """Return the value of a text (str, or bytes of UTF-8); objects are OrderedDicts. Raises `ValueError` that says where it is wrong."""
    raw = (text.encode() if isinstance(text, str) else text) + b"\0"
    above = []  # (container, name) around the innermost container and the name in it that waits for a value
    here = name = None
    at = _skip(raw, 0)
    while True:
        c = raw[at]
        opened = c == 123 or c == 91  # { [
        if opened:
            if len(above) == _DEPTH:
                raise ValueError("too deep for the stack: more than %d levels" % _DEPTH)
            above.append((here, name))
            here = OrderedDict() if c == 123 else []
            name = None
            at += 1
        elif c == 34:
            value, at = _string(raw, at)
        else:
            value, at = _scalar(raw, at)
        while True:  # A value goes into what is around it, which may end here too.
            at = _skip(raw, at)
            if not opened:
                if here is None:
                    if at < len(raw) - 1:
                        _bad(at)
                    return value
                if name is None:
                    here.append(value)
                else:
                    here[name] = value
            c = raw[at]
            fields = isinstance(here, dict)
            if c == (125 if fields else 93):
                value = here
                here, name = above.pop()
                at += 1
                opened = False
                continue
            if not opened:
                if c != 44:
                    _bad(at)
                at = _skip(raw, at + 1)
            if fields:
                name, at = _name(raw, at, here)
            break


def _bad(at):
    raise ValueError("malformed at byte %d" % at)


def _skip(raw, at):
    while raw[at] in b" \t\n\r":
        at += 1
    return at


def _name(raw, at, here):
    if raw[at] != 34:
        _bad(at)
    name, end = _string(raw, at)
    end = _skip(raw, end)
    if raw[end] != 58 or name in here:
        _bad(at)
    return name, _skip(raw, end + 1)


def _scalar(raw, at):
    end = at
    while raw[end] > 32 and raw[end] not in b",]}":
        end += 1
    token = raw[at:end]
    if token in _WORDS:
        return _WORDS[token], end
    digits, e, exponent = token.lower().partition(b"e")
    digits, point, fraction = digits.partition(b".")
    if digits[:1] == b"-":
        digits = digits[1:]
    if exponent[:1] in (b"-", b"+"):
        exponent = exponent[1:]
    # All three are digits if they are there; the first of several is not 0.
    whole = digits and (digits + (fraction or point) + (exponent or e)).isdigit()
    if not whole or digits[0] == 48 and len(digits) > 1 or end - at > _DIGITS:
        _bad(at)
    return (float(token) if point or e else int(token)), end


def _string(raw, at):
    # The string that begins at a quote, and where it ends.
    end = at + 1
    while True:
        end = raw.find(b'"', end) + 1
        if not end:
            _bad(at)
        n = end - 2
        while raw[n] == 92:
            n -= 1
        if not (end - n) & 1:  # An even number of backslashes is before the quote.
            break
    text = raw[at + 1 : end - 1]
    if text and min(text) < 32:
        _bad(at)
    if b"\\" in text:
        text = _unescape(text, at)
    return text.decode(), end


def _unescape(text, at):
    out = bytearray()
    begin = high = 0  # `high`: the first half of a surrogate pair
    while True:
        end = text.find(b"\\", begin)
        if high and end != begin:
            break
        if end < 0:
            return out + text[begin:]
        out += text[begin:end]
        i = b'"\\/bfnrtu'.find(text[end + 1 : end + 2])
        begin = end + 2
        if i == 8:
            digits = text[begin : begin + 4]
            begin += 4
            if len(digits) < 4 or digits.strip(b"0123456789abcdefABCDEF"):
                break
            code = int(digits, 16)
            if (code >> 10 == 55) != (high > 0):
                break
            if code >> 10 == 54:
                high = code
                continue
            if high:
                code += (high << 10) - 0x35FDC00
                high = 0
            out += chr(code).encode()
        elif high or i < 0:
            break
        else:
            out += b'"\\/\b\f\n\r\t'[i : i + 1]
    _bad(at)
