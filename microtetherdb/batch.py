"""Batches: one change list for many records."""

import json

from . import keys, record
from .arguments import check_ttl
from .keys import stored

len = len  # see database.py: a look-up by hash instead of a search
tuple = tuple


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

    An item is a document, or a tuple (key, document). `ttls`, `tags`: one for all, or a
    list with one for each. Raises as `put` does, naming the item, and stores nothing then.
    """
    if not isinstance(items, (list, tuple)):
        raise TypeError("items: list of documents or (key, document), not " + type(items).__name__)
    n = len(items)
    ttl_of = _each(ttls, n, "ttls", lambda t: not isinstance(t, (list, tuple)))
    tags_of = _each(tags, n, "tags", _one_tags)
    plain = ttls is None and tags is None
    db._enter()
    try:
        if plain and not db._linked:
            made = _quick(db, items)
            if made is not None:
                return made
        store = db._store
        encode = record.encode
        out = []
        made = []
        stamps = []
        linked = db._linked
        fresh = True
        last = {}
        for i, item in enumerate(items):
            try:
                key = None
                if type(item) is tuple and len(item) == 2 and isinstance(item[0], str):
                    key, item = item
                    raw_key = keys.stored(key)
                    fresh = False
                if plain:
                    raw = encode(item)
                else:
                    ttl = check_ttl(ttl_of(i), "ttls")
                    t = tags_of(i)
                    if t is not None:
                        record.check_tags(t)
                    raw = encode(item, t, db._clock.stamp(ttl) if ttl else None)
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
                stamps.append((raw_key,) + db._changes(raw_key, old, raw, out))
                last[raw_key] = raw
                linked = True
                db._link()
            else:
                out.append((raw_key, raw))
        _apply(db, out, stamps, fresh)
        _count(db, n)
        return made
    finally:
        db._lock.release()


def _quick(db, items):
    # Most batches: plain documents, without tags and TTLs. Returns None when an item needs the long way.
    plain = record.is_plain
    dumps = json.dumps
    made = []
    out = []
    add = out.append
    name = made.append
    store = db._store
    as_text = store.ram and not store.bad  # str needs neither a copy nor a look at its exact size
    size = 0
    fresh = True
    for data in items:
        key = None
        if data.__class__ is tuple and len(data) == 2:
            key, data = data
            fresh = False
            if key.__class__ is not str or not 0 < len(key) <= 32 or key < "\x02":
                return None
        if not plain(data):
            return None
        data = dumps(data, separators=(",", ":"))
        n = len(data)
        if n > 2048:  # characters of up to four bytes
            return None
        size += n + 32
        if key is None:
            key = keys.generated(db)
        name(key)
        add((key, data) if as_text else (key.encode(), data.encode()))
    store.apply(out, fresh, size if as_text else 0)
    _count(db, len(made))
    return made


def _apply(db, out, stamps, fresh=False):
    if out:
        db._store.apply(out, fresh)
        for key, was, new in stamps:
            if was is not None or new is not None:
                db._expiry.applied(key, was, new)


def _count(db, n):
    db._made += n
    if db._made >= db._next:
        from . import lifecycle

        lifecycle.tick(db)


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
    db._enter()
    try:
        out = []
        stamps = []
        n = 0
        for key in wanted:
            old = db._store.get(key)
            if old is not None:
                if not record.expired(old, db._clock):
                    n += 1
                stamps.append((key,) + db._changes(key, old, None, out))
        _apply(db, out, stamps)
        db._deletes += len(wanted)
        _count(db, len(wanted))
        return n
    finally:
        db._lock.release()


def purge(db, key, flag):
    """Delete every record; returns how many there were."""
    if flag is not True:
        raise TypeError("purge: bool, not " + type(flag).__name__)
    if key is not None:
        raise TypeError("delete: key and purge=True exclude each other")
    from . import ranges

    n = ranges.count(db)
    db._enter()
    try:
        db._store.clear()
        if db._indexes:
            from . import index

            index.rewrite(db)
        if not db._store.ram:
            db._store.put(keys.META, db._clock.save())
            db._store.commit()
        if db._expiry is not None:
            db._expiry.clear()
        db._deletes += n
        db._made += n
        db._counted = None
        return n
    finally:
        db._lock.release()
