"""Opening a database: its arguments, its store, its state. Forgotten again when it is open, except on computers."""

import sys
import time

from . import loading
from .flushing import threshold
from .loading import module
from .records import keys
from .records.clock import Clock

_MIN_QUOTA = 8 * 512  # bytes: below this an in-memory database is of no use

# The arguments by position.
NAMES = (
    "filename", "in_memory", "ram_percentage", "max_retries", "retry_delay", "lock_timeout", "cleanup_interval",
    "ttl_check_interval", "btree_cachesize", "btree_pagesize", "adaptive_threshold", "event_loop", "flush_threshold",
    "create", "read_only", "max_records", "on_drop",
)  # fmt: skip

# (name, lowest, highest, whole): the numbers.
_LIMITS = (
    ("ram_percentage", 1, 90, False),
    ("max_retries", 0, 100, True),
    ("retry_delay", 0, 60, False),
    ("lock_timeout", 0, 3600, False),
    ("cleanup_interval", 0.01, 86400 * 6, False),
    ("ttl_check_interval", 0.01, 86400 * 6, False),
    ("btree_cachesize", 0, 1 << 29, True),
    ("flush_threshold", 1, 1000, True),
    ("max_records", 1, 1 << 29, True),
)


def built_in():
    """Return the built-in defaults. The board may replace them, the caller has the last word."""
    # A display is allocated at one go; a dict that grows entry by entry is allocated eight times.
    return {
        "filename": "microtether.db",
        "in_memory": True,
        "ram_percentage": 15,
        "max_retries": 3,
        "retry_delay": 0.1,
        "lock_timeout": 5.0,
        "cleanup_interval": 3600,
        "ttl_check_interval": 60,
        "btree_cachesize": 32,
        "btree_pagesize": 512,
        "adaptive_threshold": True,
        "event_loop": None,
        "flush_threshold": None,
        "create": True,
        "read_only": False,
        "max_records": None,
        "on_drop": None,
    }


def board():
    """Return the module that the board's manifest froze, or None on other firmware."""
    try:
        import _mtdb_board

        return _mtdb_board
    except ImportError:
        return None


def resolve(args, kw):
    """Merge a call's arguments over the defaults; return a dict with every argument.

    Raises `TypeError` and `ValueError` naming the argument and its limit.
    """
    if len(args) > len(NAMES):
        raise TypeError("at most %d arguments, got %d" % (len(NAMES), len(args)))
    out = built_in()
    b = board()
    given = {}
    given.update(getattr(b, "DEFAULTS", given))
    for name, value in zip(NAMES, args):
        if name in kw:
            raise TypeError("argument given twice: " + name)
        given[name] = value
    given.update(kw)
    for name in given:
        if name not in out:
            raise TypeError("unknown argument: " + name)
        _check(name, given[name])
    out.update(given)
    if out["read_only"]:
        out["create"] = False
    if not out["create"]:
        if out["in_memory"] and (len(args) > 1 or "in_memory" in kw):
            raise ValueError("create=False, read_only=True: not with in_memory=True")
        out["in_memory"] = False
    # Whoever names a file and says no more about where the data is may believe that it is there.
    out["unused"] = len(args) < 2 and "in_memory" not in kw and (args or "filename" in kw)
    if "btree_cachesize" not in kw and len(args) <= 8 and hasattr(b, "FILE_CACHE"):
        out["file_cache"] = b.FILE_CACHE
    return out


def _check(name, value):
    if name == "filename":
        if isinstance(value, str):
            if not value:
                raise ValueError("filename: empty")
            if "\0" in value:
                raise ValueError("filename: %r has a zero byte" % value)
        elif not hasattr(value, "readblocks"):
            raise TypeError("filename: a path, 'flash:' or a block device, not " + type(value).__name__)
    elif name in ("in_memory", "adaptive_threshold", "create", "read_only"):
        if value is not True and value is not False:
            raise TypeError(name + ": bool, not " + type(value).__name__)
    elif name == "btree_pagesize":
        if value.__class__ is not int:
            raise TypeError("btree_pagesize: int, not " + type(value).__name__)
        if value not in (512, 1024, 2048, 4096):
            raise ValueError("btree_pagesize: %d is not one of 512, 1024, 2048, 4096" % value)
    elif name == "event_loop":
        if value is not None and not hasattr(value, "create_task"):
            raise TypeError("event_loop: a loop with create_task, not " + type(value).__name__)
    elif name == "on_drop":
        if value is not None and not callable(value):
            raise TypeError("on_drop: not callable: %r" % (value,))
    elif value is not None or name != "flush_threshold" and name != "max_records":
        _check_number(name, value)


def _check_number(name, value):
    for number, low, high, whole in _LIMITS:
        if number == name:
            t = value.__class__
            if t is not int and (whole or t is not float):
                raise TypeError("%s: %s, not %s" % (name, "int" if whole else "number", t.__name__))
            if not low <= value <= high:
                raise ValueError("%s: %r is not within %s to %s" % (name, value, low, high))


def start(db, args, kw):
    """Open the store and set up the database's state."""
    cfg = resolve(args, kw)
    db._lock = loading.allocate_lock()
    db._timeout = cfg["lock_timeout"]
    place = [False]
    store = None
    try:
        store, clock, name = _open_store(cfg, place)
        _set_up(db, cfg, store, clock, name)
        core = sys.modules.get("asyncio.core")
        if cfg["event_loop"] is not None or core is not None and core.cur_task is not None:
            module("background").attach(db, cfg["event_loop"])
        if "file_cache" not in cfg:  # a computer has RAM for them
            _forget("opening", "storage.recovery", "storage.file_recovery", "storage.region_recovery")
        return  # from within: the end of a `try` is a jump, where Ctrl-C would leave a database open that nobody has
    except BaseException:
        place[0] = db._open = False
        try:
            if store is not None and not store.ram:
                store.log.medium.close()
        finally:
            if len(place) > 1:
                module("storage.places").release(place)
        raise


