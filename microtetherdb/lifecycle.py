"""Start and stop of a database, and its upkeep: flush rhythm, expiry, compaction."""

import sys
import time
from micropython import const

from . import database, loading, record
from .loading import module
from .lock import hold

_PAGES = const(1)  # written in one piece of a flush in the background
_SLICE = const(2)  # expired records removed after one operation
_MUCH = const(4096)  # bytes of pages that a commit of the log's own must write to count as a flush
_SAVE_CLOCK = const(60)  # seconds between two savings of the clock's state


def start(db, args, kw):
    """Open the store and set up the database's state."""
    if db.__class__ is not database.MicroTetherDB:
        module("derived").complete(database.MicroTetherDB)
    opening = module("opening")
    cfg = opening.resolve(args, kw)
    db._lock = loading.allocate_lock()
    db._timeout = cfg["lock_timeout"]
    place = [False]
    store = None
    try:
        store, clock, name = opening.open_store(cfg, place)
        _set_up(db, cfg, store, clock, name)
        core = sys.modules.get("asyncio.core")
        if cfg["event_loop"] is not None or core is not None and core.cur_task is not None:
            module("task").attach(db, cfg["event_loop"])
        if "file_cache" not in cfg:  # a computer has RAM for them
            _unload("opening", "recovery", "filerecovery", "regionrecovery")
        return  # from within: the end of a `try` is a jump, where Ctrl-C would leave a database open that nobody has
    except BaseException:
        place[0] = db._open = False
        try:
            if store is not None and not store.ram:
                store.log.medium.close()
        finally:
            if len(place) > 1:
                module("places").release(place)
        raise


def _unload(*names):
    # Forget modules that were needed once, so that the collector takes them.
    with loading._lock:
        loaded = loading._loaded.copy()
        for name in names:
            loaded.pop(name, None)
            if sys.modules.pop("microtetherdb." + name, None) is not None:
                delattr(sys.modules["microtetherdb"], name)
        loading._loaded = loaded


def _set_up(db, cfg, store, clock, name):
    db._clock = clock
    db._name = name
    db._keys_made = 0
    db._expiry = None
    db._indexes = None
    db._linked = False
    if not store.ram:
        module("state").restore(db, store)
    db._gets = db._deletes = db._queries = db._expired = db._flushes = 0
    db._made = 0
    db._fixed = cfg["flush_threshold"] or (0 if cfg["adaptive_threshold"] and not store.ram else 5 if store.ram else 10)
    db._due = threshold(db)
    db._next = 1  # to find out about a loop
    db._tick = tick
    db._check_ms = int(cfg["ttl_check_interval"] * 1000)
    db._sweep_ms = int(cfg["cleanup_interval"] * 1000)
    db._checked = db._swept = time.ticks_ms()
    db._store = store
    if not store.ram:
        store.log.before_compaction = lambda: early(db, store)
    if db._linked:
        module("changelist").link(db)
    else:
        db._set = store.put
    store.on_full = lambda: expire(db, 0)
    db._open = True


def begin_expiry(db, store=None):
    """Set up what finds the records that expire, with the first TTL."""
    if store is None:
        store = db._store
    if store.ram:
        db._expiry = module("expiry").RamExpiry(store)
    else:
        db._expiry = module("expiry_index").TreeExpiry(store)


def stop(db):
    """Flush and close; the database raises `DBClosed` from then on. What fails leaves it open, with all that was acknowledged."""
    closed = module("closed").Closed()
    with hold(db):
        if not db._open:
            return  # another thread was quicker
        store = db._store
        place = [False]
        if not store.ram:
            place = module("places").open_files[db._name]
            store.commit(store.dirty() or db._expiry is not None)  # the time, for what expires
        if store.mirror is not None:
            store.mirror.end()
        db._open = False
        db._store = closed
        db._set = closed.put
        try:
            store.close()
        finally:
            place[0] = False
            if len(place) > 1:
                module("places").release(place)
    if db._task is not None:
        module("task").cancel(db)


