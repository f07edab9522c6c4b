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
    if raw is not None and not db._indexes and b'tags":' not in raw and (old is None or b'tags":' not in old):
        if raw[0] > 7 and (old is None or old[0] > 7):
            return store.put(key, raw)
        if old is None and store.ram:
            return _expiring(db, key, raw)
    _list(db, key, raw, old)


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


def begin_expiry(db, store=None):
    """Set up what finds the records that expire, with the first TTL."""
    if store is None:
        store = db._store
    if store.ram:
        db._expiry = module("records.ttl_heap").RamExpiry(store)
    else:
        db._expiry = module("records.ttl_index").TreeExpiry(store)
