"""Creating and dropping indexes."""

from micropython import const

from ..errors import QueryError
from ..flushing import commit
from ..locking import hold
from ..loading import module
from ..records import keys, record
from ..records.key_range import after
from .index_entries import BUILDING, CATALOGUE, COMPOUND, READY, STEP, UNIQUE, Index, check_unique, document, paced, reclaim, settle, some
from .path import fields, split

_PATH = const(100)  # bytes
_PATHS = const(8)
_ALL_PATHS = const(180)  # bytes
_IDS = const(255)


def _check_path(path):
    fields(path, "path")
    if len(path.encode()) > _PATH:
        raise QueryError("path: at most %d bytes" % _PATH)
    if path == "tags" or path == "_tags":
        raise QueryError("no index on %s: tags are indexed always" % path)
    if path == "_id" or path.startswith("_id."):
        raise QueryError("no index on %s: it is the record's key, and records are in the order of their keys" % path)


def _catalogued(path):
    # What the catalogue has for a path, or pairs (path, 1 or -1), checked: (its text, flags).
    if isinstance(path, str):
        _check_path(path)
        return path, 0
    spec = module("query.sort").parse(path, "path")
    names = [".".join(parts) for parts, _ in spec]
    for name in names:
        _check_path(name)
    if len(names) == 1:
        return names[0], 0
    path = "\0".join(("-" if spec[i][1] else "+") + names[i] for i in range(len(names)))
    steps = path.replace("\0", ".").replace("+", "").replace("-", "").split(".")
    if (
        len(set(names)) < len(names)
        or path.count("\0") >= min(len(names), _PATHS)
        or len(path.encode()) > _ALL_PATHS
        or any(s.isdigit() for s in steps)
    ):
        raise QueryError("index: up to %d different paths, together %d bytes, without numbers of elements" % (_PATHS, _ALL_PATHS))
    return path, COMPOUND


def _begin(db, path, flags):
    # Enter an index that is being built from now on.
    store = db._store
    key = CATALOGUE + path.encode()
    taken = set()
    number = 0
    for k, value in store.scan(CATALOGUE, after(CATALOGUE)):
        if k == key:
            number = value[1]  # its entries that are left are removed first
        taken.add(value[1])
    if not number:
        for number in range(1, _IDS + 1):
            if number not in taken:
                break
        else:
            raise QueryError("no more than %d indexes" % _IDS)
    index = Index(path, number, flags, False)
    index.at = None
    db._linked = True  # every change goes through its change list from now on
    db._leftover = True  # if this breaks off
    store.apply([index.catalogue()])
    if db._indexes is None:
        db._indexes = {}
    db._indexes[path] = index
    return index


def _piece(db, index):
    # The next entries of an index that is being built; True if there are more.
    store = db._store
    out = ()
    if index.at is None:
        out = some(store, index.prefix)
        at = None if out else keys.USER
    else:
        at = index.at
        out = []
        for key, raw in store.scan(at):
            at = key + b"\0"
            codes = index.of_record(raw)
            if index.flags & UNIQUE and not (raw[0] < 8 and record.expired(raw, db._clock)):
                check_unique(db, index, key, codes, document(raw), out)
            for code in codes:
                out.append(index.key(code, key))
            if len(out) >= STEP:
                break
        else:
            key, value = index.catalogue()
            out.append((key, bytes((READY,)) + value[1:]))
            store.apply(out)
            index.ready = True
            commit(db)
            return False
    if out:
        store.apply(out)
        paced(db)
    index.at = at
    return True


def _leave(db, index):
    index.builders -= 1
    if db._open:
        settle(db)


def _rest(db, number, error):
    # After an error or a cancellation the entries go all the same: there may be no room for anything else.
    if not isinstance(error, (GeneratorExit, KeyboardInterrupt)):
        while reclaim(db, number):
            yield
    raise error


def _current(db, path):
    return db._indexes.get(path) if db._indexes else None


def create_index_steps(db, path, unique=False):
    """Index a path ("address.city"), or several ([("room", 1), ("time", -1)]): existing records in bounded steps, new ones as they come.

    `unique`: no two records may have the same value there; what has none has null. Returns the name that `drop_index` takes.
    The index is used once it is complete; a build that was cut off is begun again. Two calls for one path build it together;
    `drop_index` ends them.
    Raises `QueryError` for a path that cannot be indexed, `DuplicateKeyError`, `DBFull`.
    """
    # A generator that works between its yields, under the database lock.
    if unique is not True and unique is not False:
        raise TypeError("unique: bool, not " + type(unique).__name__)
    path, flags = _catalogued(path)
    if unique:
        flags |= UNIQUE
    index = _current(db, path) or _begin(db, path, flags)
    if (index.flags ^ flags) & UNIQUE:
        raise QueryError("there is an index on %s that is %sunique; drop it first" % (index.name(), "not " if unique else ""))
    if index.ready:
        return index.name()
    index.builders += 1
    try:
        try:
            while _piece(db, index):
                yield
                if index.ready or _current(db, path) is not index:
                    break  # by another call; dropped; or the database was emptied
        finally:
            _leave(db, index)
    except BaseException as e:
        yield from _rest(db, index.number, e)
    reclaim(db)
    return index.name()


def drop_index_steps(db, path):
    """Remove an index in bounded steps; returns whether there was one. `path`: as for `create_index`, or its name.

    `create_index` of the path meanwhile makes it anew.
    """
    if isinstance(path, str):
        split(path)
        for index in (db._indexes or {}).values():
            if index.spec is not None and index.name() == path:
                path = index.path
                break
    else:
        path = _catalogued(path)[0]
    key = CATALOGUE + path.encode()
    value = db._store.get(key)
    if value is None:
        return False
    db._leftover = True
    db._store.apply([(key, bytes((BUILDING,)) + value[1:])])
    if db._indexes:
        db._indexes.pop(path, None)
    try:
        while reclaim(db, value[1]):
            yield
    except BaseException as e:
        yield from _rest(db, value[1], e)
    commit(db)
    return True


def indexes(db):
    """Return the sorted list of indexed paths, of several the name ("room_1_time_-1"); tags, always indexed, are not in it."""
    with hold(db):
        return sorted(index.name() for index in (db._indexes or {}).values() if index.ready)
