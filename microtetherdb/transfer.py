"""`backup()`: a consistent copy while the database is in use; `dump()` and `load()`: JSON lines."""

import json
import os
from micropython import const

from . import keys, record
from .errors import DBClosed, DBLock
from .lock import full_path, open_files

_STEP = const(8)  # records between two yields
_COMMIT = const(32)  # records between two commits of the copy


def backup_steps(db, path):
    """Write a copy of the database to the file `path`, replacing an older one when it is complete.

    Changes made meanwhile are in the copy, up to its end; when the database is emptied, the copy is begun anew. Returns the
    number of records. What fails for the copy fails this call, never a change; nothing is left of it then.
    Raises `DBLock` when `path` is open as a database or another backup of this one is running, `ValueError` for its own file
    and for names that databases keep for themselves, OSError.
    """
    from .opening import check_free

    if not isinstance(path, str):
        raise TypeError("path: str, not " + type(path).__name__)
    name = full_path(path)
    if not path or path == "flash:" or name == db._name:
        raise ValueError("path: %r is this database, or not a file" % path)
    check_free(name, "path")
    if name in open_files:
        raise DBLock("path: %s is open already" % name)
    if db._store.mirror is not None:
        raise DBLock("a backup of this database is running already")
    mirror = _Mirror(db, name)
    try:
        n = yield from mirror.run()
    finally:
        mirror.end()
    return n


class _Mirror:
    # Copies the tree in key order; what changes behind the place it has reached is changed in the copy too.

    def __init__(self, db, name):
        self.db = db
        self.name = name
        self.store = db._store
        self.ram = db._store.ram
        self.copy = self.error = None

    def end(self):
        # Let go of the files, and of the part that is there if it is not the whole copy. May be called again.
        store = self.store
        if store.mirror is self:
            store.mirror = None
        if not self.name:
            return
        try:
            if self.copy is not None:
                self.copy.discard()
                self.copy = None
            self._clear()
        finally:
            open_files.pop(self.name, None)
            self.name = None

    def _clear(self):
        for end in (".part", ".part.new"):
            try:
                os.remove(self.name + end)
            except OSError as e:
                if e.args[0] != 2:  # ENOENT
                    raise

    def changed(self, changes):
        # The copy's troubles are not the application's, whose change is done.
        self.seen += 1
        try:
            for key, value in changes:
                if type(key) is str:
                    key = key.encode()
                if key <= self.at:
                    self._put(key, value.encode() if type(value) is str else value)
        except BaseException as e:
            self.error = e
            self.store.mirror = None
            if not isinstance(e, Exception):
                raise

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
        from .opening import open_persistent

        store = self.store
        store.mirror = self
        open_files[self.name] = True
        self._clear()  # what a power cut left
        part = self.name + ".part"
        self.copy, self.clock = open_persistent(
            {"filename": part, "btree_pagesize": store.pagesize, "btree_cachesize": 0, "max_retries": 3, "retry_delay": 0.1}
        )
        records = None
        while records is None:
            records = yield from self._all()
        from .state import kept

        self.copy.log.state = kept(self.db, self.clock if self.ram else self.db._clock, b"", True)
        self.copy.commit(True)
        self.copy.close()
        os.rename(part, self.name)
        return records

    def _all(self):
        # Returns None when something changed unseen: a purge, or what Ctrl-C got between a change and its copy.
        store = self.store
        self.at = b""
        self.seen = store.changed
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
                if store.mirror is not self:
                    raise self.error or DBClosed("the database is closed")
                if self.seen != store.changed:
                    self.copy.clear(())
                    return None
        return records


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
