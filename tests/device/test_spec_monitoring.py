# boards: unix unix32 rv32
# nightly: m33
# qemu heap: 4m
# SPEC sections 1, 5, 6, 7, 8: stats() and repr, flush rhythm, board defaults, retries, DBFull, the loop left alone.
import asyncio
import os
import sys
import microtetherdb
from microtetherdb import MicroTetherDB, DBError, DBLock, DBFull, DBCorrupt, DBClosed, QueryError
from expect import raises, until
from flashsim import Flash

PATH = "sm.db"
COMMON = {"name", "records", "ttls", "puts", "gets", "deletes", "queries", "expired", "flushes", "flush_threshold", "operations"}


def fresh(**kw):
    for name in (PATH, PATH + ".new"):
        if name in os.listdir():
            os.remove(name)
    return MicroTetherDB(PATH, in_memory=False, **kw)


# section 7: every field, and that it counts
for db in (MicroTetherDB(), fresh(), MicroTetherDB(Flash(16), in_memory=False)):
    ram = db._store.ram
    s = db.stats()
    assert COMMON <= set(s), COMMON - set(s)
    assert ({"quota", "ram_used"} if ram else {"pages_read", "pages_written", "bytes_written", "size", "free"}) <= set(s), s
    assert s["records"] == s["puts"] == s["gets"] == s["deletes"] == s["queries"] == s["ttls"] == s["expired"] == 0
    for i in range(12):
        db.put("k%d" % i, {"i": i}, ttl=100 if i < 3 else None)
    db.get("k1")
    db.get("nothing")
    assert "k1" in db
    db.delete("k11")
    db.query({"i": 5})
    db.count({"i": 6})
    t = db.stats()
    assert (t["records"], t["ttls"], t["puts"], t["gets"], t["deletes"], t["queries"]) == (11, 3, 12, 3, 1, 2), t
    assert t["operations"] == 18 and t["flushes"] == (2 if ram else 1), t
    assert t["flush_threshold"] == (5 if ram else 10)
    if ram:
        assert 0 < t["ram_used"] < t["quota"] and t["ram_used"] > s["ram_used"]
    else:
        db.flush()
        t = db.stats()
        assert t["pages_written"] > s["pages_written"] and t["bytes_written"] > s["bytes_written"] and 0 < t["free"] and t["size"] > 0, t
    assert "\n" not in repr(db) and "11 records" in repr(db) and ("RAM" if ram else db.stats()["name"]) in repr(db), repr(db)
    db.close()
    assert repr(db) == "<MicroTetherDB closed>"
assert "erases" in t and t["erases"] >= 0 and t["size"] == 16 * 4096  # the device tells

# section 5: the flush rhythm
for kw, wanted in (
    ({}, [10] * 10 + [15] * 61 + [20] * 10), ({"adaptive_threshold": False}, [10] * 12), ({"flush_threshold": 1}, [1] * 12), ({"flush_threshold": 7}, [7] * 5),
):  # fmt: skip
    db = fresh(**kw)
    n = 0
    last = db.stats()["flushes"]
    gaps = []
    while len(gaps) < len(wanted):
        db.put("k%d" % (n % 20), n)
        n += 1
        if db._flushes != last:
            last = db._flushes
            gaps.append(n - sum(gaps))
    assert gaps == wanted, (kw, gaps)
    db.close()
db = MicroTetherDB()
for i in range(50):
    db.put("k", i)
assert db.stats()["flushes"] == 10
db.close()

# flush_threshold=1: durable when it returns; flush() forces it
db = fresh(flush_threshold=1)
db.put("a", 1)
raw = open(PATH, "rb").read()
db.close()
with open("copy.db", "wb") as f:
    f.write(raw)
with MicroTetherDB("copy.db", in_memory=False) as copy:
    assert copy.get("a") == 1
os.remove("copy.db")


# at the latest some seconds after the last change while a loop runs (sped up here)
async def timed():
    import microtetherdb.background as task

    db = fresh()
    # const() is in the code: shorten the sleep instead, and let the ticks run ahead
    real = task.time

    class Fast:
        ticks_diff = real.ticks_diff

        @staticmethod
        def ticks_ms():
            return real.ticks_ms() * 100 & ((1 << 29) - 1)

    task.time = Fast
    db._check_ms = 10
    db.put("a", 1)
    assert db._store.dirty()
    flushes = db._flushes
    await until(lambda: not db._store.dirty())
    task.time = real
    assert not db._store.dirty() and db._flushes == flushes + 1, (flushes, db._flushes)
    db.close()
    await asyncio.sleep_ms(20)


