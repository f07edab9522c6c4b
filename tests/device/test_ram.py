# boards: unix unix32 m33
# heap: 190k
# Issue "library" 5: RAM mode on a fragmented heap, quota, DBFull.
import gc
from microtetherdb import MicroTetherDB, DBFull
from microtetherdb.records import clock
from expect import FakeTime, raises

# fragment the heap: every second of many small blocks stays
junk = [bytearray(600) for _ in range(60)]
for i in range(0, len(junk), 2):
    junk[i] = None
gc.collect()

db = MicroTetherDB(ram_percentage=15)
quota = db.stats()["quota"]
n = 0
try:
    while n < 200000:
        db.put("k%05d" % n, {"n": n, "pad": "x" * 60})
        n += 1
    assert False, "no DBFull"
except DBFull as e:
    assert "quota" in str(e)
# full near the quota, nothing lost, still usable
used = db.stats()["ram_used"]
assert 0.5 * quota < used < 1.1 * quota + 4096, (used, quota)
assert len(db) == n and db["k00000"]["n"] == 0 and db["k%05d" % (n - 1)]["n"] == n - 1
raises(DBFull, "quota", db.put_batch, [{"pad": "y" * 400}] * 8)
assert len(db) == n
for i in range(n // 2):
    assert db.delete("k%05d" % i) == 1
for i in range(n // 4):
    db.put("m%05d" % i, {"n": i, "pad": "x" * 60})
assert len(db) == n - n // 2 + n // 4

# expired records make room by themselves, and give back what the heap of TTLs took
ROUNDS = 4
clock.time = fake = FakeTime(820000000)
db.close()
db = MicroTetherDB(ram_percentage=15)
free = []
for _ in range(ROUNDS):
    db.delete(purge=True)
    gc.collect()
    free.append(gc.mem_free())
    n = 0
    try:
        while n < 3 * (quota // 90):
            db.put("t%05d" % n, {"n": n, "pad": "x" * 60}, ttl=0.5)
            n += 1
        assert False, "no DBFull"
    except DBFull:
        pass
    assert len(db) == n
    fake.go(1)
    db.put("room", {"n": 1, "pad": "x" * 60})
    assert list(db) == ["room"]
    for i in range(2 * n):
        db.put("c%05d" % i, {"n": i}, ttl=0.001)
        fake.go(0.002)
    db.cleanup()
    assert sum(block is not None for block in db._expiry._heap._keys._blocks) <= 2
assert free[-1] > free[1] - 1024, free
db.close()
print("OK")
