"""Faults at each read, write and background step of a store while one call reads many records: all of them, or an exception."""

import io

from expect import FakeTime
from flashsim import Flash
from microtetherdb import DBCorrupt, DBError, DBFull, MicroTetherDB
from microtetherdb.records import clock
from nightly import COARSER, NIGHTLY

N = 60
CAUGHT = (DBError, OSError, MemoryError)


class Faults:
    """Puts itself in front of methods of one object. Calls are counted by kind: from the `first` on, `times` of them (-1: all) fail."""

    def __init__(self):
        self.disarm()

    def disarm(self):
        self.kind = None
        self.reached = False

    def arm(self, kind, first, times, error):
        self.kind = kind
        self.left = first
        self.times = times
        self.error = error
        self.reached = False

    def due(self, kind):
        if kind != self.kind:
            return False
        if self.left:
            self.left -= 1
            return False
        if not self.times:
            return False
        self.times -= 1
        self.reached = True
        return True

    def cover(self, obj, name, kind, broke=None):
        """Let `obj.name` raise; or call `broke` before it, as a background step does that failed before the call."""
        real = getattr(obj, name)

        def covered(*args):
            if self.due(kind):
                if broke is None:
                    raise self.error
                broke(self.error)
            return real(*args)

        setattr(obj, name, covered)


def cover(db, faults):
    store = db._store
    log = store.log
    if log is None:
        faults.cover(store._stream, "readinto", "read")
        faults.cover(store._stream, "write", "write")
        return
    # "broken": what a background step leaves that fails, noticed at any page that is read.
    faults.cover(log, "_get", "broken", log._broke)
    faults.cover(log, "_get", "read")
    faults.cover(log, "put", "write")
    faults.cover(log, "step", "step", log._broke)
    faults.cover(log, "commit", "commit")


READ = (
    ("read", OSError(5)), ("write", OSError(5)), ("broken", OSError(5)), ("read", DBCorrupt("damaged")), ("write", MemoryError()),
    ("broken", MemoryError()), ("read", MemoryError()), ("write", DBFull("full")),
)  # fmt: skip
CHANGE = READ + (
    ("step", OSError(5)),
    ("commit", OSError(5)),
    ("step", MemoryError()),
    ("commit", MemoryError()),
    ("commit", DBFull("full")),
)
IN_RAM = (("read", MemoryError()), ("write", MemoryError()))


def document(i):
    return {"i": i, "c": i % 3, "a": [i, i + 1] if i % 5 == 0 else i, "s": "s%d" % (i % 9), "p": "x" * (60 + i * 7 % 90)}


def fill(db):
    db.create_index("c")
    db.create_index("a")
    for i in range(N):
        db.put("k%03d" % i, document(i), tags=["odd", "t%d" % (i % 7)] if i % 4 == 1 else None, ttl=100 + i if i % 6 == 0 else None)
    db.flush()


def dumped(db):
    out = io.StringIO()
    n = db.dump(out)
    return n, out.getvalue().split("\n")


def counted(db):
    db._store.counted = 0, None
    return len(db)


def checked(db):
    # It says what it could not read, or it has read all.
    report = db.check()
    return not report["ok"] or report["records"] == N


def some(db, *args, **kw):
    # One step at a time, with other calls that seek in the tree between.
    out = []
    for item in db.find(*args, **kw):
        out.append(item)
        if len(out) % 8 == 3:
            db.get("k007")
            db.count({"c": 7})
    return out


