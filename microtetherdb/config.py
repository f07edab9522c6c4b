"""`microtetherdb.defaults`: the defaults of `MicroTetherDB(...)` that are in force, and where each came from."""

from .opening import NAMES, board, built_in


class Defaults:
    """The defaults in force. `defaults["ttl_check_interval"]` is a value, `repr` shows all with their source."""

    def _items(self):
        b = board()
        changed = getattr(b, "DEFAULTS", {})
        values = built_in()
        for name in NAMES:
            if name in changed:
                yield name, changed[name], b.BOARD
            else:
                yield name, values[name], "built in"

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
