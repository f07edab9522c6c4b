"""`check()`: every page's frames, every key in its place, every record, and that records, expiries and index entries agree."""

from micropython import const

from .errors import DBError
from .loading import module
from .records import keys, record
from .records.key_range import after

_STEP = const(8)  # pages or entries between two yields
_MANY = const(20)  # problems reported in words


def check_steps(db):
    """Verify the database; returns a dict.

    `ok`: bool; `problems`: the first 20 in words; `found`: how many there were; `pages`,
    `records`, `expiries`, `entries`: how many were verified. Changes nothing.
    """
    report = {"ok": True, "problems": [], "found": 0, "pages": 0, "records": 0, "expiries": 0, "entries": 0}
    todo = [(part, db) for part in (_pages, _keys, _records, _expiries, _entries)]
    try:
        if db._store.first(b"\0d") is not None:
            for collection in module("parts").every(db):
                todo += ((_records, collection), (_entries, collection))
    except (DBError, OSError) as e:
        _problem(report, "collections cannot be read: %s" % e)
    for part, of in todo:
        try:
            n = 0
            for _ in part(of, report):
                n += 1
                if not n % _STEP:
                    yield
        except (DBError, OSError) as e:
            _problem(report, "%s cannot be read on: %s" % (part.__name__[1:], e))
    report["ok"] = not report["found"]
    return report


def _problem(report, text):
    report["found"] += 1
    if len(report["problems"]) < _MANY:
        report["problems"].append(text)


def _pages(db, report):
    log = db._store.log
    if log is None:
        return
    i = 0
    while i < log.pages:
        problem = log.check_page(i)
        if problem and db._store.dirty():
            db._store.write_some(-1)  # the tree had this page in its cache only
            problem = log.check_page(i)
        if problem:
            _problem(report, problem)
        else:
            report["pages"] += 1
        i += 1
        yield


def _keys(db, report):
    # Each key in its order, and where a look-up finds it.
    store = db._store
    last = b""
    for key, raw in store.scan():
        if key <= last:
            _problem(report, "key %r comes after %r" % (key, last))
        if store.get(key) != raw:
            _problem(report, "key %r is not found where it is" % key)
        last = key
        yield


def _indexes(db):
    TAGS = module("query.index_entries").TAGS
    # One that is being built is not complete, and one that was dropped meanwhile has no entries to be found.
    return [TAGS] + [i for i in (db._indexes or {}).values() if i.ready]


def _records(db, report):
    store = db._store
    for key, raw in store.scan(keys.USER):
        try:
            record.decode(raw)
            stamp = record.stamp(raw)
            lost = [i.name() for i in _indexes(db) for code in i.of_record(raw) if store.get(i.key(code, key)[0]) is None]
        except (ValueError, DBError) as e:
            _problem(report, "record %r: %s" % (key, e))
            continue
        if stamp is not None and not store.ram and store.get(keys.EXPIRY + stamp + key) is None:
            _problem(report, "record %r: its expiry is not in the index" % key)
        for path in lost:
            _problem(report, "record %r: not in the index on %s" % (key, path))
        report["records"] += 1
        yield


def _expiries(db, report):
    store = db._store
    for entry in store.scan(keys.EXPIRY, after(keys.EXPIRY), 1):
        raw = store.get(entry[8:])
        if raw is None or record.stamp(raw) != entry[2:8]:
            _problem(report, "expiry of %r: no such record" % entry[8:])
        report["expiries"] += 1
        yield


def _entries(db, report):
    store = db._store
    for index in _indexes(db):
        for entry, head in store.scan(index.prefix, after(index.prefix)):
            head = head[0]
            raw = store.get(entry[head:])
            if raw is None or entry[3:head] not in index.of_record(raw):
                _problem(report, "index on %s: %r has no such value" % (index.name(), entry[head:]))
            report["entries"] += 1
            yield
            if index not in _indexes(db):
                break