READERS = {
    "query": lambda db: db.query(),
    "query, scan": lambda db: db.query({"i": {"$gte": 5}}),
    "query, literal": lambda db: db.query({"s": "s7"}),
    "query, regex": lambda db: db.query({"s": {"$regex": "[3-5]$"}}),
    "query, limit": lambda db: db.query({"i": {"$gte": 3}}, limit=40, skip=2),
    "query, fields": lambda db: db.query({"i": {"$lt": 50}}, fields=["i"]),
    "query, keys": lambda db: db.query({"i": {"$lt": 50}}, keys=True),
    "query, sort": lambda db: db.query({"p": {"$exists": True}}, sort="-s"),
    "query, nothing": lambda db: db.query({"i": 1000}),
    "by index": lambda db: db.query({"c": 1}),
    "by index, limit": lambda db: db.query({"c": 1}, limit=18),
    "by index, range": lambda db: db.query({"c": {"$gte": 1}}),
    "by index, two": lambda db: db.query({"c": {"$in": [0, 2]}}),
    "by index, arrays": lambda db: db.query({"a": {"$gte": 10}}),
    "by index, keys": lambda db: db.query({"a": {"$gt": 5, "$lt": 50}}, keys=True),
    "by index, nothing": lambda db: db.query({"c": 9}),
    "by index, behind all": lambda db: db.query({"a": {"$gt": "z"}}),
    "by order": lambda db: db.query(sort="c"),
    "by order, down": lambda db: db.query({"c": {"$gte": 0}}, sort="-c", keys=True),
    "by order, down, limit": lambda db: db.query({"c": {"$lte": 1}}, sort="-c", limit=25),
    "by tag": lambda db: db.query({"tags": "odd"}),
    "find": lambda db: some(db, {"i": {"$gte": 5}}),
    "find by index": lambda db: some(db, {"c": {"$gte": 1}}),
    "find by index, down": lambda db: some(db, {"c": {"$gte": 1}}, sort="-c"),
    "find, sort": lambda db: some(db, {"i": {"$gte": 5}}, sort="s"),
    "count": lambda db: db.count({"i": {"$gte": 5}}),
    "count by index": lambda db: db.count({"c": 2}),
    "count by arrays": lambda db: db.count({"a": {"$gte": 2}}),
    "explain": lambda db: db.explain({"s": "s3"})["returned"],
    "explain by index": lambda db: db.explain({"c": 1})["returned"],
    "keys": lambda db: list(db.keys()),
    "values": lambda db: list(db.values("k010", "k050")),
    "items": lambda db: list(db.items(prefix="k0")),
    "for": lambda db: [k for k in db],
    "len": counted,
    "dump": dumped,
    "check": checked,
}


def backed(db):
    n = db.backup("copy.db")
    copy = MicroTetherDB("copy.db", in_memory=False)
    try:
        assert copy.check()["ok"]
        return n, dict(copy.items())
    finally:
        copy.close()


def touch(db):
    # Changed pages in the cache, which others push out.
    db.flush()
    for i in range(0, N, 7):
        key = "k%03d" % i
        db._store.put(key, db._store.get(key))


def steps(first, each=False):
    """Yield which operation fails: some, or `each` and nightly every one."""
    each = each or NIGHTLY
    n = 0 if each else first % 5
    while True:
        yield n
        n += 1 if each else 6 + n


def readers(db, kinds, calls):
    """Each of `calls` under each fault, on one database; returns how many."""
    faults = Faults()
    cover(db, faults)
    model = dict(db.items())
    done = 0
    turn = 0
    for name in calls:
        call = calls[name]
        faults.disarm()
        right = call(db)
        turn += 1
        for i, (kind, error) in enumerate(kinds):
            if not NIGHTLY and (i + turn) % (2 * COARSER):
                continue
            for n in steps(turn + i, kind == "write"):
                touch(db)
                times = (1, 2, 3 if kind in ("broken", "step") else -1)[(n + turn) % 3]
                where = "%s: %s number %d, %d times %r" % (name, kind, n, times, error)
                faults.arm(kind, n, times, error)
                got = None
                try:
                    got = call(db)
                except CAUGHT as e:
                    assert faults.reached, "%s: %r without a fault" % (where, e)
                    got = right
                reached = faults.reached
                faults.disarm()
                assert got == right, "%s: %r instead of %r" % (where, got, right)
                if not reached:
                    break
                done += 1
                assert not db._lock.locked(), where
                if done % 4 == 0:
                    assert dict(db.items()) == model, where + ": records are missing"
    assert db.check()["ok"]
    assert dict(db.items()) == model
    return done


