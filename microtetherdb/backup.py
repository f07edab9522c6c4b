"""`backup()`: a consistent copy while the database is in use."""

import os

from micropython import const

from .errors import DBLock
from .loading import module
from .records import keys, record
from .records.key_range import is_record
from .storage import mirrors, places

_STEP = const(8)  # records between two yields
_COMMIT = const(32)  # records between two commits of the copy


def backup_steps(db, path):
    """Write a copy of the database to the file `path`, replacing an older one when it is complete.

    Changes made meanwhile are in the copy, up to its end; when the database is emptied, the copy is begun anew. Returns the
    number of records. What fails for the copy fails this call, never a change; nothing is left of it then.
    Raises `DBLock` when `path` is open as a database or another backup of this one is going on, `ValueError`, `DBFull`,
    OSError.
    """
    if not isinstance(path, str):
        raise TypeError("path: str, not " + type(path).__name__)
    if not path or path == "flash:":
        raise ValueError("path: %r is not a file" % path)
    if mirrors.of(db._store, "backup") is not None:
        raise DBLock("a backup of this database is going on")
    name = places.canonical(path)
    if name == db._name:
        raise ValueError("path: %r is this database" % path)
    mirror = _Mirror(db, name)
    try:
        n = yield from mirror.run()
    finally:
        mirror.end()
    return n


class _Mirror:
    # Copies the tree in key order; what changes behind the place it has reached is changed in the copy too.
    # What goes wrong with the copy ends the backup, never the change that the application makes.

    what = "backup"

    def __init__(self, db, name):
        self.db = db
        self.name = name
        self.place = [False]
        self.store = db._store
        self.ram = db._store.ram
        self.begun = False  # the files are ours
        self.copy = self.error = None

    def end(self):
        # Let go of the files, and of the part that is there if it is not the whole copy. May be called again.
        try:
            if self.begun:
                self.begun = False
                if self.copy is not None:
                    self.copy.discard()
                self._clear()
        finally:
            self.what = None  # one step, which nothing can break off: it is no backup any more
            places.release(self.place)
            mirrors.remove(self.store, self)

    def _clear(self):
        _remove(self.name + ".part")
        _remove(self.name + ".part.new")

    def missed(self):
        pass  # `seen` tells

    def changed(self, changes):
        # Each change list is one more in `store.changed`.
        if self.what is None or self.error is not None:
            return
        try:
            for key, value in changes:
                if key <= self.at:
                    self._put(key, value.encode() if type(value) is str else value)
            self.seen += 1
        except Exception as e:
            self.error = e

    def _put(self, key, raw):
        # A RAM database's time line ends with it: its TTLs are stamped anew, with entries.
        copy = self.copy
        out = [(key, raw)]
        if self.ram and is_record(key):
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
        kept = module("flushing").kept
        store = self.store
        mirrors.add(store, self)
        places.claim(self.name, self.place)
        self.begun = True
        self._clear()  # what a power cut left
        part = self.name + ".part"
        self.copy, self.clock = module("opening").open_persistent(
            {"filename": part, "btree_pagesize": store.pagesize, "btree_cachesize": 0, "max_retries": 3, "retry_delay": 0.1}
        )
        n = None
        while n is None:
            n = yield from self._all()
        self.copy.log.state = kept(self.db, self.clock if self.ram else self.db._clock, b"", True)
        self.copy.close(True)
        _remove(self.name + ".new")  # of an older copy
        os.rename(part, self.name)
        return n

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
            if is_record(key):
                records += 1
            n += 1
            if n % _COMMIT == 0:
                self.copy.commit()
            if n % _STEP == 0:
                yield
                if self.error is not None:
                    raise self.error
                if self.seen != store.changed:
                    self.copy.clear(())
                    return None
        return records


def _remove(path):
    try:
        os.remove(path)
    except OSError as e:
        if e.args[0] != 2:  # ENOENT
            raise
