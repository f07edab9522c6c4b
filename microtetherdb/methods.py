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

    A module has the method as a function, or its steps as a generator `name_steps`: then there
    is also `name_async`, which shares the event loop.
    """
    function = _found.get(name)
    if function is None:
        function = _find(name)
    return lambda *args, **kw: function(db, *args, **kw)


def _find(name):
    global _found
    base = name[:-6] if name.endswith("_async") else name
    for where, names in _WHERE:
        if base in names:
            m = module(where)
            function = getattr(m, name, None)
            if function is None and hasattr(m, base + "_steps"):
                function = _in_steps(getattr(m, base + "_steps"), base is name)
            if function is not None:
                found = _found.copy()
                found[name] = function
                _found = found
                return function
    raise AttributeError("'MicroTetherDB' object has no attribute '%s'" % name)


def _in_steps(generator, at_once):
    steps = module("steps")
    run = steps.finish if at_once else steps.share
    return lambda db, *args, **kw: run(db, generator(db, *args, **kw))


# An import statement inside a method costs as much as half a put: `database` calls these two by its own names.
_package.database.module = module
_package.database.bind = bind
