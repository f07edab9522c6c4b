"""Puts with more than usual: another document in the place of one, whose TTL and tags stay; a put that is durable when it returns."""

import json

from .changelist import current, limit, write
from .flushing import commit
from .locking import hold
from .records import keys, record
from .records.encoder import encode
from .upkeep import count


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
        old = current(db, raw_key)
        if old is None:
            encode(data)  # what cannot be stored is an error
            return 0
        _in_place_of(db, raw_key, old, data, None)
        return 1


def put_kept(db, key, raw_key, data, tags):
    """`put` with `ttl=KEEP`: the TTL of the record that is replaced, if any, and its tags if no others are given."""
    if key is None:  # a new record
        return db.put(data, tags=tags)
    dropped = ()
    with hold(db):
        old = current(db, raw_key)
        if old is not None:
            _in_place_of(db, raw_key, old, data, tags)
        else:
            raw = encode(data, tags)
            most = limit(db)
            if most is not None:
                dropped = most.put(raw_key, raw)
            else:
                write(db, raw_key, raw)
                count(db)
    if dropped:
        most.tell(dropped)
    return key


def durable(db):
    """Make what was done durable, with the lock held, and leave the rhythm of the others as it is."""
    if db._store.dirty():
        commit(db, False)


def put_durable(db, args, kw):
    """`put` with `durable=`, a bool."""
    at_once = kw.pop("durable")
    key = db.put(*args, **kw)
    if at_once:
        with hold(db):
            durable(db)
    return key