asyncio.run(timed())


# section 6: ordinary functions in a coroutine start, stop and block nothing
async def plain():
    core = sys.modules["asyncio.core"]
    me = core.cur_task
    ran = []

    async def other():
        ran.append(1)

    asyncio.create_task(other())
    db = MicroTetherDB()
    db.put("a", {"n": 1}, ttl=5000)
    db.put_batch([{"n": i} for i in range(50)])
    assert db.query({"n": 1}) and db.count({}) == 51 and db.cleanup() == 0 and len(db) == 51
    db.flush()
    db.stats()
    db.close()
    assert core.cur_task is me and not ran  # nobody else ran meanwhile
    await asyncio.sleep_ms(0)
    assert ran == [1]


asyncio.run(plain())


# section 1: the board's manifest replaces defaults; the caller wins; `defaults` tells
class _mtdb_board:
    BOARD = "TESTBOARD"
    DEFAULTS = {"in_memory": False, "filename": PATH, "lock_timeout": 0.25, "flush_threshold": 3}
    BTREE_MENDED = False

    @staticmethod
    def region():
        return Flash(16)


real = sys.modules.get("_mtdb_board")
sys.modules["_mtdb_board"] = _mtdb_board
d = microtetherdb.defaults
assert (
    d["filename"] == PATH and d.source("filename") == "TESTBOARD" and d["lock_timeout"] == 0.25 and d.source("ram_percentage") == "built in"
)
assert "TESTBOARD" in repr(d) and len(list(d)) == 17
raises(KeyError, "nothing", lambda: d["nothing"])
with MicroTetherDB() as db:
    assert not db._store.ram and db.stats()["flush_threshold"] == 3 and db._timeout == 0.25
with MicroTetherDB(in_memory=True, flush_threshold=9, lock_timeout=1) as db:
    assert db._store.ram and db.stats()["flush_threshold"] == 9 and db._timeout == 1
with MicroTetherDB("flash:") as db:
    db.put("a", 1)
    assert db["a"] == 1 and "erases" in db.stats()
    raises(DBLock, "flash:", MicroTetherDB, "flash:")
if real is None:
    del sys.modules["_mtdb_board"]
    raises(ValueError, "flash:", MicroTetherDB, "flash:", False)
else:
    sys.modules["_mtdb_board"] = real

# section 1: an operation that failed with a transient OSError is tried again, max_retries times
flash = Flash(16)
db = MicroTetherDB(flash, in_memory=False, max_retries=3, retry_delay=0, flush_threshold=1)
for field in ("fail_reads", "fail_programs", "fail_erases"):
    for n in range(1, 4):
        setattr(flash, field, n)
        for i in range(60):
            db.put("k%d" % (i % 4), {"n": i, "field": field})
            assert db["k%d" % (i % 4)]["n"] == i
        setattr(flash, field, 0)
db.close()
flash = Flash(16)
db = MicroTetherDB(flash, in_memory=False, max_retries=0, retry_delay=0, flush_threshold=1)
db.put("a", 1)
flash.fail_programs = 1
try:
    db.put("a", 2)
    assert False, "no error"
except (OSError, DBError):
    pass
flash.fail_programs = 0
db.put("b", 3)  # still usable
assert db["b"] == 3 and db["a"] in (1, 2)
db.close()

# section 8: one base
for kind in (DBLock, DBFull, DBCorrupt, DBClosed, QueryError):
    assert issubclass(kind, DBError) and issubclass(DBError, Exception)

# out of space: DBFull, after expired records were removed; nothing acknowledged is lost; usable
from microtetherdb.records import clock
from expect import FakeTime

real = clock.time
t = clock.time = FakeTime(820000000)
flash = Flash(16)
db = MicroTetherDB(flash, in_memory=False)
n = 0
try:
    while n < 2000:
        db.put("t%d" % n, {"pad": "x" * 100, "n": n}, ttl=50)
        n += 1
    assert False, "no DBFull"
except DBFull as e:
    assert str(e)
assert n > 20 and len(db) == n and all(db["t%d" % i]["n"] == i for i in range(n))
t.go(60)
for i in range(20):
    db.put("new%d" % i, {"pad": "x" * 100})  # the expired ones make room
assert len(db) == 20 and db.check()["ok"], db.check()
db.close()
with MicroTetherDB(flash, in_memory=False) as db:
    assert len(db) == 20 and db["new19"] == {"pad": "x" * 100}
clock.time = real
for name in (PATH, PATH + ".new"):
    if name in os.listdir():
        os.remove(name)
print("OK")
