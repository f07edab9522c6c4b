"""MicroTetherDB: the operations that must be quick, each under the database lock.

A request goes: arguments -> record codec -> store -> pages. What is used less often (queries,
ranges, maintenance, backup) is loaded with its first use, so that it costs no RAM before.
"""

from .loading import module
from .records import keys, record

_NO = object()

# MicroPython searches its table of built-ins one by one, some hundred entries; a module's own names are hashed.
len = len
str = str


class MicroTetherDB:
    """A document database in RAM or on flash.

    The board may set other defaults: `microtetherdb.defaults` tells.

    - `filename`: path (str), `"flash:"` (the board's database region) or a block device. Not used in RAM.
    - `in_memory`: bool. True: in RAM, gone at power-off. False: in `filename`.
    - `ram_percentage`: 1 to 90. Part of the RAM free at opening that a database in RAM may take; the rest is the application's.
    - `max_retries` (0 to 100), `retry_delay` (seconds): of an operation on the medium that fails with an OSError.
    - `lock_timeout`: seconds that a call waits while another thread works, then `DBLock`.
    - `cleanup_interval`: seconds between two sweeps of what changed TTLs and deletes left behind.
    - `ttl_check_interval`: seconds between two looks for expired records to remove.
    - `btree_cachesize`: bytes of page cache, at least five pages. More: fewer reads of flash, less RAM.
    - `btree_pagesize`: 512, 1024, 2048 or 4096 bytes, for a new database; an existing one keeps its own.
    - `adaptive_threshold`: bool. True: flush every 10 operations at first, then every 15, beyond 1,000 every 20. False: every 10. In RAM: 5.
    - `event_loop`: the loop that carries the background task; None: the one that runs, if any.
    - `flush_threshold`: 1 to 1000 operations between two flushes; 1: each is durable when it returns. None: as above.
    - `create`: bool. False: OSError where there is no database yet.
    - `read_only`: bool. True: nothing is written, by no call and not at opening; what would change something raises `DBError`. With it, and
      with `create=False`, `in_memory` is False.
    - `max_records`: most records (1 and more) or None. A put beyond it removes the first record, with generated keys the oldest.
    - `on_drop`: called as `on_drop(key, document)` for each record that went so, after the put. What it raises, the put raises.

    Raises `TypeError` and `ValueError` naming the argument, `DBLock` when the file is open
    already, `DBCorrupt` when it is not a database that this release can read, OSError with the path, for example where its
    folder does not exist, ImportError on firmware without `btree`.
    """

    def __init__(self, *args, **kw):
        if self.__class__ is not MicroTetherDB:
            module("methods").complete(MicroTetherDB)
        module("opening").start(self, args, kw)

    def remove(filename):
        """Remove a database that is not open: `filename` (path) with the second file that it may have. Returns whether there was one.

        Raises `DBLock` when it is open, `TypeError`, `ValueError`, OSError.
        """
        # Called on the class, which binds nothing; a staticmethod would be 16 bytes of RAM more.
        return module("remove").remove(filename)

    def close(self):
        """Flush, end the background task, close the file. May be called twice."""
        if self._open:
            module("closing").stop(self)

    def __enter__(self):
        module("locking").hold(self)
        return self

    def __exit__(self, *_):
        self.close()

    async def __aenter__(self):
        self.__enter__()
        module("background").attach(self)
        return self

    async def __aexit__(self, *_):
        t = self._task
        self.close()
        if t is not None:
            await module("background").ended(t)

    # The lock is taken by `with`, here and by `hold`: Ctrl-C is noticed between two instructions, also between
    # taking it and a `try` (locking.py). A closed database has a store that raises `DBClosed`.

    # Writing

    def put(self, *args, **kw):
        """Store a document: `put(data, ttl=None, tags=None, _id=None)` or `put(key, data, ttl=None, tags=None)`, both with `durable=False`.

        `ttl`: seconds (int or float), None or 0 for ever. `tags`: list of str, given back as the document's `_tags`; a document that
        has `_tags` keeps them. Returns the key; if none is given a generated one, never that of a record that is there, and such keys
        sort in the order in which they were made. A str before another argument is a key: a text with a TTL is `put(text, ttl=60)`.
        A put replaces the record with its TTL and tags; `update` and `replace` keep them, and so does `ttl=KEEP`, the tags unless others
        are given. `durable=True`: on the flash when it returns, and the flushes of others come when they would have come.
        Raises `TypeError`, `ValueError`, `DBFull`.
        """
        # MicroPython keeps a frame of up to eleven words on the C stack and a larger one on the
        # heap, which costs as much as all the rest: hence small functions from here to the tree.
        if not kw:
            if len(args) == 2 and args[0].__class__ is str:
                return self._put(args[0], args[1])
            if len(args) == 1:
                return self._put(None, args[0])
        return module("arguments").put(self, args, kw)

    def _put(self, key, data):
        if key is not None and (key.__class__ is not str or len(key) > 32 or key < "\x02"):
            return module("arguments").put_document(self, key, data)
        raw = record.plain(data)
        if raw is None:
            return module("arguments").put_document(self, key, data)
        return self._put_raw(key, raw)

    def _put_raw(self, key, raw):
        if self._lock.locked():
            module("locking").wait(self)
        with self._lock:
            if key is None:
                key = keys.generated(self)
            if self._linked:
                module("changelist").write(self, key, raw)
            else:
                self._store.put(key, raw)
            self._made += 1
            if self._made >= self._next:
                module("upkeep").tick(self)
        return key

    def delete(self, key=None, purge=False):
        """Delete a record: returns 1, or 0 if there is none. `purge=True` deletes all: returns how many."""
        if purge is not False:
            return module("modify").purge(self, key, purge)
        if key.__class__ is not str or len(key) > 32 or key < "\x02":
            key = keys.stored(key)
        return self._delete(key)

    def _delete(self, key):
        if self._lock.locked():
            module("locking").wait(self)
        with self._lock:
            return self._remove(key)

    def _remove(self, key):
        if self._linked:
            n = self._store.get(key)
            if n is not None:
                gone = record.expired(n, self._clock)  # first: what it allocates may fail
                module("changelist").write(self, key, None, n)
                n = 0 if gone else 1
        else:
            n = self._store.delete(key)
        self._deletes += 1
        self._made += 1
        if self._made >= self._next:
            module("upkeep").tick(self)
        return n or 0

    # Reading

    def get(self, key, default=None):
        """Return the document stored under `key`, or `default`."""
        if key.__class__ is not str or len(key) > 32 or key < "\x02":
            key = keys.stored(key)
        key = self._read(key)
        self._gets += 1
        if key is None:
            return default
        if key[0] > 7:
            return record.loads(key)
        if record.expired(key, self._clock):
            return default
        return record.decode(key)

    def _read(self, key):
        if self._lock.locked():
            module("locking").wait(self)
        with self._lock:
            return self._store.get(key)

    def __contains__(self, key):
        return self.get(key, _NO) is not _NO

    def __getitem__(self, key):
        value = self.get(key, _NO)
        if value is _NO:
            raise KeyError(key)
        return value

    def __setitem__(self, key, data):
        if key is None:
            keys.stored(key)
        self._put(key, data)

    def __delitem__(self, key):
        if not self.delete(key):
            raise KeyError(key)

    def __len__(self):
        return module("ranges").count(self)

    def __iter__(self):
        return self.keys()

    def __getattr__(self, name):
        # The rest of the public methods, each a function in a module of its own.
        return module("methods").bind(self, name)

    def __repr__(self):
        return module("stats").line(self)

    # For help(db), which shows what the class itself has.
    _also = (
        "keys values items update ttl expire put_batch delete_batch query find count aggregate explain delete_many update_many"
        " create_index drop_index indexes cleanup flush stats check backup dump load, see dir(db)"
    )

    # These cost an instance RAM once they are set.
    _open = False
    _session = None  # first part of generated keys
    _moves = None  # of records in indexes, while queries walk through them


try:
    from _mtdb_record import connect  # ports/record
except ImportError:  # stock firmware
    pass
else:  # put and delete in the usual forms, in C; all others are left to the methods above
    connect(MicroTetherDB, lambda db: module("upkeep").tick(db), lambda db, key, raw: module("changelist").write(db, key, raw))
    del connect
