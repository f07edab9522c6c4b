"""What is told of each change of a store, in `store.mirror`: a running backup, a limit of records, tasks that wait for a change.

Each has `changed(changes)`, called with the lock held after a change list was applied, `missed()`, called instead or afterwards
when there was no RAM for it, and `end()`, when the database closes. Each change list is one more in `store.changed`: whoever counts
them notices one that it was not told of.
"""


class Mirrors:
    """Several of them; one alone stands for itself."""

    def __init__(self, first, second):
        self.all = [first, second]

    def changed(self, changes):
        """Tell all of them."""
        changes = list(changes)
        for m in self.all:
            m.changed(changes)

    def missed(self):
        """All may have missed a change."""
        for m in self.all:
            m.missed()

    def end(self):
        """End all of them."""
        for m in self.all[:]:
            m.end()


def tell(m, keys, values):
    """Tell `m` of one change, of a list of keys with one of values, or of a change list (and None)."""
    try:
        if keys.__class__ is not list:
            keys = ((keys, values),)
        elif values is not None:
            keys = zip(keys, values)
        m.changed(keys)
    except MemoryError:  # would say that the change was not done
        m.missed()


def add(store, m):
    """Have `m` told of each change."""
    if store.mirror is None:
        store.mirror = m
    elif store.mirror.__class__ is Mirrors:
        store.mirror.all.append(m)
    else:
        store.mirror = Mirrors(store.mirror, m)


def remove(store, m):
    """End that, if it is so."""
    if store.mirror is m:
        store.mirror = None
    elif store.mirror.__class__ is Mirrors and m in store.mirror.all:
        left = store.mirror.all
        left.remove(m)
        if len(left) == 1:
            store.mirror = left[0]


def of(store, what):
    """Return the one that is told and is such a thing (its `what`), or None."""
    m = store.mirror
    if m is not None:
        for one in m.all if m.__class__ is Mirrors else (m,):
            if one.what == what:
                return one
