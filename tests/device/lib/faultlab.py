"""Ctrl-C at every place where the VM looks for it, and every allocation failing, in calls on a database (images "faults").

A case is a call on a database that was filled alike; it is done once for each fault. Afterwards the database must be as
before or after the call (of `many` calls, each record for itself), its lock free, `check()` clean, indexes must agree with a
scan, work must go on, and a persistent one must open again with what it had.
"""

import gc
import sys

import faults
from flashsim import Flash
from microtetherdb import DBError, MicroTetherDB
from microtetherdb.storage import places
from nightly import COARSER, NIGHTLY

NAME = "faults.db"
FULL = (MemoryError, DBError, OSError)


def remove(name=NAME):
    import os

    for end in ("", ".new", ".part", ".part.new"):
        try:
            os.remove(name + end)
        except OSError:
            pass


class Medium:
    def __init__(self, kind):
        self.kind = kind
        self.device = None

    def fresh(self):
        if self.kind == "file":
            remove()
        elif self.kind == "region":
            self.device = Flash(40)
        return self.open()

    def open(self):
        if self.kind == "ram":
            return MicroTetherDB(ttl_check_interval=1000, lock_timeout=0)
        target = NAME if self.kind == "file" else self.device
        return MicroTetherDB(target, in_memory=False, ttl_check_interval=1000, lock_timeout=0, btree_cachesize=0, retry_delay=0)


def fill(db):
    db.create_index("n")
    db.put_batch([("k%02d" % i, {"n": i % 7, "text": "x" * (i * 5 % 60)}) for i in range(24)])
    for i in range(4):
        db.put("t%d" % i, {"n": [i, -i], "deep": {"a": [i]}}, ttl=1000 + i, tags=["tag", "t%d" % i])
    db.flush()
    db.put("late", {"n": 100})
    assert len(db) == 29  # which it remembers
    for more in COLLECTIONS:
        more(db)


COLLECTIONS = []  # functions that fill some; then these belong to the content


def content(db):
    found = plain(db)
    if COLLECTIONS:
        for name in db.collections():
            for doc in db.collection(name).find():
                found["/%s/%s" % (name, doc["_id"])] = repr(sorted(doc.items()))
    return found


def plain(db):
    return {key: repr(sorted(doc.items())) if isinstance(doc, dict) else repr(doc) for key, doc in db.items()}


def within(found, before, after):
    # Each record as before or after.
    for key in set(list(found) + list(before) + list(after)):
        if found.get(key) not in (before.get(key), after.get(key)):
            return False
    return True


def sound(db, medium, before, after, many, where):
    """Whether the database is well after a fault; returns what it holds."""
    assert not db._lock.locked(), where + ": the lock is held"
    assert db._store.mirror is None, where + ": a backup is going on"
    db.cleanup()  # Ctrl-C leaves what is left of an index for later
    for index in (db._indexes or {}).values():
        assert index.ready and not index.builders, "%s: the index on %s is being built" % (where, index.path)
    found = content(db)
    good = within(found, before, after) if many else found in (before, after)
    assert good, "%s: neither before nor after, but %r" % (
        where,
        [k for k in set(list(found) + list(before)) if found.get(k) != before.get(k)],
    )
    n = sum(key[0] != "/" for key in found)
    assert len(db) == n, "%s: %d records counted, %d there" % (where, len(db), n)
    for part in getattr(db, "_parts", {}).values():
        for index in (part._indexes or {}).values():
            assert index.ready and not index.builders, "%s: the index on %s of a collection is being built" % (where, index.path)
    report = db.check()
    assert report["ok"], "%s: %r" % (where, report)
    for q in ({"n": 3}, {"n": {"$gte": 2}}, {"tags": "tag"}):
        hits = sorted(k for k, _ in db.query(q, keys=True))
        key = "tags" if "tags" in q else "n"
        if key == "n":
            scan = sorted(k for k, d in db.items() if matches(d.get("n"), q["n"]))
        else:
            scan = sorted(k for k, d in db.items() if "tag" in d.get("_tags", d.get("tags", ())))
        assert hits == scan, "%s: %r gives %r, a scan %r" % (where, q, hits, scan)
    return found


def matches(v, x):
    vs = v if isinstance(v, list) else [v]
    return any(isinstance(e, int) and (e >= x["$gte"] if isinstance(x, dict) else e == x) for e in vs)


def goes_on(db, found, where):
    db.put("after", {"n": 3})
    db.put("k00", {"n": 4}, tags=["tag"])
    db.delete("k01")
    found = dict(found)
    found["after"] = repr([("n", 3)])
    found["k00"] = repr([("_tags", ["tag"]), ("n", 4)])
    found.pop("k01", None)
    assert content(db) == found, where + ": what was done after the fault is not there"
    return found


