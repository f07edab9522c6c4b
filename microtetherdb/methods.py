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
    ("query", ("query", "find", "count", "explain", "delete_many", "update_many", "create_index", "drop_index", "indexes")),
    ("batch", ("put_batch", "delete_batch")),
)

_loading = allocate_lock()


def module(name):
    """Return a module of the package, loading it if need be; a second thread waits until it is whole."""
    _loading.acquire()
    try:
        return getattr(__import__("microtetherdb." + name), name)
    finally:
        _loading.release()


def unload(*names):
    """Forget modules that were needed once, so that the collector takes them."""
    package = sys.modules["microtetherdb"]
    for name in names:
        if sys.modules.pop("microtetherdb." + name, None) is not None:
            delattr(package, name)


def bind(db, name):
    """Return the method `name` of `db`; raises `AttributeError` for an unknown name."""
    for where, names in _WHERE:
        if name in names:
            function = getattr(module(where), name)
            return lambda *args, **kw: function(db, *args, **kw)
    raise AttributeError("'MicroTetherDB' object has no attribute '%s'" % name)
