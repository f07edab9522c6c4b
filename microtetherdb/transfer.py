"""`backup()`: a consistent copy while the database is in use; `dump()` and `load()`: JSON lines."""

import json
import os
from micropython import const

from . import keys, record

_STEP = const(8)  # records between two yields
_COMMIT = const(32)  # records between two commits of the copy


def backup_steps(db, path):
    """Write a copy of the database to the file `path`, replacing an older one when it is complete.

    Changes made meanwhile are in the copy, up to its end. Returns the number of records.
    Raises `DBLock` when `path` is open as a database, `ValueError` for its own file, OSError.
    """
    from .lock import full_path, open_files
    from .opening import open_persistent

    if not isinstance(path, str):
        raise TypeError("path: str, not " + type(path).__name__)
    name = full_path(path)
    if not path or path == "flash:" or name == db._name:
        raise ValueError("path: %r is this database, or not a file" % path)
    if name in open_files:
        from .errors import DBLock

        raise DBLock("path: %s is open already" % name)
    part = name + ".part"
    for old in (part, part + ".new"):
        _remove(old)
    store = db._store
    copy, clock = open_persistent(
        {"filename": part, "btree_pagesize": store.pagesize, "btree_cachesize": 0, "max_retries": 3, "retry_delay": 0.1}
    )
    open_files[name] = True
    mirror = _Mirror(db, copy, clock)
    try:
        n = yield from mirror.run()
    finally:
        store.mirror = None
        open_files.pop(name)
        copy.close()
    os.rename(part, name)
    return n


class _Mirror:
    # Copies the tree in key order; what changes behind the place it has reached is changed in the copy too.

    def __init__(self, db, copy, clock):
        self.db = db
        self.copy = copy
        self.clock = clock
        self.ram = db._store.ram
        self.at = b""

    def changed(self, key, value):
        if type(key) is str:
            key = key.encode()
        if key <= self.at:
            self._put(key, value.encode() if type(value) is str else value)

    def _put(self, key, raw):
        # A RAM database's time line ends with it: its TTLs are stamped anew, with entries.
        copy = self.copy
        out = [(key, raw)]
        if self.ram and key[0] != 0:
            old = copy.get(key)
            stamp = None if old is None else record.stamp(old)
            if stamp is not None:
                out.append((keys.EXPIRY + stamp + key, None))
            stamp = None if raw is None else record.stamp(raw)
            if stamp is not None:
                stamp = self.clock.stamp(self.db._clock.left(stamp))
                out[0] = (key, raw[:1] + stamp + raw[7:])
                out.append((keys.EXPIRY + stamp + key, b""))
        copy.apply(out)

    def run(self):
        store = self.db._store
        store.mirror = self.changed
        n = records = 0
        for key, raw in store.scan():
            self.at = key
            if key != keys.META:
                self._put(key, raw)
            if key[0] != 0:
                records += 1
            n += 1
            if n % _COMMIT == 0:
                self.copy.commit()
            if n % _STEP == 0:
                yield
        from .state import kept

        clock = self.clock if self.ram else self.db._clock
        self.copy.log.state = kept(self.db, clock, b"", True)
        self.copy.commit(True)
        return records


def _remove(path):
    try:
        os.remove(path)
    except OSError as e:
        if e.args[0] != 2:  # ENOENT
            raise


def _lines(db):
    # One line for each record: {"_id": key, "data": document, "tags": [...], "ttl": seconds}.
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
        yield '{"_id":%s,"data":%s}\n' % (key, text)


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
    from .order import whole

    n = 0
    while True:
        line = stream.readline()
        if not line:
            return n
        if not line.strip():
            continue
        try:
            item = json.loads(whole(line))
            db.put(key=item["_id"], data=item["data"], ttl=item.get("ttl"), tags=item.get("tags"))
        except (ValueError, TypeError, KeyError) as e:
            raise ValueError("stream: record %d: %s" % (n + 1, e))
        n += 1
        yield


def load(db, stream):
    """Put the records of `dump()` from a text stream; returns how many.

    Raises `ValueError` naming the record that is malformed; those before it are stored.
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
