"""Modules of the package that are loaded with their first use, since an import costs RAM: each once, whichever threads ask.

MicroPython's own `import` has no lock: a second thread gets a module that is half there. Every import inside a function
goes through `module`.
"""

import sys

try:
    from _thread import allocate_lock, get_ident
except ImportError:  # firmware without threads

    class allocate_lock:
        def locked(self):
            return False

        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

    def get_ident():
        return 0


HOME = get_ident()  # the thread that imports the package; an event loop belongs to it

# What a module imports, in an order in which none loads another one: nested imports need 2 KB of stack each, and a thread has little.
_FIRST = (
    (
        "query.filter",
        "errors query.ordered_json query.value_order query.path query.operand query.comparison query.predicate query.operators",
    ),
    ("query.run", "query.filter query.prefilter query.table_scan"),
    ("query.index_build", "errors query.value_order query.path query.index_entries"),
    ("update.operators", "errors query.ordered_json query.value_order query.path query.operand update.target"),
    ("query.cursor", "query.run"),
    ("many", "query.cursor"),
    ("query.explain", "query.run"),
    ("query.array_fields", "query.filter"),
    ("update.positional", "query.filter update.target"),
    ("collection.collection", "collection query.run changelist parts"),
    ("collection.writing", "collection query.run update.operators records.encoder arguments upkeep"),
    ("collection.bulk", "parts"),
    ("query.expression", "errors query.value_order query.operand query.path query.values"),
    ("query.aggregate", "query.expression"),
    ("query.group", "query.values"),
    ("query.reshape", "query.expression"),
)

_lock = allocate_lock()
_owner = None  # the thread that is loading
_loaded = {}  # name: module. Replaced, never changed: the other core may be reading it


def module(name):
    """Return a module of the package, loading it if need be; a second thread waits until it is whole."""
    return _loaded.get(name) or _load(name)


def _load(name):
    global _loaded, _owner
    if _owner != get_ident():
        with _lock:
            _owner = get_ident()
            try:
                return _load(name)
            finally:
                _owner = None
    for first in _FIRST:
        if first[0] == name:
            for needed in first[1].split():
                module(needed)
    path = "microtetherdb." + name
    try:
        __import__(path)
    except MemoryError:
        # MicroPython enters a module before it has memory for it, and would give out what is not there the next time.
        for entry in sys.modules:
            if sys.modules.get(entry) is None:
                sys.modules.pop(entry, None)
                break
        raise
    loaded = _loaded.copy()
    loaded[name] = sys.modules[path]
    _loaded = loaded
    return loaded[name]
