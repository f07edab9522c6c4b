"""Public methods of `MicroTetherDB` that are not needed in every program, by module.

`db.query` finds the function here, loads its module and binds it: a method costs RAM only
when it is used. The stub file `__init__.pyi` lists them all with their types.
"""

from .loading import module

# (module, its methods): constants, which stay in flash.
_WHERE = (
    ("ranges", ("keys", "values", "items")),
    ("modify", ("update", "ttl", "expire")),
    ("cleanup", ("cleanup",)),
    ("flushing", ("flush",)),
    ("stats", ("stats",)),
    ("check", ("check",)),
    ("backup", ("backup",)),
    ("jsonlines", ("dump", "load")),
    ("query.run", ("query", "count")),
    ("query.cursor", ("find", "query_async", "count_async")),
    ("query.explain", ("explain",)),
    ("query.aggregate", ("aggregate",)),
    ("query.index_build", ("create_index", "drop_index", "indexes")),
    ("many", ("delete_many", "update_many", "distinct")),
    ("collection.collection", ("collection",)),
    ("parts", ("collections",)),
    ("batch", ("put_batch", "delete_batch")),
)

# Those that also share the event loop.
_ASYNC = (
    "cleanup_async", "check_async", "backup_async", "dump_async", "load_async", "query_async", "count_async",
    "delete_many_async", "update_many_async", "create_index_async", "drop_index_async", "distinct_async", "aggregate_async",
)  # fmt: skip

# `dir(db)` tries the names that the firmware knows, and text in a tuple is none: a function that is not kept.
lambda cleanup_async, check_async, backup_async, dump_async, create_index_async, drop_index_async, distinct_async: None

_found = {}  # name: function(db, ...). Replaced, never changed: the other core may be reading it


def bind(db, name):
    """Return the method `name` of `db`; raises `AttributeError` for an unknown name.

    Its module is loaded with the first call: `dir(db)` asks for every name that there is.
    """
    function = _found.get(name) or _lazy(name)
    return lambda *args, **kw: function(db, *args, **kw)


def _lazy(name):
    if _where(name):
        return lambda *args, **kw: (_found.get(name) or _find(name))(*args, **kw)
    raise AttributeError("'MicroTetherDB' object has no attribute '%s'" % name)


def _where(name):
    base = name[:-6] if name in _ASYNC else name
    for wanted in (name, base):
        for where, names in _WHERE:
            if wanted in names:
                return where, base
    return None


def _find(name):
    # A module has the method as a function, or its steps as a generator `name_steps`.
    global _found
    where, base = _where(name)
    m = module(where)
    function = getattr(m, name, None) or _in_steps(getattr(m, base + "_steps"), base is name)
    found = _found.copy()
    found[name] = function
    _found = found
    return function


def complete(cls):
    """Give the database's class all methods, for those derived from it: `super()` does not ask `__getattr__`."""
    if not hasattr(cls, "query"):
        for name in _ASYNC:
            setattr(cls, name, _lazy(name))
        for _, names in _WHERE:
            for name in names:
                setattr(cls, name, _lazy(name))


def preload(*names):
    """Load what methods of `MicroTetherDB` need, for example `preload("query", "put_batch")`, instead of with their first call.

    That call is then as quick as the next ones and takes no more stack than they. Raises `ValueError` for an unknown name.
    """
    for name in names:
        if name in ("put", "get", "delete"):
            module("arguments")
        elif _where(name):
            _find(name)
        else:
            raise ValueError("preload: MicroTetherDB has no method %r" % (name,))


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