def _forget(*names):
    # Give up modules that were needed once, so that the collector takes them.
    with loading._lock:
        loaded = loading._loaded.copy()
        for name in names:
            loaded.pop(name, None)
            path = "microtetherdb." + name
            if sys.modules.pop(path, None) is not None:
                package, _, name = path.rpartition(".")
                package = sys.modules.get(package)
                if hasattr(package, name):
                    delattr(package, name)
        loading._loaded = loaded


def _set_up(db, cfg, store, clock, name):
    db._clock = clock
    db._name = name
    db._keys_made = 0
    db._expiry = None
    db._indexes = None
    db._task = None
    db._leftover = False  # there may be entries of an index that is dropped or was not finished
    db._linked = False  # whether the tree has, or may get, entries besides records, that change with them
    if not store.ram:
        _look_around(db, store)
    db._gets = db._deletes = db._queries = db._expired = db._flushes = 0
    db._made = 0
    db._fixed = cfg["flush_threshold"] or (0 if cfg["adaptive_threshold"] and not store.ram else 5 if store.ram else 10)
    db._due = threshold(db)
    db._next = 1  # to find out about a loop
    db._check_ms = int(cfg["ttl_check_interval"] * 1000)
    db._sweep_ms = int(cfg["cleanup_interval"] * 1000)
    db._checked = db._swept = time.ticks_ms()
    db._store = store
    module("upkeep").connect(db, store)
    if cfg["max_records"] is not None and not hasattr(store, "frozen"):
        module("limit").Limit(db, cfg["max_records"], cfg["on_drop"])
    db._open = True


def _look_around(db, store):
    # Which entries besides records the tree has; the log's state tells when there are none, before any page is read.
    state = store.log.state
    if not state or state[-1]:
        if store.first(b"\0c") is not None:
            module("query.index_entries").load(db, store)
        if store.first(keys.EXPIRY) is not None:
            module("changelist").begin_expiry(db, store)
        db._linked = bool(db._indexes or db._expiry) or store.first(b"\0x") is not None
    if hasattr(store, "frozen"):
        db._leftover = False
        if db._expiry is not None:
            db._expiry.next = lambda store, clock: None  # nothing is removed


def _open_store(cfg, place):
    """Return (store, clock, name) for a resolved configuration. `place`: see `places.claim`.

    Raises `DBLock` when the file is open already, `DBCorrupt` and `DBFull` as the page log
    finds it.
    """
    try:
        __import__("btree")
    except ImportError:
        raise ImportError("this firmware has no module btree, which microtetherdb needs")
    pagesize = cfg["btree_pagesize"]
    if cfg["in_memory"]:
        import gc

        gc.collect()
        quota = int(gc.mem_free() * cfg["ram_percentage"] // 100)
        if quota >= max(_MIN_QUOTA, 5 * pagesize):
            ramstore = module("storage.ram_store")
            try:
                # Key and value of exactly this size break Berkeley DB's page split (docs/format.md), but not in our images.
                bad = 0 if ramstore.BTREE_MENDED else (pagesize - 20) // 2 - 14
                store = ramstore.RamStore(ramstore.RamStream(pagesize), pagesize, quota, bad)
            except MemoryError:
                store = None
            if store is not None:
                if cfg["unused"]:
                    _warn("%s is not used, the data is in RAM: in_memory is True; to keep it say in_memory=False" % (cfg["filename"],))
                return store, Clock(), "RAM"
        _warn("%d bytes of RAM are not enough for an in-memory database; using %s" % (quota, _name(cfg["filename"])))
    target = cfg["filename"]
    name = _name(target)
    if isinstance(target, str):
        cfg["filename"] = name  # the program may go to another folder
    module("storage.places").claim(name, place)
    if not isinstance(target, str):
        place.append(module("storage.places").Kept(target))
    store, clock = open_persistent(cfg)
    return store, clock, name


def _region():
    b = board()
    region = b.region() if b is not None else None
    if region is None:
        raise ValueError("filename: this board has no database region for 'flash:'")
    return region


def open_persistent(cfg):
    """Return (store, clock) on the page log of `cfg["filename"]`. An OSError of a file names it."""
    target = cfg["filename"]
    if target == "flash:":
        target = _region()
    try:
        log = module("storage.page_log").open(
            target,
            cfg["btree_pagesize"],
            create=cfg.get("create", True),
            max_retries=cfg["max_retries"],
            retry_delay=cfg["retry_delay"],
            read_only=cfg.get("read_only", False),
        )
    except OSError as e:
        raise OSError(e.args[0], target) if isinstance(target, str) else e
    try:
        if log.medium.posix:
            held = log.medium.held = module("storage.places").open_files.get(target)
            if held is not None:
                module("storage.places").hold_again(held, target)
        cachesize = cfg["btree_cachesize"]
        if "file_cache" in cfg and log.medium.posix:
            cachesize = max(cachesize, cfg["file_cache"])
        if cfg.get("read_only"):
            store = module("storage.read_only").ReadOnlyStore(log, cachesize)
        else:
            store = module("storage.log_store").LogStore(log, cachesize)
        clock = Clock(True, log.state or store.get(keys.META))
    except BaseException:
        log.close()
        raise
    return store, clock


def _warn(message):
    import microtetherdb

    microtetherdb.on_warning(message)


def _name(filename):
    if filename == "flash:" or filename is getattr(board(), "device", board):
        return "flash:"
    if not isinstance(filename, str):
        return "device %d" % id(filename)
    return module("storage.places").canonical(filename)
