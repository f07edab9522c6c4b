# boards: unix unix32 m33 rv32
# qemu heap: 4m
# heap: 500k
# The database's own state, kept in commits: opening reads no leaf of the tree for it, and after a power cut it fits the records.
import gc
import os
from microtetherdb import MicroTetherDB
from microtetherdb.records import clock
from microtetherdb.storage import page_log as pagelog
from expect import FakeTime
from files import restarted
from flashsim import Flash

Y2000 = 3600
Y2026 = 26 * 365 * 86400


def pages(db):
    return db._store.log.pages_read


# The tree's first page is read, for its header, and no other where there are only records, however many.
for target in ("state.db", Flash(32)):
    with MicroTetherDB(target, in_memory=False) as db:
        made = db.put({"n": 0})
        for i in range(100):
            db.put("k%03d" % i, {"n": i})
    db = MicroTetherDB(target, in_memory=False)
    assert pages(db) == 1, pages(db)
    assert db["k050"] == {"n": 50} and pages(db) > 1
    assert db.put({"n": 1}) > made  # sessions are counted
    db.close()
    db = None
    gc.collect()
os.remove("state.db")

# A power cut behind the commit that holds the first tags, TTL or index: its entries are known again, and kept up to date.
FIRST = {
    "tags": (lambda db: db.put("k1", {"n": 1}, tags=["t"]), {"tags": "t"}),
    "ttl": (lambda db: db.put("k1", {"n": 1}, ttl=100), None),
    "index": (lambda db: db.create_index("n"), {"n": 1}),
}
for name in FIRST:
    first, query = FIRST[name]
    t = clock.time = FakeTime(Y2026)
    flash = Flash(32)
    db = MicroTetherDB(flash, in_memory=False, adaptive_threshold=False, flush_threshold=1000)
    for i in range(8):
        db.put("k%d" % i, {"n": i})
    db.flush()
    first(db)
    db._store.log.before_compaction()  # the commit is one that the log asks for
    cut = flash.copy()
    db = flash = None
    restarted()  # as it would be after the restart
    gc.collect()
    db = MicroTetherDB(cut, in_memory=False)
    if query:
        assert db.count(query) == 1
    else:
        assert 99 < db.ttl("k1") <= 100
    db.put("k1", {"n": 10})
    assert query is None or db.count(query) == 0, name
    t.go(101)
    db.cleanup()
    assert len(db) == 8 and db.check()["ok"], (name, db.check())
    if name == "index":
        db.drop_index("n")
    db.close()
    # entries that are gone: from the opening after the next on no leaf is read again
    for expected in (True, False):
        db = MicroTetherDB(cut, in_memory=False)
        assert name == "ttl" or (pages(db) > 1) == expected, (name, expected, pages(db))
        db.put("k2", {"n": 2})
        db.close()
    db = cut = None
    gc.collect()

# A key that was handed out is not made again, whether a power cut comes at once or after the log has been copied and its
# checkpoints moved on many times.
for target, puts in (("state.db", 0), (Flash(8), 0), ("state.db", 1500), (Flash(8), 1500)):
    db = MicroTetherDB(target, in_memory=False, btree_cachesize=0)
    made = [db.put({"n": i}) for i in range(3)]
    for i in range(puts):
        db.put("k%02d" % (i % 40), {"n": i})
    if puts:
        db.flush()
        assert db._store.log.checkpoint
    db = None  # what was not flushed is gone
    restarted()
    gc.collect()
    db = MicroTetherDB(target, in_memory=False)
    assert db["k39"]["n"] == 1479 if puts else len(db) == 0
    assert db.put({"n": 3}) > max(made)
    db.put("tagged", 1, tags=["t"])
    db.backup("copy.db")
    db.close()
    db = None
    gc.collect()
    if target == "state.db":
        for name in os.listdir():
            if name.startswith(target):
                os.remove(name)
    with MicroTetherDB("copy.db", in_memory=False) as db:
        assert db.put({"n": 4}) > max(made)
        db.put("tagged", 2)
        assert db.check()["ok"], db.check()
    os.remove("copy.db")

# A commit that turns out to be torn takes its state with it.
for states in ((b"", b"one", b"three"), (b"one", b"", b"three"), (b"", b"", b"three")):
    log = pagelog.open("state.db")
    log.owner = lambda log, must: state
    for i, state in enumerate(states):
        log.put(0, bytearray(b"%d" % i * 512))
        log.commit()
    ends = log.medium.end
    log.owner = None
    log.close()
    with open("state.db", "r+b") as f:
        f.seek(ends - 50)  # in the last page's frame
        f.write(b"torn")
    for i in range(2):
        log = pagelog.open("state.db")
        assert log.state == states[0] + states[1] and log.pages == 1, (states, log.state)
        log.commit(True)
        log.close()
    os.remove("state.db")

# While the clock was never set, the time goes on from what was kept, at most a minute before the newest commit.
t = clock.time = FakeTime(Y2000)
flash = Flash(32)
db = MicroTetherDB(flash, in_memory=False)
db.put("t", 1, ttl=1000)
db.flush()
t.go(65)
db.put("other", 1)
db.flush()
t.go(5)
cut = flash.copy()
t = clock.time = FakeTime(Y2000)
db = MicroTetherDB(cut, in_memory=False)
assert 934 < db.ttl("t") <= 935, db.ttl("t")
db.close()

# A step of the wall clock is kept by the next flush, whatever else there is to write.
t = clock.time = FakeTime(Y2026)
flash = Flash(32)
db = MicroTetherDB(flash, in_memory=False)
db.put("t", 1, ttl=1000)
db.flush()
t.step(Y2026 + 3600)
db.flush()
cut = flash.copy()
t = clock.time = FakeTime(Y2026 + 3600)
restarted()
db = MicroTetherDB(cut, in_memory=False)
assert 995 < db.ttl("t") <= 1000, db.ttl("t")
db.close()

# Restarts without a clock that is set: as many lines of time as fit into a commit.
saved = None
for i in range(100):
    t = clock.time = FakeTime(Y2000)
    c = clock.Clock(True, saved)
    t.step(Y2026 + i * 1000)
    c.tick()
    saved = c.save()
    assert len(saved) <= 480, i
assert len(c.lines()) == 91
print("OK")
