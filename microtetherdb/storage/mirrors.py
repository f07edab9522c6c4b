"""What is told of each change of a store, in the list `store.mirror`: a running backup, a limit of records, tasks that wait.

Each has `what` (a str, None when it has ended), `changed(changes)`, called with the lock held after a change list was applied (its keys
are bytes), `missed()`, called instead or afterwards when there was no RAM for it, and `end()`, when the database closes. Each change
list is one more in `store.changed`: whoever counts them notices one that it was not told of.
"""


def tell(mirrors, keys, values):
    """Tell of one change, of a list of keys with one of values, or of a change list (and None)."""
    try:
        if keys.__class__ is not list:
            changes = ((_stored(keys), values),)
        elif values is not None:
            changes = [(_stored(key), value) for key, value in zip(keys, values)]
        else:
            changes = keys
        for m in mirrors:
            m.changed(changes)
    except MemoryError:  # would say that the change was not done
        for m in mirrors:
            m.missed()


def _stored(key):
    return key.encode() if key.__class__ is str else key


def add(store, m):
    """Have `m` told of each change."""
    store.mirror = [x for x in store.mirror or () if x.what] + [m]  # without one whose removal was broken off


def remove(store, m):
    """End that, if it is so. Needs no RAM."""
    left = store.mirror
    if left is not None and m in left:
        left.remove(m)
        if not left:
            store.mirror = None


def of(store, what):
    """Return the one that is such a thing, or None."""
    for m in store.mirror or ():
        if m.what == what:
            return m
