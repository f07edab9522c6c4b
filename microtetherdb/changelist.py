"""What a change of one record means for the whole tree: its index entries and its expiry entry change with it, or nothing does."""

from .loading import module
from .records import record

_READ = object()


def write(db, key, raw, old=_READ):
    """Put (or, `raw` None, delete) a record with its index and expiry entries, with the lock held. `old`: what it replaces, if known."""
    store = db._store
    if key.__class__ is str:
        key = key.encode()
    if old is _READ:
        old = store.get(key)
    if raw is not None and not db._indexes and _alone(raw) and (old is None or _alone(old)):
        return store.put(key, raw)
    out = []
    was, new = changes(db, key, old, raw, out)
    if not db._linked and (new is not None or len(out) > 1):
        db._linked = True
    if raw is not None and len(out) == 1:
        store.put(key, raw)
    else:
        store.apply(out)
    if was is not None or new is not None:
        db._expiry.applied(key, was, new)


def limit(db):
    """Return what drops records of a database that holds so many only (`limit.Limit`), or None."""
    return None if db._store.mirror is None else module("storage.mirrors").of(db._store, "limit")


def current(db, key):
    """Return the record under a stored key, None for one that has expired."""
    old = db._store.get(key)
    return None if old is None or record.expired(old, db._clock) else old


def _alone(raw):
    # Whether a record has neither tags nor expiry.
    return raw[0] > 7 and b'tags":' not in raw


def changes(db, key, old, raw, out):
    """Append the changes for one record to a change list; returns its stamps before and after, or None for each."""
    out.append((key, raw))
    if db._indexes or (old is not None and b'tags":' in old) or (raw is not None and b'tags":' in raw):
        module("query.index_entries").changes(db, key, old, raw, out)
    was = new = None
    if old is not None and old[0] < 8:
        was = record.stamp(old)
    if raw is not None and raw[0] < 8:
        new = record.stamp(raw)
    if was is not None or new is not None:
        if db._expiry is None:
            begin_expiry(db)
        db._expiry.changes(key, was, new, out)
    return was, new


def apply(db, out, stamps):
    """Apply a change list; `stamps`: (key, stamp before, after) of its records. With the lock held."""
    for index in (db._indexes or {}).values():
        index.pending = None  # of the change list
    if out:
        db._store.apply(out)
        for key, was, new in stamps:
            if was is not None or new is not None:
                db._expiry.applied(key, was, new)


def begin_expiry(db, store=None):
    """Set up what finds the records that expire, with the first TTL."""
    if store is None:
        store = db._store
    if store.ram:
        db._expiry = module("records.ttl_heap").RamExpiry(store)
    else:
        db._expiry = module("records.ttl_index").TreeExpiry(store)
