# boards: unix unix32 m33 rv32
# nightly: rp2
# SPEC sections 1, 3, 5, 6, 7, 8 in short, for the emulated Pico, on its database region; at length in test_spec_*.py.
import asyncio
import sys
import microtetherdb
from microtetherdb import MicroTetherDB, DBError, DBLock, DBFull, DBClosed
from microtetherdb.records import clock
from expect import raises, FakeTime

# section 1: defaults in force and their source; a second opening is refused
d = microtetherdb.defaults
assert d["filename"] == "microtether.db" and d.source("max_retries") == "built in"
if sys.platform == "rp2":
    assert d["btree_cachesize"] == 6144 and d.source("btree_cachesize") == "RPI_PICO" and "RPI_PICO" in repr(d)

# sections 5 and 7: flush rhythm, what stats() counts, repr
db = MicroTetherDB("flash:", in_memory=False)
raises(DBLock, "flash:", MicroTetherDB, "flash:", False)
for i in range(21):
    db.put("k%d" % (i % 8), {"i": i}, ttl=100 if i < 3 else None)
    assert db.stats()["flushes"] == (i + 1) // 10, (i, db.stats())
db.get("k1")
db.delete("k7")
db.query({"i": 20})
s = db.stats()
assert (s["records"], s["ttls"], s["puts"], s["gets"], s["deletes"], s["queries"], s["flush_threshold"]) == (7, 0, 21, 1, 1, 1, 10), s
assert s["pages_written"] and s["bytes_written"] and s["free"] and s["size"] and "erases" in s
assert "7 records" in repr(db) and "flash:" in repr(db) and "\n" not in repr(db)
db.close()
raises(DBClosed, "closed", db.stats)
with MicroTetherDB("flash:", in_memory=False, flush_threshold=1) as db:
    assert len(db) == 7 and db["k4"] == {"i": 20}
    db.put("now", 1)
    assert not db._store.dirty()  # durable when it returns


# section 6: ordinary functions in a coroutine; the task ends with the database; a timed flush
async def main():
    async with MicroTetherDB("flash:", in_memory=False, ttl_check_interval=0.02) as db:
        assert db._task is not None
        db.put("soon", 1, ttl=0.1)
        for _ in range(40):
            await asyncio.sleep_ms(20)
            if not db.stats()["ttls"]:
                break
        assert db.stats()["expired"] == 1 and "soon" not in db
        assert await db.cleanup_async() == 0
        t = db._task
    assert t.done() and db._task is None


asyncio.run(main())

# section 8: DBFull after expired records were removed; what was acknowledged is there, the database usable
assert issubclass(DBFull, DBError)
real = clock.time
t = clock.time = FakeTime(820000000)
db = MicroTetherDB(ram_percentage=4)
n = 0
try:
    while n < 10000:
        db.put("t%d" % n, {"pad": "x" * 400}, ttl=50)
        n += 1
    assert False, "no DBFull"
except DBFull as e:
    assert "quota" in str(e)
assert n > 4 and len(db) == n
t.go(60)
db.put("new", {"pad": "x" * 400})
assert list(db) == ["new"]
db.close()
clock.time = real
with MicroTetherDB("flash:", in_memory=False) as db:
    assert db.delete(purge=True) == 8
print("OK")
