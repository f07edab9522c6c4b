"""JSON of our own whose fields keep their order, which MicroPython's plain dicts do not; text from outside: `records.strict_json`."""

import json
import sys

# Plain dicts keep the author's order on CPython only.
ORDERED = sys.implementation.name == "cpython"


def loads(text):
    """Parse stored JSON (str or bytes) keeping the order of fields: dicts on CPython, else OrderedDict.

    MicroPython's parser makes plain dicts, which have no order. It is given `[{},"name",value` for
    each `{"name":value`: lists that begin with a dict are documents, all others arrays.
    """
    if ORDERED:
        return json.loads(text)
    if not isinstance(text, str):
        text = bytes(text).decode()
    if "{" not in text:
        return json.loads(text)
    parts = text.split('"')
    inside = False
    for i in range(len(parts)):
        part = parts[i]
        if not inside:
            parts[i] = part.replace("{", "[{},").replace("}", "]")
            inside = True
        else:
            # A quote after an odd number of backslashes does not end the string.
            n = len(part)
            while n and part[n - 1] == "\\":
                n -= 1
            inside = (len(part) - n) & 1
    return _documents(json.loads('"'.join(parts)))


def _documents(value):
    if type(value) is not list:
        return value
    if value and type(value[0]) is dict:
        from collections import OrderedDict

        d = OrderedDict()
        for i in range(1, len(value) - 1, 2):
            d[value[i]] = _documents(value[i + 1])
        return d
    for i in range(len(value)):
        if type(value[i]) is list:
            value[i] = _documents(value[i])
    return value


def orderless(value):
    """Tell whether a value holds a plain dict of several fields, whose order is not the author's."""
    if isinstance(value, dict):
        if not ORDERED and len(value) > 1 and type(value) is dict:
            return True
        for v in value.values():
            if orderless(v):
                return True
    elif isinstance(value, (list, tuple)):
        for v in value:
            if orderless(v):
                return True
    return False
