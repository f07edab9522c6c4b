# boards: unix unix32 m33
# SPEC section 5: check() finds what does not agree; a backup holds each change made meanwhile, at whatever point it comes.
import os
from microtetherdb import MicroTetherDB
import microtetherdb.backup as transfer
from microtetherdb.records import keys
from microtetherdb.records.key_range import after
from flashsim import Flash


def fresh(device):
    db = MicroTetherDB(device, in_memory=False)
    for i in range(12):
        db.put("k%02d" % i, {"n": i, "l": [i, -i]}, tags=["t%d" % (i % 3)] if i % 2 else None, ttl=900 if i % 4 == 1 else None)
    db.create_index("l")
    db.flush()
    return db


def entry_of(db, prefix, key):
    for k in db._store.scan(prefix, after(prefix), 1):
        if k.endswith(key):
            return k


# each kind of disagreement, made behind the database's back, is found, named, and the only one
db = fresh(Flash(32))
store = db._store
assert db.check()["ok"]
stamped = entry_of(db, keys.EXPIRY, b"k05")
tagged = entry_of(db, b"\x00x\x00", b"k03")
indexed = entry_of(db, b"\x00x\x01", b"k02")
DAMAGE = (
    ("'k05'", "expiry is not in the index", stamped, None),
    ("'k03'", "not in the index on tags", tagged, None),
    ("'k02'", "not in the index on l", indexed, None),
    ("'none'", "no such record", stamped[:8] + b"none", b""),
    ("'none'", "no such value", tagged[:-3] + b"none", bytes((len(tagged) - 3,))),
    ("'k04'", "index on l", indexed[:-3] + b"k04", bytes((len(indexed) - 3,))),
    ("'bad'", "record", b"bad", b'{"n":x}'),
    ("'odd'", "record", b"odd", b"\x04{}"),
)
for key, words, k, v in DAMAGE:
    was = store.get(k)
    store.apply([(k, v)])
    report = db.check()
    assert not report["ok"] and report["found"] >= 1, (key, words, report)
    assert key in report["problems"][0] and words in report["problems"][0], report
    assert report["found"] == len(report["problems"]) == 1, report
    store.apply([(k, was)])
    report = db.check()
    assert report["ok"] and report["found"] == 0 and report["problems"] == [], report

# many problems: twenty in words, all counted
store.apply([(b"zz%02d" % i, b"?") for i in range(23)])
report = db.check()
assert len(report["problems"]) == 20 and report["found"] >= 23 and report["records"] == 12, report
db.close()


def content(db):
    return {k: v for k, v in db.items()}


# at each step of a backup: a put, an overwrite, a batch and a delete on both sides of the place it has reached
for ram in (True, False):
    stop = 0
    going = True
    while going:
        flash = Flash(32)
        db = MicroTetherDB(flash, in_memory=ram)
        for i in range(40):
            db.put("k%02d" % i, {"n": i}, ttl=500 if i % 5 == 0 else None)
        steps = transfer.backup_steps(db, "copy.db")
        n = None
        try:
            for i in range(stop):
                next(steps)
        except StopIteration as e:
            going = False
            n = e.value
        if going:
            db.delete("k01")
            db.delete("k39")
            db.delete("k05")
            db.put("k02", {"n": "new"})
            db.put("k38", {"n": "new"}, ttl=100)
            db.put("a", 1)
            db.put("z", 1, ttl=100)
            db.put_batch([("b", 1), ("y", 2)])
            db.delete_batch(["k03", "k37"])
            for _ in steps:
                pass
        with MicroTetherDB("copy.db", in_memory=False) as copy:
            assert content(copy) == content(db), stop
            assert copy.check()["ok"]
            assert n in (None, len(copy)), (n, len(copy))
            for k in copy.keys():
                a, b = copy.ttl(k), db.ttl(k)
                assert (a is None) == (b is None) and abs((a or 0) - (b or 0)) < 2, (k, a, b)
        db.close()
        stop += 1
    assert stop > 3
os.remove("copy.db")

# delete(purge=True) is durable when it returns, whatever the flush rhythm
flash = Flash(32)
db = fresh(flash)
assert db.delete(purge=True) == 12
left = MicroTetherDB(flash.copy(), in_memory=False)  # what a power cut now would leave
assert len(left) == 0 and left.check()["ok"] and left.indexes() == ["l"]
left.close()
db.close()
print("OK")
