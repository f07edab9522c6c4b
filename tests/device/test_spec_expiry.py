# boards: unix unix32
# nightly: m33 rv32
# qemu heap: 4m
# SPEC section 3: ten thousand records expire in one cleanup(); in bounded pieces in the background; the full sweep of section 1.
import asyncio
import os
from microtetherdb import MicroTetherDB
import microtetherdb.cleanup as cleanup
from microtetherdb.records import clock
from expect import FakeTime, until
from nightly import FEW

N = 1000 if FEW else 10000
real = clock.time


class Counting:
    # Counts the records that are looked up.
    def __init__(self, get):
        self.get = get
        self.n = 0

    def __call__(self, key):
        self.n += 1
        return self.get(key)


# one cleanup() removes them all, at a cost that is in proportion: each record is looked up a few times
for file, n in ((False, N), (False, 1000), (True, 1000)):
    t = clock.time = FakeTime(820000000)
    db = MicroTetherDB("se.db", in_memory=not file, ram_percentage=80)
    for i in range(n):
        db.put("k%05d" % i, i, ttl=5 + i % 7)
    for i in range(10):
        db.put("stay%d" % i, i)
        db.put("later%d" % i, i, ttl=1000)
    assert db.stats()["ttls"] == n + 10  # only what has a TTL is in the index
    t.go(20)
    store = db._store
    counting = store.get = Counting(store.get)
    assert db.cleanup() == n
    assert counting.n <= 4 * n + 100, counting.n
    store.get = counting.get
    assert db.cleanup() == 0 and len(db) == 20
    s = db.stats()
    assert s["ttls"] == 10 and s["expired"] == n and s["records"] == 20
    db.close()

# in the background: no piece of work removes more than a few records, and the loop runs between two
t = clock.time = FakeTime(820000000)
most = []
expire = cleanup.expire


def watched(db, limit, *flush):
    assert 0 < limit <= 16, limit
    n = expire(db, limit, *flush)
    most.append(n)
    return n


async def background(file):
    beats = 0
    async with MicroTetherDB("se.db", in_memory=not file, ram_percentage=80, ttl_check_interval=0.02) as db:
        db.delete(purge=True)
        cleanup.expire = watched
        for i in range(400):
            db.put("k%d" % i, i, ttl=5)
        t.go(6)
        assert "k0" not in db and db.get("k399") is None  # not seen from the second on
        most.clear()
        while sum(most) < 400 and beats < 1000000:
            await asyncio.sleep_ms(0)
            beats += 1
        assert sum(most) == 400 and max(most) <= 8, (sum(most), max(most))
        assert beats >= 40, beats
        assert len(most) >= 50
    cleanup.expire = expire


for file in (False, True):
    asyncio.run(background(file))

# without a loop: between operations, a few at a time
t = clock.time = FakeTime(820000000)
db = MicroTetherDB(ttl_check_interval=0.01, ram_percentage=80)
for i in range(300):
    db.put("k%d" % i, i, ttl=5)
t.go(6)
import time

time.sleep_ms(15)
was = db._expired
for i in range(400):
    db.put("other%d" % (i % 10), i)
    time.sleep_ms(0 if i % 20 else 11)
    assert db._expired - was <= 16
    was = db._expired
assert db._expired == 300, db._expired
db.close()

# a changed TTL leaves an entry behind; each cleanup_interval sweeps all of them out
for loop in (False, True):
    t = clock.time = FakeTime(820000000)
    db = MicroTetherDB(ttl_check_interval=0.01, cleanup_interval=0.3, ram_percentage=80)  # longer than these puts take
    for i in range(10):
        db.put("k", i, ttl=1000 + i)
    for i in range(20):
        db.put("live%d" % i, i, ttl=2000)
    heap = db._expiry._heap
    assert len(heap) == 30 and db.stats()["ttls"] == 21
    if loop:

        async def wait():
            import microtetherdb.background as task

            task.attach(db)
            await until(lambda: len(heap) == 21)
            db.close()
            await asyncio.sleep_ms(1)

        asyncio.run(wait())
    else:
        for i in range(60):
            time.sleep_ms(10)
            db.put("o", i)
        db.close()
    assert len(heap) == 21, len(heap)
clock.time = real
os.remove("se.db")
print("OK")
