# boards: unix32 rv32
# nightly: m33
# qemu heap: 4m
# heap: 2m
"""SPEC 1: a batch takes no more of the RAM quota than the same documents put one by one; TTLs that are renewed leave no heap behind."""

import gc

from microtetherdb import DBFull, MicroTetherDB
from nightly import FEW


def batches(db, items):
    db.put_batch(items)


def with_tags(db, items):
    db.put_batch(items, tags=["t"])


def singles(db, items):
    for key, d in items:
        db.put(key, d)


def taken(put, size, n):
    # How many records fit, in pieces of `n`, and the heap that they take.
    gc.collect()
    db = MicroTetherDB(ram_percentage=5)
    db.put("a", 1)
    db.put_batch([1])
    gc.collect()
    free = gc.mem_free()
    i = 0
    n = n or 1 + db.stats()["quota"] * 9 // 10 // (size + 40)  # all at once, by the bytes of the values
    try:
        while True:
            put(db, [("k%05d" % j, {"s": "x" * size}) for j in range(i, i + n)])
            i += n
    except DBFull:
        pass
    assert len(db) - 2 >= i
    gc.collect()
    got = free - gc.mem_free()
    quota = db.stats()["quota"]
    db.close()
    return i, got, quota


for size in (225, 7900) if FEW else (1, 30, 100, 215, 225, 300, 480, 600, 1000, 3000, 7900):
    one, heap, quota = taken(singles, size, 1)
    for put in (batches, with_tags):
        for n in (2, 25, 0) if size >= 100 else (2, 25):
            count, heap, quota = taken(put, size, n)
            assert heap <= quota * 5 // 4 + 4000, (put, size, n, count, heap, quota)
            assert put is with_tags or n == 0 or one // 2 - n <= count <= one + n, (size, n, count, one)

# each renewal leaves a stale entry; no loop, no clean-up
db = MicroTetherDB(ram_percentage=50)
for keys, rounds in ((1, 500), (20, 60), (300, 6)):
    for i in range(keys * rounds):
        key = "k%d" % (i % keys)
        if i % 3 == 0:
            db.expire(key, 1000 + i)
        elif i % 7 == 0:
            db.delete(key)
        else:
            db.put(key, i, ttl=86400 + i)
        assert not db._expiry or len(db._expiry._heap) <= 2 * keys + 40, (keys, i, len(db._expiry._heap))
    left = sum(1 for k in db.keys())
    assert db.cleanup() == 0 and db.check()["ok"] and len(db) == left
    db.delete(purge=True)
db.close()
print("OK")
