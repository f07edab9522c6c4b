"""What a change of one record means for the whole tree: its index entries and its expiry entry change with it, or nothing does."""

from .loading import module
from .records import record

try:
    from _mtdb_record import tag_changes as _tag_changes  # ports/record: those of most records
except ImportError:  # stock firmware

    def _tag_changes(old, raw, key, out):
        return False


_READ = object()


def write(db, key, raw, old=_READ):
    """Put (or, `raw` None, delete) a record with its index and expiry entries, with the lock held. `old`: what it replaces, if known."""
    store = db._store
    if key.__class__ is str:
        key = key.encode()
    if old is _READ:
        old = store.get(key)
    if raw is None or db._indexes:
        return _list(db, key, raw, old)
    tags = b'tags":' in raw or old is not None and b'tags":' in old
    if raw[0] > 7 and (old is None or old[0] > 7):  # none expires
        return _tagged(db, key, raw, old) if tags else store.put(key, raw)
    if tags or old is not None or not store.ram:
        return _list(db, key, raw, old)
    _expiring(db, key, raw)


# What most records need, with small frames (docs/architecture.md).


def _tagged(db, key, raw, old):
    out = [(key, raw)]
    if db._moves is not None or not _tag_changes(old, raw, key, out):
        return _list(db, key, raw, old)
    if not db._linked:
        db._linked = True
    db._store.apply(out)


def _expiring(db, key, raw):
    # In RAM nothing of an expiry is in the tree.
    if db._expiry is None:
        begin_expiry(db)
    db._linked = True
    db._store.put(key, raw)
    db._expiry.entered(key, raw)


def _list(db, key, raw, old):
    out = []
    was, new = changes(db, key, old, raw, out)
    if not db._linked and (new is not None or len(out) > 1):
        db._linked = True
    if raw is not None and len(out) == 1:
        db._store.put(key, raw)
    else:
        db._store.apply(out)
    if was is not None or new is not None:
        db._expiry.applied(key, was, new)


def limit(db):
    """Return what drops records of a database that holds so many only (`limit.Limit`), or None."""
    return None if db._store.mirror is None else module("storage.mirrors").of(db._store, "limit")


def current(db, key):
    """Return the record under a stored key, None for one that has expired."""
    old = db._store.get(key)
    return None if old is None or record.expired(old, db._clock) else old


def changes(db, key, old, raw, out):
    """Append the changes for one record to a change list; returns its stamps before and after, or None for each."""
    out.append((key, raw))
    if db._indexes or (old is not None and b'tags":' in old) or (raw is not None and b'tags":' in raw):
        if db._indexes or db._moves is not None or not _tag_changes(old, raw, key, out):
            module("query.index_entries").changes(db, key, old, raw, out)
    was = None if old is None else record.stamp(old)
    new = None if raw is None else record.stamp(raw)
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
