"""Changes of what is stored: fields of a record, its time to live; and the end of all records."""

from .arguments import check_ttl
from .changelist import current, write
from .loading import module
from .locking import hold
from .records import keys, record
from .records.encoder import encode
from .upkeep import count


def update(db, key, changes, array_filters=None):
    """Change fields of a document: plain fields are set, MongoDB's update operators applied.

    `array_filters`: list of filters for `$[name]` in paths. TTL and tags stay. Returns 1, or 0 if there is no such record. Raises
    `QueryError` for a malformed change, `TypeError`, `ValueError`, `DBFull`; the record is unchanged then.
    """
    operators = module("update.operators")
    raw_key = keys.stored(key)
    changes = operators.check(changes)
    return change(db, key, raw_key, changes, operators.places(changes, None, array_filters))


def change(db, key, raw_key, changes, places=None):
    """As `update`, with changes that are checked and what their paths mean (`positional.Places`)."""
    operators = module("update.operators")
    with hold(db):
        old = current(db, raw_key)
        if old is None:
            return 0
        document = operators.of_record(old, changes, key, places)
        write(db, raw_key, encode(document, None, record.stamp(old)), old)
        count(db)
        return 1


def ttl(db, key):
    """Return the seconds (float) that a record has left, or None if it has no TTL or is not there."""
    raw_key = keys.stored(key)
    with hold(db):
        old = current(db, raw_key)
        stamp = None if old is None else record.stamp(old)
        return None if stamp is None else db._clock.left(stamp)


def restamp(raw, new):
    """Return a record with another expiry (six bytes or None); its text is not parsed."""
    text = raw[record.text_start(raw) :]
    flags = 0 if raw[0] > 7 else raw[0] & 2
    if new is not None:
        return bytes([flags | 1]) + new + text
    if flags:
        return bytes([flags]) + text
    return text


def expire(db, key, ttl):
    """Give a record `ttl` seconds from now, or with None or 0 no end. Returns 1, or 0 if there is none."""
    raw_key = keys.stored(key)
    ttl = check_ttl(ttl)
    with hold(db):
        old = current(db, raw_key)
        if old is None:
            return 0
        write(db, raw_key, restamp(old, db._clock.stamp(ttl) if ttl else None), old)
        count(db)
        return 1


def purge(db, key, flag):
    """Delete every record; returns how many there were. When it fails, all are there still."""
    if flag is not True:
        raise TypeError("purge: bool, not " + type(flag).__name__)
    if key is not None:
        raise TypeError("delete: key and purge=True exclude each other")
    with hold(db):
        n = module("ranges").counted(db)
        db._deletes += n
        db._made += n
        if db._store.first(b"\0d") is not None:
            module("parts").purge(db)
            return n
        fresh = None
        changes = []
        if db._indexes:
            fresh = module("query.index_entries").emptied(db._indexes)
            changes = [fresh[path].catalogue() for path in fresh]
        expiry = None if db._expiry is None else db._expiry.emptied()
        db._store.clear(changes)
        db._indexes = fresh
        db._expiry = expiry
        for m in db._store.mirror or ():
            m.missed()
        return n
