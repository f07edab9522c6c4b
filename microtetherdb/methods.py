"""Public methods of `MicroTetherDB` that are not needed in every program, by module.

`db.query` finds the function here, loads its module and binds it: a method costs RAM only
when it is used. The stub file `__init__.pyi` lists them all with their types.
"""

from .lock import allocate_lock

_WHERE = {
    "keys": "ranges",
    "values": "ranges",
    "items": "ranges",
    "update": "change",
    "ttl": "change",
    "expire": "change",
    "cleanup": "lifecycle",
    "flush": "lifecycle",
    "stats": "monitor",
    "check": "verify",
    "backup": "transfer",
    "dump": "transfer",
    "load": "transfer",
    "query": "query",
    "find": "query",
    "count": "query",
    "explain": "query",
    "delete_many": "query",
    "update_many": "query",
    "create_index": "query",
    "drop_index": "query",
    "indexes": "query",
}


_loading = allocate_lock()


def module(name):
    """Return a module of the package, loading it if need be; a second thread waits until it is whole."""
    _loading.acquire()
    try:
        return getattr(__import__("microtetherdb." + name), name)
    finally:
        _loading.release()


def bind(db, name):
    """Return the method `name` of `db`; raises `AttributeError` for an unknown name."""
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError("'MicroTetherDB' object has no attribute '%s'" % name)
    function = getattr(module(where), name)
    return lambda *args, **kw: function(db, *args, **kw)
