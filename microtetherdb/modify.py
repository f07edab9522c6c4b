"""Changes of what is stored: fields of a record, its document, its time to live; and the end of all records."""

import json

from .arguments import check_ttl
from .changelist import write
from .loading import module
from .locking import hold
from .records import keys, record
from .records.encoder import encode
from .upkeep import count


def _old(db, raw_key):
    old = db._store.get(raw_key)
    if old is None or record.expired(old, db._clock):
        return None
    return old


def update(db, key, changes):
    """Change fields of a document: plain fields are set, MongoDB's update operators applied.

    TTL and tags stay. Returns 1, or 0 if there is no such record. Raises `QueryError` for a
    malformed change, `TypeError`, `ValueError`, `DBFull`; the record is unchanged then.
    """
    operators = module("update.operators")
    raw_key = keys.stored(key)
    with hold(db):
        old = _old(db, raw_key)
        if old is None:
            operators.check_changes(changes)
            return 0
        document = operators.of_record(old, changes, key)
        write(db, raw_key, encode(document, None, record.stamp(old)), old)
        count(db)
        return 1


def _tags(old):
    # The tags of a record, or None.
    if b'"_tags":' not in old:
        return None
    old = json.loads(old[record.text_start(old) :])
    return old.get("_tags") if isinstance(old, dict) else None


def _in_place_of(db, raw_key, old, data, tags):
    # A document that has `_tags` keeps them; else the record's go on.
    if tags is None and not (isinstance(data, dict) and "_tags" in data):
        tags = _tags(old)
    write(db, raw_key, encode(data, tags, record.stamp(old)), old)
    count(db)


def replace(db, key, data):
    """Store another document under a key, with the TTL and the tags that the record has: `put(key, data)` gives it none.

    Tags that the document has as its `_tags` take the place of the old ones. Returns 1, or 0 if there is no such record. Raises as `put`.
    """
    raw_key = keys.stored(key)
    with hold(db):
        old = _old(db, raw_key)
        if old is None:
            encode(data)  # what cannot be stored is an error
            return 0
        _in_place_of(db, raw_key, old, data, None)
        return 1


def put_kept(db, raw_key, data, tags):
    """`put` with `ttl=KEEP`: the TTL of the record that is replaced, if any, and its tags if no others are given."""
    limit = db._limit
    if limit is not None:
        limit.shrink()
    with hold(db):
        old = _old(db, raw_key)
        if old is not None:
            return _in_place_of(db, raw_key, old, data, tags)
        raw = encode(data, tags)
        if limit is None:
            write(db, raw_key, raw)
        else:
            limit = limit, limit.put(raw_key if raw_key.__class__ is bytes else raw_key.encode(), raw)
        count(db)
    if limit is not None:
        limit[0].tell(limit[1])


def ttl(db, key):
    """Return the seconds (float) that a record has left, or None if it has no TTL or is not there."""
    raw_key = keys.stored(key)
    with hold(db):
        old = _old(db, raw_key)
        stamp = None if old is None else record.stamp(old)
        return None if stamp is None else db._clock.left(stamp)


def _restamp(raw, new):
    # The record with another expiry (six bytes or None); the text is not parsed.
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
        old = _old(db, raw_key)
        if old is None:
            return 0
        write(db, raw_key, _restamp(old, db._clock.stamp(ttl) if ttl else None), old)
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
        fresh = None
        changes = []
        if db._indexes:
            fresh = module("query.index_entries").emptied(db._indexes)
            changes = [fresh[path].catalogue() for path in fresh]
        expiry = None if db._expiry is None else db._expiry.emptied()
        db._store.clear(changes)
        db._indexes = fresh
        db._expiry = expiry
        db._deletes += n
        db._made += n
        if db._watch is not None:
            db._watch.wake()
        return n
