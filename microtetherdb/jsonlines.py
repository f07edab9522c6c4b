"""`dump()` and `load()`: records as JSON lines."""

import json

from micropython import const

from .loading import module
from .records import keys, record

_STEP = const(8)  # records between two yields
_LINE = const(32768)  # characters of a record's text: 8192 bytes of JSON, its key and tags, white space and \u escapes


def _lines(db, more=""):
    # One line for each record: {"_id": key, "data": document, "tags": [...], "ttl": seconds}; `more`: of a collection, its name.
    clock = db._clock
    for key, raw in db._store.scan(keys.USER):
        stamp = record.stamp(raw)
        if stamp is not None and record.expired(raw, clock):
            continue
        key = json.dumps(keys.shown(key))
        if raw[0] < 8 and raw[0] & 2:
            value = json.loads(raw[record.text_start(raw) :])
            text = '%s,"tags":%s' % (json.dumps(value["_value"]), json.dumps(value["_tags"]))
        else:
            text = raw[record.text_start(raw) :].decode()
        if stamp is not None:
            text = '%s,"ttl":%.3f' % (text, clock.left(stamp))
        yield '{"_id":%s%s,"data":%s}\n' % (key, more, text)
    if not more and db._store.first(b"\0d") is not None:
        for part in module("parts").every(db):
            yield from _lines(part, ',"collection":' + json.dumps(part.name))


def dump_steps(db, stream):
    """Write all records to a text stream as JSON lines, `{"_id":..., "data":..., "ttl":...}`; returns how many."""
    if not hasattr(stream, "write"):
        raise TypeError("stream: an open text stream, not " + type(stream).__name__)
    n = 0
    for line in _lines(db):
        stream.write(line)
        n += 1
        if n % _STEP == 0:
            yield
    return n


def _load(db, stream):
    if not hasattr(stream, "readline"):
        raise TypeError("stream: an open text stream, not " + type(stream).__name__)
    parse = module("records.strict_json").parse
    n = 0
    while True:
        try:
            line = stream.readline()
            if not line:
                return n
            if not line.strip():
                continue
            if len(line) > _LINE:
                raise ValueError("longer than %d characters" % _LINE)
            item = parse(line)
            keys.stored(item["_id"])  # put() would make a key for None
            data = item["data"]
        except (ValueError, TypeError, KeyError, MemoryError) as e:
            _refuse(n, e)
        try:
            if "collection" in item:
                db.collection(item["collection"])._load(item["_id"], data, item.get("ttl"), item.get("tags"))
            else:
                db.put(key=item["_id"], data=data, ttl=item.get("ttl"), tags=item.get("tags"))
        except (ValueError, TypeError) as e:
            _refuse(n, e)
        n += 1
        yield


def _refuse(n, error):
    # MicroPython's UnicodeError has no text.
    raise ValueError("stream: record %d: %s" % (n + 1, str(error) or "not UTF-8"))


def load(db, stream):
    """Put the records of `dump()` from a text stream; returns how many.

    Raises `ValueError` naming the record that is malformed, not UTF-8 or longer than 32768 characters; those before it are stored.
    """
    try:
        g = _load(db, stream)
        while True:
            next(g)
    except StopIteration as e:
        return e.value


async def load_async(db, stream):
    """As `load`, sharing the event loop."""
    import asyncio

    try:
        g = _load(db, stream)
        while True:
            next(g)
            await asyncio.sleep_ms(0)
    except StopIteration as e:
        return e.value
