# boards: unix unix32 rv32
# nightly: m33
# qemu heap: 4m
# SPEC sections 4 and 5: after a power cut at any program or erase, index entries are exactly those of the records;
# an index whose building was cut is not used, and is built anew.
import random
import sys

from flashsim import Flash, cuts
from microtetherdb import MicroTetherDB
from microtetherdb.query import index_entries as index
from nightly import COARSER, NIGHTLY

if sys.platform == "linux":
    STRIDE = 1 if NIGHTLY else 5 * COARSER
else:
    STRIDE = 3 if NIGHTLY else 13


def work(flash):
    db = MicroTetherDB(flash, in_memory=False)
    random.seed(4)
    for i in range(100):
        db.put("k%02d" % i, {"n": i % 7, "a": [i, i + 1]}, tags=["t%d" % (i % 3)])
    db.create_index("n")
    for i in range(60):
        r = random.random()
        key = "k%02d" % random.randrange(50)
        if r < 0.6:
            db.put(key, {"n": random.randrange(9), "a": [i]}, tags=["t%d" % (i % 3)] if r < 0.3 else None)
        elif r < 0.8:
            db.delete(key)
        else:
            db.put_batch([("k%02d" % random.randrange(50), {"n": 5}) for _ in range(4)])
        if i == 20:
            db.create_index("a")
        if i == 50:
            db.drop_index("n")
    db.close()


def check(flash):
    db = MicroTetherDB(flash, in_memory=False)
    indexes = dict(db._indexes or {})
    wanted = set()
    for key, raw in db._store.scan(b"\x01"):
        for i in [index.TAGS] + list(indexes.values()):
            wanted.update(i.key(code, key)[0] for code in i.of_record(raw))
    # entries of an index that is half built or half dropped are nobody's, until it is created again
    prefixes = [b"\x00x\x00"] + [i.prefix for i in indexes.values()]
    there = set(k for k, _ in db._store.scan(b"\x00x", b"\x00y") if k[:3] in prefixes)
    assert there == wanted, there ^ wanted
    half = db._store.first(b"\x00c") is not None and not indexes
    n = sum(1 for d in db.values() if d["n"] == 5)
    assert len(db.query({"n": 5})) == n
    for path in ("n", "a"):
        db.create_index(path)
    e = db.explain({"n": 5})
    assert (e["index"], e["examined"], e["returned"]) == ("n", n, n), (e, n)
    assert db.count({"tags": "t1"}) == sum(1 for d in db.values() if "t1" in d.get("_tags", ()))
    db.close()
    return half


flash = Flash(64)
work(flash)
check(flash)
total = flash.ops
numbers = list(range(STRIDE // 2, total - 2, STRIDE)) + [total - 2, total - 1]
half = sum(check(left) for left in cuts(work, numbers))
assert total > 120 and half, (total, half)
print(len(numbers), "cuts of", total, "operations,", half, "inside the first building")
print("OK")
