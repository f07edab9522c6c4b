# boards: unix unix32 rv32
# nightly: m33
# qemu heap: 4m
# SPEC sections 4 and 5: after a power cut at any program or erase collections are whole: entries those of the documents, a bulk_write all
# or nothing, a dropped collection gone and its remains removed by and by.
import sys

from flashsim import Flash, cuts
from microtetherdb import MicroTetherDB
from microtetherdb.collection import DeleteMany, InsertOne, UpdateMany
from nightly import COARSER, NIGHTLY

if sys.platform == "linux":
    STRIDE = 1 if NIGHTLY else 4 * COARSER
else:
    STRIDE = 5 if NIGHTLY else 41


def work(flash):
    db = MicroTetherDB(flash, in_memory=False, flush_threshold=3)
    db.put("plain", {"n": 0})
    c = db.collection("c")
    c.create_index([("g", 1), ("n", -1)])
    for i in range(24):
        c.insert_one(
            {"_id": "d%02d" % i, "n": i, "g": i % 3, "round": 0}, ttl=1000 if i % 4 == 0 else None, tags=["t"] if i % 5 == 0 else None
        )
        if i % 8 == 0:
            db.put("p%d" % i, {"n": i})
    gone = db.collection("gone")
    gone.create_index("n", unique=True)
    gone.insert_many([{"n": i, "text": "x" * 50} for i in range(30)], ttl=500)
    for turn in range(1, 5):
        c.bulk_write(
            [
                UpdateMany({"round": turn - 1}, {"$set": {"round": turn}}),
                DeleteMany({"n": turn}),
                InsertOne({"_id": "r%d" % turn, "round": turn}),
            ]
        )
    gone.drop()
    again = db.collection("again")
    again.insert_one({"_id": "x"})
    db.delete(purge=True)
    c.update_many({}, {"$inc": {"n": 100}})
    db.close()


def check(flash, last):
    db = MicroTetherDB(flash, in_memory=False)
    report = db.check()
    assert report["ok"], report
    c = db.collection("c")
    docs = list(c.find())
    rounds = set(d["round"] for d in docs)
    assert len(rounds) < 2, rounds  # all or nothing
    assert [d["_id"] for d in docs if d["_id"][0] == "r"] == ["r%d" % i for i in range(1, max(rounds or (0,)) + 1)]
    if c.index_information().get("g_1_n_-1"):
        for g in range(3):
            found = [d["_id"] for d in c.find({"g": g}).sort("n", -1)]
            assert found == [d["_id"] for d in sorted(docs, key=lambda d: -d.get("n", 0)) if d.get("g") == g]
    dropped = "gone" not in db.collections() and "again" in db.collections()
    if dropped:
        assert db.collection("gone").count_documents({}) == 0
    half = db._store.first(b"\0d\0\0") is not None
    db.cleanup()
    assert db._store.first(b"\0d\0\0") is None, "what was dropped is not all gone"
    report = db.check()
    assert report["ok"], report
    ids = [v[0] for k, v in db._store.scan(b"\0d\0", b"\0d\1")]
    others = set(k[2] for k in db._store.scan(b"\0d\1", b"\0e", 1))
    assert others <= set(ids), (others, ids)
    if last:
        assert db.collections() == ["again", "c"] and len(db) == 0 and c.find_one("d10")["n"] == 110, db.collections()
        assert c.find_one({"_id": "d00"})["_tags"] == ["t"] and 900 < c.ttl("d00") <= 1000
    db.close()
    return half


flash = Flash(64)
work(flash)
check(flash, True)
total = flash.ops
numbers = list(range(0, total - 2, STRIDE)) + [total - 2, total - 1]
half = sum(check(left, False) for left in cuts(work, numbers))
assert half or STRIDE > 4, half
print(len(numbers), "cuts of", total, "operations,", half, "while a collection was dropped")
print("OK")
