"""`dump()`: records as text, JSON lines or comma-separated values, into a stream or piece by piece."""

import json
import time

from micropython import const

from .loading import module
from .locking import hold
from .records import keys, record

_STEP = const(8)  # records between two yields
_BUDGET_MS = const(5)  # of work between two turns of the loop


class _Lines:
    """Iterator over the lines of all records that match, and None now and then; to be advanced with the database lock held."""

    def __init__(self, db, q, fields, format):
        self._clock = db._clock
        self._fields = None
        self.header = ""
        if format == "csv":
            if isinstance(fields, str):
                fields = [fields]
            if not isinstance(fields, (list, tuple)) or not fields:
                raise ValueError("fields: the columns of csv, a list of paths")
            path = module("query.path").fields
            self._fields = [path(name, "fields") for name in fields]
            self.header = _row(fields)
        elif format != "jsonl":
            raise ValueError('format: "jsonl" or "csv", not %r' % (format,))
        self._project = None
        if q is None and (fields is None or self._fields is not None):
            self._matches = ((key, None, raw) for key, raw in db._store.scan(keys.USER))
        else:
            query = module("query.run").Query(q, fields=fields if self._fields is None else None)
            query.filter.blind = True
            if fields is not None and self._fields is None:
                self._project = query.project
            self._matches = query.run(db, True)

    def __iter__(self):
        return self

    def __next__(self):
        m = next(self._matches)
        if m is None or m[2][0] < 8 and record.expired(m[2], self._clock):
            return None
        return self._json(m[0], m[2]) if self._fields is None else self._csv(m[0], m[2])

    def close(self):
        self._matches.close()

    def _json(self, key, raw):
        # {"_id": key, "data": document, "tags": [...], "ttl": seconds}
        if self._project is not None:
            text = json.dumps(self._project(record.decode(raw), key), separators=(",", ":"))
        elif raw[0] < 8 and raw[0] & 2:
            text = json.loads(raw[record.text_start(raw) :])
            text = '%s,"tags":%s' % (json.dumps(text["_value"]), json.dumps(text["_tags"]))
        else:
            text = raw[record.text_start(raw) :].decode()
        stamp = record.stamp(raw)
        if stamp is not None:
            text = '%s,"ttl":%.3f' % (text, self._clock.left(stamp))
        return '{"_id":%s,"data":%s}\n' % (json.dumps(keys.shown(key)), text)

    def _csv(self, key, raw):
        doc = record.decode(raw)
        out = []
        for parts in self._fields:
            v = keys.shown(key) if parts == ["_id"] else doc
            for step in parts if v is doc else ():
                v = v.get(step) if isinstance(v, dict) else v[int(step)] if _within(v, step) else None
            out.append(v)
        return _row(out)


def _within(v, step):
    return isinstance(v, list) and step.isdigit() and int(step) < len(v)


def _row(values):
    # A line as RFC 4180 has it. Nothing for null; what is no text as in JSON.
    out = []
    for v in values:
        if v is None:
            v = ""
        elif not isinstance(v, str):
            v = json.dumps(v)
            if v[0] in "{[":
                v = '"%s"' % v.replace('"', '""')
        elif not v or '"' in v or "," in v or "\n" in v or "\r" in v:
            v = '"%s"' % v.replace('"', '""')
        out.append(v)
    return ",".join(out) + "\r\n"


def dump_steps(db, stream, q=None, fields=None, format="jsonl"):
    """Write all records, or those that match `q`, to a text stream; returns how many.

    `format`: "jsonl", lines `{"_id":..., "data":..., "ttl":...}`, which `load` takes, of documents with these `fields` (as `query`) or whole
    ones; or "csv", lines of the values at the paths `fields`, with a line of these first: null and missing are empty, arrays and documents
    JSON.
    """
    if not hasattr(stream, "write"):
        raise TypeError("stream: an open text stream, not " + type(stream).__name__)
    lines = _Lines(db, q, fields, format)
    if lines.header:
        stream.write(lines.header)
    n = passed = 0
    for line in lines:
        if line is not None:
            stream.write(line)
            n += 1
        passed += 1
        if passed % _STEP == 0:
            yield
    return n


class Chunks:
    """What `dump_chunks` returns: gives text of about `size` characters, for `for` and, letting the event loop run, `async for`.

    Raises `DBClosed` when the database was closed.
    """

    def __init__(self, db, lines, size):
        self._db = db
        self._lines = lines
        self._size = size
        self._parts = [lines.header]
        self._n = len(lines.header)
        self._since = None

    def _more(self):
        # Take one line in; False when the chunk is full.
        with hold(self._db):
            line = next(self._lines, self)
        if line is self:
            self._size = 0
        elif line is not None:
            self._parts.append(line)
            self._n += len(line)
        return self._n < self._size

    def _chunk(self):
        text = "".join(self._parts)
        self._parts = []
        self._n = 0
        return text

    def __iter__(self):
        return self

    def __next__(self):
        while self._size and self._more():
            pass
        if not self._n:
            raise StopIteration
        return self._chunk()

    def __aiter__(self):
        return self

    async def __anext__(self):
        import asyncio

        if self._since is None:
            self._since = time.ticks_ms()
        while self._size and self._more():
            if time.ticks_diff(time.ticks_ms(), self._since) >= _BUDGET_MS:
                await asyncio.sleep_ms(0)
                self._since = time.ticks_ms()
        if not self._n:
            raise StopAsyncIteration
        return self._chunk()

    def close(self):
        """End early and free what it holds."""
        self._size = 0
        with self._db._lock:
            self._lines.close()

    async def aclose(self):
        """As `close`: web servers call it."""
        self.close()


def dump_chunks(db, q=None, fields=None, format="jsonl", size=1024):
    """Return what `dump` writes for `q`, `fields` and `format` as `Chunks` of some `size` characters: a web server's answer, for example."""
    if type(size) is not int:
        raise TypeError("size: int, not " + type(size).__name__)
    if size < 1:
        raise ValueError("size: %d, at least 1" % size)
    with hold(db):
        return Chunks(db, _Lines(db, q, fields, format), size)