def case(kind, call, arm, stride=1, first=1, many=False, again=0):
    """Do `call(db)` once for each fault; returns how many there were."""
    medium = Medium(kind)
    db = medium.fresh()
    fill(db)
    before = content(db)
    call(db, medium)  # loads what it needs
    after = content(db)
    db.close()
    n = first
    count = 0
    while True:
        db = medium.fresh()
        fill(db)
        if kind == "ram":
            gc.collect()
        where = "%s, fault %d" % (kind, n)
        fault = None
        try:
            try:
                try:
                    arm(n, again)
                    call(db, medium)
                    fired = faults.off()
                except FULL as e:
                    fired = faults.off()
                    fault = e
            except KeyboardInterrupt as e:
                fired = faults.off()
                fault = e
        except KeyboardInterrupt as e:  # the second one, while the first is looked at
            fired = faults.off()
            fault = e
        if not fired:
            assert fault is None, "%s: %r without a fault" % (where, fault)
            db.close()
            return count
        count += 1
        try:
            where += " (%r)" % fault
            assert not isinstance(fault, OSError) or fault.args[0] != 12, where + ": errno 12 instead of DBFull"
            found = sound(db, medium, before, after, many, where)
            assert many or not isinstance(fault, MemoryError) or found == before, where + ": the call was done all the same"
            found = goes_on(db, found, where)
            db.close()
            db.close()
            still = [name for name in places.open_files if places.open_files[name][0]]
            assert not still, "%s: %r is still open" % (where, still)
            if kind != "ram":
                db = medium.open()
                assert content(db) == found, where + ": lost after reopening"
                assert db.check()["ok"], where + ": check() after reopening"
                db.close()
        except BaseException:
            sys.print_exception(fault) if fault else None
            print("AT", where)
            raise
        n += stride


CALLS = {
    "put": lambda db, m: db.put("new", {"n": 5, "text": "y" * 40}),
    "put over": lambda db, m: db.put("k03", {"n": 5}),
    "put long": lambda db, m: db.put("long", {"n": 5, "text": "y" * 2000}),
    "put tags, ttl": lambda db, m: db.put("k03", {"n": [1, 2]}, tags=["tag", "b"], ttl=500),
    "put without its tags": lambda db, m: db.put("t1", {"n": 1}),
    "delete": lambda db, m: db.delete("t1"),
    "put_batch": lambda db, m: db.put_batch([("k%02d" % (i + 20), {"n": i, "tags": ["tag"]}) for i in range(8)], ttls=900),
    "put_batch, plain": lambda db, m: db.put_batch([("p%02d" % i, {"n": i}) for i in range(12)]),
    "put_batch, splits": lambda db, m: db.put_batch([("k10" + "long key " * 10 + "%02d" % i, {"n": i}) for i in range(30)]),
    "delete_batch": lambda db, m: db.delete_batch(["k00", "k05", "t1", "none"]),
    "update": lambda db, m: db.update("t2", {"$push": {"n": 50}, "$set": {"deep.b": 4}}),
    "expire": lambda db, m: db.expire("t2", 5000),
    "ttl": lambda db, m: db.ttl("t2"),
    "query, sorted": lambda db, m: db.query({"text": {"$regex": "x{5}"}}, sort="n"),
    "query by index": lambda db, m: db.query({"n": {"$gt": 2}}),
    "query by tag": lambda db, m: db.query({"tags": "t2"}),
    "count": lambda db, m: db.count({"n": 3}),
    "explain": lambda db, m: db.explain({"n": 3}),
    "find": lambda db, m: list(db.find({"n": {"$gt": 2}})),
    "items": lambda db, m: list(db.items("k")),
    "len": lambda db, m: len(db),
    "stats": lambda db, m: db.stats(),
    "flush": lambda db, m: db.flush(),
    "cleanup": lambda db, m: db.cleanup(),
    "check": lambda db, m: db.check(),
    "create_index": lambda db, m: db.create_index("text"),
    "drop_index": lambda db, m: db.drop_index("n"),
    "backup": lambda db, m: db.backup("copy.db"),
    "delete_many": lambda db, m: db.delete_many({"n": 3}),
    "update_many": lambda db, m: db.update_many({"n": 3}, {"$set": {"n": 77}}),
    "purge": lambda db, m: db.delete(purge=True),
}
MANY = ("delete_many", "update_many")


def run(kind, arm, again=0, step=1, calls=CALLS):
    """All calls on one medium, every `step`-th fault."""

    n = 0
    step = 1 if NIGHTLY else step * COARSER
    for i, name in enumerate(calls):
        try:
            n += case(kind, calls[name], arm, step, 1 + i * COARSER % step, name in MANY, again)
        except BaseException:
            print("IN", name)
            raise
        remove()
        remove("copy.db")
    return n