def count(db, n=1):
    """Count changes, with the lock held; every few, do what is due. `database` does it itself for a put and a delete."""
    db._made += n
    if db._made >= db._next:
        db._tick(db)


def threshold(db):
    """Return the number of operations between two flushes (SPEC section 5)."""
    if db._fixed:
        return db._fixed
    n = db._made
    return 10 if n < 100 else 15 if n <= 1000 else 20


def tick(db):
    """Between operations, with the lock held: flush when due, then expire a little when due."""
    try:
        _upkeep(db)
    except MemoryError:  # would say that the call was not done; after the next one this is tried again
        db._next = db._made + 1


def _upkeep(db):
    db._next = db._due
    if db._made >= db._due:
        commit(db)
    if db._task is None:
        core = sys.modules.get("asyncio.core")
        if core is not None:  # a loop may start after the opening
            if core.cur_task is None:
                db._next = db._made + 1
            elif loading.get_ident() == loading.HOME:
                module("task").attach(db)
    if db._leftover:
        module("index").reclaim(db)
    now = time.ticks_ms()
    if not 0 <= time.ticks_diff(now, db._checked) < db._check_ms:  # below 0: ticks went round, nobody called for days
        if expire(db, _SLICE) == _SLICE:
            db._next = db._made + 1  # more is due: go on after the next operation
        else:
            db._checked = now
            if not 0 <= time.ticks_diff(now, db._swept) < db._sweep_ms and not sweep(db):
                db._swept = now


def commit(db):
    """Flush, with the lock held."""
    store = db._store
    db._flushes += 1
    db._next = db._due = db._made + threshold(db)
    if store.ram:
        return
    clock = db._clock
    clock.tick()
    due = clock.changed or db._expiry is not None and clock.seconds() - clock.saved >= _SAVE_CLOCK
    store.commit(due)
    if due:
        clock.changed = False


def flush_piece(db):
    """A piece of a flush in the background, with the lock held; True if there is more of it."""
    if db._store.write_some(_PAGES):
        return True
    commit(db)
    return False


def flush_due(db):
    """A piece of a flush if enough operations were made, with the lock held; True if it did one."""
    if db._store.ram or db._made < db._due:
        return False
    flush_piece(db)
    return True


def early(db, store):
    """A commit that the log needs; one of several kilobytes counts as a flush, and the rhythm goes on from there."""
    much = store.log.grown > _MUCH
    store.commit()
    if much:
        db._flushes += 1
        db._next = db._due = db._made + threshold(db)


def flush(db):
    """Make every acknowledged operation durable."""
    with hold(db):
        commit(db)
        db._next = 0  # see `tick`


def expire(db, limit, flush=True):
    """Remove expired records, at most `limit` (0: all), with the lock held; returns how many.

    `flush`: in the rhythm of the other operations; if False, the caller does it, as a piece of work of its own.
    """
    db._clock.tick()
    n = 0
    store = db._store
    if db._expiry is None:
        return 0
    while not limit or n < limit:
        key = db._expiry.next(store, db._clock)
        if key is None:
            break
        old = store.get(key)
        if old is None or not record.expired(old, db._clock):
            break
        out = []
        was, new = module("changelist").changes(db, key, old, None, out)
        store.apply(out)
        db._expiry.applied(key, was, new)
        n += 1
        db._made += 1
        db._deletes += 1
        if flush and not store.ram and db._made >= db._due:
            commit(db)
    db._expired += n
    if not n:
        db._expiry.sweep(store)
    return n


def sweep(db):
    """One piece of the full sweep that is due each `cleanup_interval`, with the lock held; True if there is more."""
    more = db._expiry is not None and db._expiry.sweep(db._store, True)
    log = db._store.log
    return log is not None and log.step() or more


def cleanup_steps(db):
    """Remove every expired record now; returns how many."""
    n = 0
    while expire(db, 1, False):
        n += 1
        yield
        while flush_due(db):
            yield
    while db._expiry is not None and db._expiry.sweep(db._store):
        yield
    while db._leftover and module("index").reclaim(db):
        yield
    return n
