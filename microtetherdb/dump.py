"""`dump()`: records as text, JSON lines or comma-separated values, into a stream or piece by piece."""

import json

from micropython import const

from .loading import module
from .locking import hold
from .records import keys, record

_STEP = const(8)  # records between two yields


def _lines(db, q, fields, format):
    # Check the arguments; return an iterator over the matches, and one over the lines that go through it, None now and then, to be
    # advanced with the database lock held.
    columns = project = None
    if format == "csv":
        columns = [fields] if isinstance(fields, str) else fields
        if not isinstance(columns, (list, tuple)) or not columns:
            raise ValueError("fields: a list of paths, the columns")
        columns = [module("query.path").fields(name, "fields") for name in columns]
        fields = None
    elif format != "jsonl":
        raise ValueError('format: "jsonl" or "csv", not %r' % (format,))
    if q is None and fields is None:
        matches = _all(db)
        if columns is None and db._store.first(b"\0d") is not None:
            return matches, _with_collections(db, matches)
    else:
        query = module("query.run").blind(q, fields)
        project = query.project
        matches = query.run(db, True)
    return matches, _text(db._clock, matches, columns, project)


def _text(clock, matches, columns, project, more=""):
    if columns is not None:
        yield _row([".".join(path) for path in columns])
    for m in matches:
        if m is None or m[2][0] < 8 and record.expired(m[2], clock):
            yield None
        elif columns is None:
            yield _json(m[0], m[2], project, clock, more)
        else:
            doc = record.decode(m[2])
            yield _row([keys.shown(m[0]) if path == ["_id"] else _value(doc, path) for path in columns])


def _all(db):
    return ((key, None, raw) for key, raw in db._store.scan(keys.USER))


def _with_collections(db, matches):
    yield from _text(db._clock, matches, None, None)
    for part in module("parts").every(db):
        yield from _text(db._clock, _all(part), None, None, ',"collection":' + json.dumps(part.name))


def _json(key, raw, project, clock, more):
    # {"_id": key, "data": document, "tags": [...], "ttl": seconds}; `more`: of a collection, its name
    if project is not None:
        text = json.dumps(project(record.decode(raw), key), separators=(",", ":"))
    elif raw[0] < 8 and raw[0] & 2:
        text = json.loads(raw[record.text_start(raw) :])
        text = '%s,"tags":%s' % (json.dumps(text["_value"]), json.dumps(text["_tags"]))
    else:
        text = raw[record.text_start(raw) :].decode()
    stamp = record.stamp(raw)
    if stamp is not None:
        text = '%s,"ttl":%.3f' % (text, clock.left(stamp))
    return '{"_id":%s%s,"data":%s}\n' % (json.dumps(keys.shown(key)), more, text)


def _value(v, path):
    for step in path:
        if isinstance(v, dict):
            v = v.get(step)
        else:
            v = v[int(step)] if isinstance(v, list) and step.isdigit() and int(step) < len(v) else None
    return v


def _row(values):
    # A line as RFC 4180 has it. Nothing for null; what is no text as in JSON.
    out = []
    for v in values:
        text = "" if v is None else v if isinstance(v, str) else json.dumps(v)
        if v == "" or '"' in text or "," in text or "\n" in text or "\r" in text:
            text = '"%s"' % text.replace('"', '""')
        out.append(text)
    return ",".join(out) + "\r\n"


def dump_steps(db, stream, q=None, fields=None, format="jsonl"):
    """Write all records, or those that match `q`, to a text stream; returns how many.

    `format`: "jsonl", lines `{"_id":..., "data":..., "ttl":...}`, which `load` takes, of documents with these `fields` (as `query`) or whole
    ones; or "csv", lines of the values at the paths `fields`, with a line of these first: null and missing are empty, arrays and documents
    JSON.
    """
    if not hasattr(stream, "write"):
        raise TypeError("stream: an open text stream, not " + type(stream).__name__)
    n = -1 if format == "csv" else 0
    passed = 0
    for line in _lines(db, q, fields, format)[1]:
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

    def __init__(self, db, matches, lines, size):
        self._db = db
        self._matches = matches
        self._lines = lines
        self._size = size

    def _piece(self):
        # In steps: the next chunk, nothing at the end.
        text = ""
        while len(text) < self._size:
            line = next(self._lines, self)
            if line is self:
                self._size = 0
            elif line is not None:
                text += line
            yield
        return text

    def __iter__(self):
        return self

    def __next__(self):
        text = module("steps").finish(self._db, self._piece())
        if text:
            return text
        raise StopIteration

    def __aiter__(self):
        return self

    async def __anext__(self):
        text = await module("steps").share(self._db, self._piece())
        if text:
            return text
        raise StopAsyncIteration

    def close(self):
        """End early and free what it holds."""
        self._size = 0
        with self._db._lock:
            self._matches.close()

    async def aclose(self):
        """As `close`: web servers call it."""
        self.close()


def dump_chunks(db, q=None, fields=None, format="jsonl", size=1024):
    """Return what `dump` writes for `q`, `fields` and `format` as `Chunks` of some `size` characters: a web server's answer, for example."""
    if type(size) is not int or size < 1:
        raise (ValueError if type(size) is int else TypeError)("size: int, at least 1, not %r" % (size,))
    with hold(db):
        return Chunks(db, *_lines(db, q, fields, format), size)