WRITERS = {
    # name: (call, what becomes of a document: another one, or None)
    "delete_many": (lambda db: db.delete_many({"i": {"$gte": 20}}), lambda d: None if d["i"] >= 20 else d),
    "delete_many by index": (lambda db: db.delete_many({"c": 1}), lambda d: None if d["c"] == 1 else d),
    "update_many": (lambda db: db.update_many({"i": {"$gte": 20}}, {"$set": {"z": 1}}), lambda d: dict(d, z=1) if d["i"] >= 20 else d),
    "update_many by index": (lambda db: db.update_many({"c": 1}, {"$set": {"c": 5}}), lambda d: dict(d, c=5) if d["c"] == 1 else d),
    "cleanup": (lambda db: db.cleanup(), lambda d: None if d["i"] % 6 == 0 else d),
    "purge": (lambda db: db.delete(purge=True), lambda d: None),
    "create_index": (lambda db: db.create_index("s"), lambda d: d),
    "drop_index": (lambda db: db.drop_index("c"), lambda d: d),
}


def agree(db, where):
    """Indexes and scans find the same, and all of it."""
    docs = list(db.items())
    report = db.check()
    assert report["ok"] and report["records"] == len(docs), (where, report)
    for q, test in (
        ({"c": 1}, lambda d: d["c"] == 1),
        ({"a": {"$gte": 30}}, lambda d: max(d["a"]) >= 30 if isinstance(d["a"], list) else d["a"] >= 30),
        ({"s": "s4"}, lambda d: d["s"] == "s4"),
        ({"tags": "odd"}, lambda d: "odd" in d.get("_tags", ())),
    ):
        hits = sorted(k for k, _ in db.query(q, keys=True))
        assert hits == [k for k, d in docs if test(d)], (where, q, hits)


def writers(fresh, kinds, calls, fake=None):
    """Each of `calls` under each fault, on a database of its own that `fresh` returns; returns how many. `fake`: the time."""
    done = turn = 0
    for name in calls:
        call, change = calls[name]
        turn += 1
        for i, (kind, error) in enumerate(kinds):
            if not NIGHTLY and (i + turn) % (2 * COARSER):
                continue
            for n in steps(turn + i):
                db, again = fresh()
                before = dict(db.items())
                after = {}
                for key in before:
                    d = change(before[key])
                    if d is not None:
                        after[key] = d
                if name == "cleanup":
                    fake.go(1000)
                    before = after
                faults = Faults()
                cover(db, faults)
                touch(db)
                times = (1, 2, 3 if kind in ("broken", "step") else -1)[(n + turn) % 3]
                where = "%s: %s number %d, %d times %r" % (name, kind, n, times, error)
                faults.arm(kind, n, times, error)
                failed = None
                try:
                    call(db)
                except CAUGHT as e:
                    failed = e
                reached = faults.reached
                faults.disarm()
                assert failed is None or reached, "%s: %r without a fault" % (where, failed)
                found = dict(db.items())
                if failed is None:
                    assert found == after, where + ": not all was done, and no exception"
                for key in before:
                    assert found.get(key) in (before[key], after.get(key)), (where, key, found.get(key))
                call(db)
                assert dict(db.items()) == after, where + ": not all was done the second time"
                if done % 4 == 0:
                    agree(db, where)
                db.close()
                db = again()
                assert dict(db.items()) == after, where + ": not all is there after opening"
                agree(db, where)
                db.close()
                if not reached:
                    break
                done += 1
    return done


def timed():
    """Return a time that only the test moves, in place of the clock's."""
    clock.time = fake = FakeTime(26 * 365 * 86400)
    return fake


def prepared():
    """Return a function that gives (database, function that opens it again) on a flash of its own, filled alike each time."""
    flash = Flash(20)
    db = MicroTetherDB(flash, in_memory=False, btree_cachesize=0, ttl_check_interval=100000)
    fill(db)
    db.close()

    def fresh():
        own = flash.copy()

        def again():
            return MicroTetherDB(own, in_memory=False, btree_cachesize=0, max_retries=0, retry_delay=0, ttl_check_interval=100000)

        return again(), again

    return fresh
