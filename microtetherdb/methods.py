"""Public methods of `MicroTetherDB` that are not needed in every program, by module.

`db.query` finds the function here, loads its module and binds it: a method costs RAM only
when it is used. The stub file `__init__.pyi` lists them all with their types.
"""

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
    "query": "search",
    "find": "search",
    "count": "search",
    "explain": "search",
    "delete_many": "search",
    "update_many": "search",
    "create_index": "search",
    "drop_index": "search",
    "indexes": "search",
}


def bind(db, name):
    """Return the method `name` of `db`; raises `AttributeError` for an unknown name."""
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError("'MicroTetherDB' object has no attribute '%s'" % name)
    module = getattr(__import__("microtetherdb." + where), where)
    function = getattr(module, name)
    return lambda *args, **kw: function(db, *args, **kw)
