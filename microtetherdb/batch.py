"""Batches: one change list for many records."""

from micropython import const

from .arguments import check_ttl
from .changelist import changes
from .locking import hold
from .records import keys, record
from .records.encoder import encode
from .records.keys import stored
from .upkeep import count

_SESSION = const(0xFFFFFF)  # see keys.py


def _each(value, n, name, single):
    # One for all, or a list with one each.
    if value is None or single(value):
        return lambda i: value
    if len(value) != n:
        raise ValueError("%s: %d for %d items" % (name, len(value), n))
    return lambda i: value[i]


def _one_tags(tags):
    if not isinstance(tags, (list, tuple)):
        raise TypeError("tags: list of str, or one list for each item, not " + type(tags).__name__)
    return not tags or isinstance(tags[0], str)


def put_batch(db, items, ttls=None, tags=None):
    """Store many documents at once, all or none; returns their keys.

    An item is a document, or a tuple (key, document); TTLs and tags do not go into it. `ttls`, `tags`: one for all, or a
    list with one for each. Raises as `put` does, naming the item, and stores nothing then.
    """
    if ttls is None and tags is None and not db._linked and items.__class__ is list:
        try:
            made, records, size = _plain(items)
        except Exception:
            made = None  # an item needs the long way, which says what is wrong with it if anything is
        if made is not None:
            made = _put_plain(db, made, records, size)
            if made is not None:
                return made
    return _put_any(db, items, ttls, tags)


def _plain(items, plain=record.plain):
    # Most batches: plain documents without tags and TTLs. Returns keys (none if they are to be made), records and
    # the bytes that they take, or raises an exception of any kind.
    made = []
    records = []
    name = made.append
    add = records.append
    size = 0
    for data in items:
        if data.__class__ is tuple:
            key, data = data
            if key.__class__ is not str or len(key) > 32 or key < "\x02":
                raise ValueError
            name(key)
        data = plain(data)
        size += len(data) + 32  # an exception for None
        add(data)
    if made and len(made) != len(records):
        raise ValueError
    return made, records, size


def _put_plain(db, made, records, size):
    # Returns None, nothing done, when the long way is needed after all.
    with hold(db):
        if db._linked:
            return None
        store = db._store
        n = len(records)
        fresh = not made
        if fresh:
            made = _several(db, n)
        if store.bad:
            store.apply([(made[i].encode(), records[i]) for i in range(n)])
        else:
            store.put_many(made, records, size, fresh)
        count(db, n)
        return made


def _several(db, n):
    # A list of n new keys.
    out = []
    while len(out) < n:
        out.append(keys.generated(db))  # begins a session when one is needed
        session = db._session
        first = db._keys_made + 1
        last = min(_SESSION, first - 1 + n - len(out))
        made = ["%s%06x" % (session, i) for i in range(first, last + 1)]
        if made:
            for _ in db._store.scan(made[0].encode(), made[-1].encode() + b"\0", 1):
                last = _SESSION  # one is in use: on to the next session
                made = ()
                break
        db._keys_made = last
        out.extend(made)
    return out


def _put_any(db, items, ttls, tags):
    if not isinstance(items, (list, tuple)):
        raise TypeError("items: list of documents or (key, document), not " + type(items).__name__)
    n = len(items)
    ttl_of = _each(ttls, n, "ttls", lambda t: not isinstance(t, (list, tuple)))
    tags_of = _each(tags, n, "tags", _one_tags)
    plain = ttls is None and tags is None
    with hold(db):
        store = db._store
        out = []
        made = []
        stamps = []
        linked = db._linked
        last = {}
        for i, item in enumerate(items):
            try:
                key = None
                if isinstance(item, tuple):
                    if len(item) != 2:
                        raise TypeError("(key, document), not a tuple of %d" % len(item))
                    key, item = item
                    raw_key = keys.stored(key)
                if plain:
                    raw = encode(item)
                else:
                    ttl = check_ttl(ttl_of(i), "ttls")
                    raw = encode(item, tags_of(i), db._clock.stamp(ttl) if ttl else None)
            except (TypeError, ValueError) as e:
                raise type(e)("items[%d]: %s" % (i, e))
            if key is None:
                key = keys.generated(db)
                raw_key = key
            made.append(key)
            if type(raw_key) is str:
                raw_key = raw_key.encode()
            if linked or raw[0] < 8 or b'tags":' in raw:
                old = last[raw_key] if raw_key in last else store.get(raw_key)
                stamps.append((raw_key,) + changes(db, raw_key, old, raw, out))
                last[raw_key] = raw
                linked = True
                db._linked = True
            else:
                out.append((raw_key, raw))
        _apply(db, out, stamps)
        count(db, n)
        return made


def _apply(db, out, stamps):
    for index in (db._indexes or {}).values():
        index.pending = None  # of the change list
    if out:
        db._store.apply(out)
        for key, was, new in stamps:
            if was is not None or new is not None:
                db._expiry.applied(key, was, new)


def delete_batch(db, keys):
    """Delete many records at once, all or none; returns how many there were."""
    try:
        each = None if isinstance(keys, (str, bytes, bytearray)) else iter(keys)
    except TypeError:
        each = None
    if each is None:
        raise TypeError("keys: list of str, not " + type(keys).__name__)
    wanted = {}
    for i, key in enumerate(each):
        try:
            key = stored(key)
            wanted[key.encode() if type(key) is str else key] = True
        except (TypeError, ValueError) as e:
            raise type(e)("keys[%d]: %s" % (i, e))
    with hold(db):
        out = []
        stamps = []
        n = 0
        for key in wanted:
            old = db._store.get(key)
            if old is not None:
                if not record.expired(old, db._clock):
                    n += 1
                stamps.append((key,) + changes(db, key, old, None, out))
        _apply(db, out, stamps)
        db._deletes += len(wanted)
        count(db, len(wanted))
        return n
