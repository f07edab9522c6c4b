"""Defaults of `MicroTetherDB(...)`: built in, replaced by the board, overridden by the caller."""

# In the order of the positional arguments (SPEC section 1).
BUILT_IN = (
    ("filename", "microtether.db"),
    ("in_memory", True),
    ("ram_percentage", 15),
    ("max_retries", 3),
    ("retry_delay", 0.1),
    ("lock_timeout", 5.0),
    ("cleanup_interval", 3600),
    ("ttl_check_interval", 60),
    ("btree_cachesize", 32),
    ("btree_pagesize", 512),
    ("adaptive_threshold", True),
    ("event_loop", None),
    ("flush_threshold", None),
)

# name: (lowest, highest) of the numbers.
_LIMITS = {
    "ram_percentage": (1, 90),
    "max_retries": (0, 100),
    "retry_delay": (0, 60),
    "lock_timeout": (0, 3600),
    "cleanup_interval": (0.01, 86400 * 6),
    "ttl_check_interval": (0.01, 86400 * 6),
    "btree_cachesize": (0, 1 << 29),
    "flush_threshold": (1, 1000),
}


def board():
    """Return the module that the board's manifest froze, or None on other firmware."""
    try:
        import _mtdb_board

        return _mtdb_board
    except ImportError:
        return None


class Defaults:
    """The defaults in force. `defaults["ttl_check_interval"]` is a value, `repr` shows all with their source."""

    def _items(self):
        b = board()
        changed = getattr(b, "DEFAULTS", {})
        for name, value in BUILT_IN:
            if name in changed:
                yield name, changed[name], b.BOARD
            else:
                yield name, value, "built in"

    def __getitem__(self, name):
        for item in self._items():
            if item[0] == name:
                return item[1]
        raise KeyError(name)

    def source(self, name):
        """Return "built in" or the name of the board that set the default of `name`."""
        for item in self._items():
            if item[0] == name:
                return item[2]
        raise KeyError(name)

    def __iter__(self):
        return (item[0] for item in self._items())

    def __repr__(self):
        return "\n".join("%s = %r  (%s)" % item for item in self._items())


def resolve(args, kw):
    """Merge a call's arguments over the defaults; return a dict with every argument.

    Raises `TypeError` and `ValueError` naming the argument and its limit.
    """
    if len(args) > len(BUILT_IN):
        raise TypeError("at most %d arguments, got %d" % (len(BUILT_IN), len(args)))
    changed = getattr(board(), "DEFAULTS", {})
    out = {}
    for i, (name, value) in enumerate(BUILT_IN):
        given = i < len(args)
        if name in kw:
            if given:
                raise TypeError("argument given twice: " + name)
            value = kw[name]
        elif given:
            value = args[i]
        else:
            value = changed.get(name, value)
        out[name] = value
    for name in kw:
        if name not in out:
            raise TypeError("unknown argument: " + name)
    _check(out)
    return out


def _check(out):
    filename = out["filename"]
    if isinstance(filename, str):
        if not filename:
            raise ValueError("filename: empty")
        if "\0" in filename:
            raise ValueError("filename: %r has a zero byte" % filename)
    elif not hasattr(filename, "readblocks"):
        raise TypeError("filename: a path, 'flash:' or a block device, not " + type(filename).__name__)
    for name in ("in_memory", "adaptive_threshold"):
        if out[name] not in (True, False):
            raise TypeError(name + ": bool, not " + type(out[name]).__name__)
    for name, (low, high) in _LIMITS.items():
        value = out[name]
        if name == "flush_threshold" and value is None:
            continue
        whole = name in ("max_retries", "btree_cachesize", "flush_threshold")
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise TypeError("%s: %s, not %s" % (name, "int" if whole else "number", type(value).__name__))
        if not low <= value <= high:
            raise ValueError("%s: %r is not within %s to %s" % (name, value, low, high))
    size = out["btree_pagesize"]
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError("btree_pagesize: int, not " + type(size).__name__)
    if size not in (512, 1024, 2048, 4096):
        raise ValueError("btree_pagesize: %d is not one of 512, 1024, 2048, 4096" % size)
    loop = out["event_loop"]
    if loop is not None and not hasattr(loop, "create_task"):
        raise TypeError("event_loop: a loop with create_task, not " + type(loop).__name__)
