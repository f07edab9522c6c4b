"""Public methods of `MicroTetherDB` that are not needed in every program, by module.

`db.query` finds the function here, loads its module and binds it: a method costs RAM only
when it is used. The stub file `__init__.pyi` lists them all with their types.
"""

import sys

from .lock import allocate_lock

# (module, its methods): constants, which stay in flash.
_WHERE = (
    ("ranges", ("keys", "values", "items")),
    ("change", ("update", "ttl", "expire")),
    ("lifecycle", ("cleanup", "flush")),
    ("monitor", ("stats",)),
    ("verify", ("check",)),
    ("transfer", ("backup", "dump", "load")),
    ("query", ("query", "count")),
    ("cursor", ("find",)),
    ("many", ("delete_many", "update_many")),
    ("explain", ("explain",)),
    ("indexing", ("create_index", "drop_index", "indexes")),
    ("batch", ("put_batch", "delete_batch")),
)

# Those that also share the event loop.
_ASYNC = (
    "cleanup_async", "check_async", "backup_async", "dump_async", "load_async", "query_async", "count_async",
    "delete_many_async", "update_many_async", "create_index_async", "drop_index_async",
)  # fmt: skip


def _names(db):
    # Never called: `dir(db)` tries the names that the firmware knows, and text in a tuple is none.
    db.cleanup_async, db.check_async, db.backup_async, db.dump_async, db.create_index_async, db.drop_index_async


_found = {}  # name: function(db, ...). Replaced, never changed: the other core may be reading it
_loading = allocate_lock()
_package = sys.modules["microtetherdb"]


def module(name):
    """Return a module of the package, loading it if need be; a second thread waits until it is whole."""
    _loading.acquire()
    try:
        return getattr(_package, name)  # which loads it when it is not there, see __init__.py
    finally:
        _loading.release()


def unload(*names):
    """Forget modules that were needed once, so that the collector takes them."""
    for name in names:
        if sys.modules.pop("microtetherdb." + name, None) is not None:
            delattr(_package, name)


def bind(db, name):
    """Return the method `name` of `db`; raises `AttributeError` for an unknown name.

    Its module is loaded with the first call: `dir(db)` asks for every name that there is.
    """
    function = _found.get(name) or _lazy(name)
    return lambda *args, **kw: function(db, *args, **kw)


def _lazy(name):
    base = name[:-6] if name in _ASYNC else name
    for where, names in _WHERE:
        if base in names:
            return lambda *args, **kw: (_found.get(name) or _find(where, base, name))(*args, **kw)
    raise AttributeError("'MicroTetherDB' object has no attribute '%s'" % name)


def _find(where, base, name):
    # A module has the method as a function, or its steps as a generator `name_steps`.
    global _found
    m = module(where)
    function = getattr(m, name, None) or _in_steps(getattr(m, base + "_steps"), base is name)
    found = _found.copy()
    found[name] = function
    _found = found
    return function


def _in_steps(generator, at_once):
    steps = module("steps")
    run = steps.finish if at_once else steps.share

    def method(*args, **kw):
        try:
            g = generator(*args, **kw)
        except TypeError as e:  # of its arguments: it has not begun
            raise TypeError(str(e).replace("_steps", ""))
        return run(args[0], g)

    return method


def inherited(cls):
    """Give the class all methods, for a class derived from it: `super()` does not ask `__getattr__`."""
    if not hasattr(cls, "query"):
        for name in _ASYNC:
            setattr(cls, name, _lazy(name))
        for _, names in _WHERE:
            for name in names:
                setattr(cls, name, _lazy(name))


# An import statement inside a method costs as much as half a put: `database` calls these two by its own names.
_package.database.module = module
_package.database.bind = bind
