"""When what was acknowledged becomes durable: the rhythm of flushes, and what of the database itself a commit keeps."""

from micropython import const

from .locking import hold

_PAGES = const(1)  # written in one piece of a flush in the background
_MUCH = const(4096)  # bytes of pages that a commit of the log's own must write to count as a flush
_SAVE_CLOCK = const(60)  # seconds between two savings of the clock's state


def threshold(db):
    """Return the number of operations between two flushes."""
    if db._fixed:
        return db._fixed
    n = db._made
    return 10 if n < 100 else 15 if n <= 1000 else 20


def flush(db):
    """Make every acknowledged operation durable."""
    with hold(db):
        commit(db)
        db._next = 0  # see `upkeep.tick`


def commit(db, again=True):
    """Flush, with the lock held. `again`: the next flush is due a threshold later."""
    store = db._store
    db._flushes += 1
    if again:
        db._next = db._due = db._made + threshold(db)
    if store.ram:
        return
    clock = db._clock
    clock.tick()
    due = clock.changed or db._expiry is not None and clock.seconds() - clock.saved >= _SAVE_CLOCK
    store.commit(due)
    if due:
        clock.changed = False


def flush_piece(db):
    """A piece of a flush in the background, with the lock held; True if there is more of it."""
    if db._store.write_some(_PAGES):
        return True
    commit(db)
    return False


def flush_due(db):
    """A piece of a flush if enough operations were made, with the lock held; True if it did one."""
    if db._store.ram or db._made < db._due:
        return False
    flush_piece(db)
    return True


def early(db, store):
    """A commit that the log needs; one of several kilobytes counts as a flush, and the rhythm goes on from there."""
    much = store.log.grown > _MUCH
    store.commit()
    if much:
        db._flushes += 1
        db._next = db._due = db._made + threshold(db)


def kept(db, clock, newest, must):
    """Return the state (bytes) for a commit that `must` keep it, or may be the first one with entries besides records; else b"".

    It is that of `clock`, and whether the tree may have such entries. `newest`: the state that the log has.
    """
    if must or db._linked and not (newest and newest[-1]):
        return clock.save() + (b"\1" if db._linked else b"\0")
    return b""
