"""Creating and dropping indexes."""

from micropython import const

from . import keys
from .errors import QueryError
from .index import BUILDING, CATALOGUE, ENTRY, READY, Index
from .lock import hold
from .path import fields, split

_PATH = const(100)  # bytes
_STEP = const(4)  # entries made or removed in one change list: some milliseconds on a Pico
_FLUSH = const(16)  # steps between two commits
_IDS = const(255)


def _check_path(path):
    fields(path, "path")
    if len(path.encode()) > _PATH:
        raise QueryError("path: at most %d bytes" % _PATH)
    if path == "tags" or path == "_tags":
        raise QueryError("no index on %s: tags are indexed always" % path)


def _wipe(db, prefix, commit):
    # Remove all entries below a prefix in bounded change lists.
    store = db._store
    steps = 0
    while True:
        out = []
        for key in store.scan(prefix, keys.after(prefix), 1):
            out.append((key, None))
            if len(out) >= _STEP:
                break
        if not out:
            return
        store.apply(out)
        steps += 1
        if steps % _FLUSH == 0:
            commit(db)
        yield


def create_index_steps(db, path):
    """Index a path ("address.city"): existing records in bounded steps, new ones as they come. Returns None.

    The index is used once it is complete. What a build that was cut off has left is removed by `cleanup()`, by the
    sweep each `cleanup_interval`, or by the next build. Two builds of a path at once are one; one that is dropped ends.
    Raises `QueryError` for a path that cannot be indexed, `DBFull`.
    """
    # A generator that works between its yields, under the database lock.
    _check_path(path)
    store = db._store
    if db._indexes and path in db._indexes and db._indexes[path].ready:
        return
    from .lifecycle import commit

    taken = set()
    number = 0
    for key, value in store.scan(CATALOGUE, b"\x00d"):
        if key[2:] == path.encode():
            number = value[1]
        taken.add(value[1])
    if not number:
        for number in range(1, _IDS + 1):
            if number not in taken:
                break
        else:
            raise QueryError("no more than %d indexes" % _IDS)
    index = Index(path, number, 0, False)
    db._link()  # every change goes through `changes` from now on
    store.apply([index.catalogue()])
    if db._indexes is None:
        db._indexes = {}
    db._indexes[path] = index
    try:
        for _ in _wipe(db, index.prefix, commit):
            yield
            if _lost(db, index):
                break
        out = []
        steps = 0
        for key, raw in store.scan(keys.USER):
            if _lost(db, index):
                break
            for code in index.of_record(raw):
                out.append(index.key(code, key))
            if len(out) >= _STEP:
                store.apply(out)
                out = []
                steps += 1
                if steps % _FLUSH == 0:
                    commit(db)
                yield
        if not _lost(db, index):
            key, value = index.catalogue()
            out.append((key, bytes((READY,)) + value[1:]))
            store.apply(out)
            index.ready = True
            commit(db)
    finally:
        if not index.ready and not _lost(db, index):
            del db._indexes[path]
    while path in (db._indexes or ()) and not db._indexes[path].ready:
        yield  # another build took over


def _lost(db, index):
    # Dropped, or built by another, or the database was emptied.
    return db._indexes is None or db._indexes.get(index.path) is not index


def drop_index_steps(db, path):
    """Remove an index in bounded steps; returns whether there was one."""
    split(path)
    from .lifecycle import commit

    store = db._store
    index = db._indexes.pop(path, None) if db._indexes else None
    key = CATALOGUE + path.encode()
    value = store.get(key)
    if value is None:
        return False
    store.apply([(key, bytes((BUILDING,)) + value[1:3])])
    for _ in _wipe(db, ENTRY + value[1:2], commit):
        yield
        if path in (db._indexes or ()):
            return True  # made again meanwhile, with a wipe of its own
    store.apply([(key, None)])
    commit(db)
    return True


def reclaim(db):
    """Remove some entries of an index that is neither used nor being built, with the lock held; True if there may be more."""
    store = db._store
    for key, value in store.scan(CATALOGUE, b"\x00d"):
        if value[0] == BUILDING and key[2:].decode() not in (db._indexes or ()):
            for _ in _wipe(db, ENTRY + value[1:2], lambda db: None):
                return True
            store.apply([(key, None)])
            return True
    return False


def indexes(db):
    """Return the sorted list of indexed paths; tags, always indexed, are not in it."""
    with hold(db):
        return sorted(p for p in db._indexes or () if db._indexes[p].ready)
