"""MicroTetherDB: the operations that must be quick, each under the database lock.

A request goes: arguments -> record codec -> store -> pages. What is used less often (queries,
ranges, maintenance, backup) is loaded with its first use, so that it costs no RAM before.
"""

from json import loads

from . import keys, record

_NO = object()


class MicroTetherDB:
    """A document database in RAM or on flash.

    MicroTetherDB(filename="microtether.db", in_memory=True, ram_percentage=15, max_retries=3,
    retry_delay=0.1, lock_timeout=5.0, cleanup_interval=3600, ttl_check_interval=60,
    btree_cachesize=32, btree_pagesize=512, adaptive_threshold=True, event_loop=None,
    flush_threshold=None). The board may set other defaults: see `microtetherdb.defaults`.

    Raises `TypeError` and `ValueError` naming the argument, `DBLock` when the file is open
    already, `DBCorrupt` when it is not a database that this release can read.
    """

    def __init__(self, *args, **kw):
        self._store = None
        from . import lifecycle

        lifecycle.start(self, args, kw)

    def close(self):
        """Flush, end the background task, close the file. May be called twice."""
        if self._store is not None:
            from . import lifecycle

            lifecycle.stop(self)

    def __enter__(self):
        self._enter()
        self._lock.release()
        return self

    def __exit__(self, *_):
        self.close()

    async def __aenter__(self):
        self.__enter__()
        from . import task

        task.attach(self)
        return self

    async def __aexit__(self, *_):
        t = self._task
        self.close()
        if t is not None:
            from . import task

            await task.ended(t)

    def _enter(self):
        # Take the lock of an open database.
        if self._store is not None:
            if self._lock.acquire(False):
                return
            from . import lock

            lock.wait(self._lock, self._timeout)
            if self._store is not None:
                return
            self._lock.release()
        from .errors import DBClosed

        raise DBClosed("the database is closed")

    # Writing

    def put(self, *args, ttl=None, tags=None, _id=None, key=None, data=_NO):
        """Store a document: `put(data, ttl=None, tags=None, _id=None)` or `put(key, data, ttl=None, tags=None)`.

        `ttl`: seconds (int or float), None or 0 for ever. `tags`: list of str. Returns the key,
        a generated one if none is given. Raises `TypeError`, `ValueError`, `DBFull`.
        """
        n = len(args)
        if n == 2 and _id is None and key is None and data is _NO and isinstance(args[0], str):
            key, data = args
        elif n == 1 and key is None and data is _NO:
            data = args[0]
            key = _id
        else:
            from .arguments import put

            key, data, ttl, tags = put(args, ttl, tags, _id, key, data, _NO)
        if not (self._store is not None and self._lock.acquire(False)):
            self._enter()
        try:
            raw_key = None if key is None else keys.stored(key)
            if ttl is None and tags is None:
                raw = record.encode(data)
            else:
                raw = self._encode(data, ttl, tags)
            if raw_key is None:
                key = self._new_key()
                raw_key = key.encode()
            if self._linked or raw[0] != 0x20 or b'"_tags":[' in raw:
                self._write(raw_key, raw)
            else:
                self._store.put(raw_key, raw)
            self._puts += 1
            self._count = None
            self._since += 1
            if self._since >= self._threshold:
                self._tick()
        finally:
            self._lock.release()
        return key

    def _encode(self, data, ttl, tags, name="data"):
        if tags is not None:
            record.check_tags(tags)
        stamp = None
        if ttl is not None:
            from .arguments import check_ttl

            if check_ttl(ttl):
                stamp = self._clock.stamp(ttl)
        return record.encode(data, tags, stamp, name)

    def _changes(self, key, old, raw, out):
        # Append to a change list what one record's change means for the whole tree.
        out.append((key, raw))
        if self._indexes or (old is not None and b'"_tags":[' in old) or (raw is not None and b'"_tags":[' in raw):
            from . import index

            index.changes(self, key, old, raw, out)
        was = None if old is None else record.stamp(old)
        new = None if raw is None else record.stamp(raw)
        if was is not None or new is not None:
            self._expiry.changes(key, was, new, out)
        return was, new

    def _write(self, key, raw, old=_NO):
        # Put (or, raw None, delete) a record with its index and expiry entries.
        store = self._store
        if old is _NO:
            old = store.get(key)
        out = []
        was, new = self._changes(key, old, raw, out)
        self._make_room(out, raw)
        store.apply(out)
        if was is not None or new is not None:
            self._expiry.applied(key, was, new)
        self._linked = True

    def _make_room(self, out, raw):
        if raw is not None and self._store.ram and self._store.full():
            from . import lifecycle

            lifecycle.expire(self, 0)

    def put_batch(self, items, ttls=None, tags=None):
        """Store many documents at once, all or none; returns their keys.

        An item is a document, or a tuple (key, document). `ttls`, `tags`: one for all, or a
        list with one for each. Raises as `put` does, naming the item, and stores nothing then.
        """
        from . import batch

        return batch.put(self, items, ttls, tags)

    def delete(self, key=None, purge=False):
        """Delete a record: returns 1, or 0 if there is none. `purge=True` deletes all: returns how many."""
        if purge:
            from . import batch

            return batch.purge(self, key)
        self._enter()
        try:
            raw_key = keys.stored(key)
            if self._linked:
                old = self._store.get(raw_key)
                n = 0
                if old is not None:
                    n = 0 if record.expired(old, self._clock) else 1
                    self._write(raw_key, None, old)
            else:
                n = self._store.delete(raw_key)
            self._deletes += 1
            self._count = None
            self._since += 1
            if self._since >= self._threshold:
                self._tick()
            return n
        finally:
            self._lock.release()

    def delete_batch(self, keys):
        """Delete many records at once, all or none; returns how many there were."""
        from . import batch

        return batch.delete(self, keys)

    # Reading

    def get(self, key, default=None):
        """Return the document stored under `key`, or `default`."""
        raw_key = keys.stored(key)
        if not (self._store is not None and self._lock.acquire(False)):
            self._enter()
        try:
            self._gets += 1
            raw = self._store.get(raw_key)
            if raw is None:
                return default
            if raw[0] == 0x20:
                return loads(raw)
            if record.expired(raw, self._clock):
                return default
            return record.decode(raw)
        finally:
            self._lock.release()

    def __contains__(self, key):
        return self.get(key, _NO) is not _NO

    def __getitem__(self, key):
        value = self.get(key, _NO)
        if value is _NO:
            raise KeyError(key)
        return value

    def __setitem__(self, key, data):
        self.put(key, data)

    def __delitem__(self, key):
        if not self.delete(key):
            raise KeyError(key)

    def __len__(self):
        from . import ranges

        return ranges.count(self)

    def __iter__(self):
        return self.keys()

    def __getattr__(self, name):
        # The rest of the public methods, each a function in a module of its own.
        from .methods import bind

        return bind(self, name)

    def _tick(self):
        # Every few operations, under the lock: flush, expire a little, look at the clock.
        from . import lifecycle

        lifecycle.tick(self)

    def __repr__(self):
        from . import monitor

        return monitor.line(self)
