"""Classes derived from the database's."""

from . import methods


def complete(cls):
    """Give the class all methods that are elsewhere: `super()` does not ask `__getattr__`."""
    if not hasattr(cls, "query"):
        for name in methods._ASYNC:
            setattr(cls, name, methods._lazy(name))
        for _, names in methods._WHERE:
            for name in names:
                setattr(cls, name, methods._lazy(name))
