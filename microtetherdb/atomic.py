"""One change of several records, put and deleted."""

from .changelist import changes, limit
from .records import record
from .upkeep import count


def change(db, pairs, gone=()):
    """Put records, (stored key, record), and delete the stored keys `gone`, in one change; returns what a limit drops for them.

    With the lock held.
    """
    most = limit(db)
    if most is not None:
        most.expire(len(pairs))
    store = db._store
    linked = db._linked or most is not None
    out = []
    stamps = []
    last = {}
    for key, raw in pairs:
        if linked or raw[0] < 8 or b'tags":' in raw:
            stamps.append((key,) + changes(db, key, last[key] if key in last else store.get(key), raw, out))
            last[key] = raw
            linked = True
            db._linked = True
        else:
            out.append((key, raw))
    delete(db, gone, out, stamps)
    dropped = () if most is None else most.room(last, out, stamps)
    apply(db, out, stamps)
    db._deletes += len(gone) + len(dropped)
    count(db, len(pairs) + len(gone))
    return dropped


def apply(db, out, stamps):
    """Apply a change list; `stamps`: (key, stamp before, after) of its records. With the lock held."""
    if out:
        db._store.apply(out)
        for key, was, new in stamps:
            if was is not None or new is not None:
                db._expiry.applied(key, was, new)


def delete(db, wanted, out, stamps):
    """Add the deletion of records to a change list; returns how many there are."""
    n = 0
    for key in wanted:
        old = db._store.get(key)
        if old is not None:
            if not record.expired(old, db._clock):
                n += 1
            stamps.append((key,) + changes(db, key, old, None, out))
    return n
