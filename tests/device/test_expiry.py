# boards: unix unix32 m33 rv32
# heap: 190k
# SPEC section 3: expiry, with a clock that the test drives.
import os
from microtetherdb import MicroTetherDB
from microtetherdb.records import clock
from expect import raises, FakeTime

Y2000 = 3600
Y2026 = 26 * 365 * 86400
real = clock.time
PATH = "exp.db"


def open_db(file, **kw):
    return MicroTetherDB(PATH, in_memory=not file, **kw)


for file in (False, True):
    t = clock.time = FakeTime(Y2026)
    db = open_db(file)
    raises(ValueError, "ttl", db.put, "a", 1, ttl=-1)
    raises(TypeError, "ttl", db.put, "a", 1, ttl="5")
    raises(TypeError, "ttl", db.put, "a", 1, ttl=True)
    raises(ValueError, "ttl", db.put, "a", 1, ttl=float("nan"))
    assert len(db) == 0

    # never for None and 0
    db.put("n", 1, ttl=None)
    db.put("z", 1, ttl=0)
    db.put("f", {"v": 1}, ttl=1.5)
    db.put("i", {"v": 2}, ttl=10, tags=["x"])
    gen = db.put({"v": 3}, ttl=10)
    assert db.ttl("n") is None and db.ttl("z") is None and 1.4 < db.ttl("f") <= 1.5 and db.ttl("nothing") is None
    t.go(1)
    assert db.get("f") == {"v": 1}
    t.go(1)
    # not seen by any call, though no clean-up has run
    assert db.get("f") is None and "f" not in db and db.ttl("f") is None
    raises(KeyError, "f", lambda: db["f"])
    assert "f" not in list(db) and "f" not in [k for k, _ in db.items()]
    assert db.delete("f") == 0 and db.expire("f", 5) == 0 and db.update("f", {"a": 1}) == 0
    assert len(db) == 4

    # a new put replaces, expire() sets, changes, removes; the document stays
    db.put("i", {"v": 4}, ttl=100)
    t.go(50)
    assert db["i"] == {"v": 4} and gen not in db
    assert db.expire("i", 20) == 1 and 19 < db.ttl("i") <= 20
    assert db.expire("i", None) == 1 and db.ttl("i") is None
    t.go(1000)
    assert db["i"] == {"v": 4}
    assert db.expire("n", 5) == 1 and db["n"] == 1
    t.go(6)
    assert "n" not in db
    db.put("again", 1, ttl=3)
    db.put("again", 2)
    t.go(10)
    assert db["again"] == 2
    db.cleanup()
    for i in range(20):
        db.put("c%d" % i, i, ttl=5 + i % 3)
    t.go(6)
    n = db.cleanup()
    assert n == 14, n
    assert db.cleanup() == 0
    t.go(2)
    assert db.cleanup() == 6
    assert db.stats()["ttls"] == 0, db.stats()
    assert sorted(db) == ["again", "i", "z"]
    db.close()
    if file:
        os.remove(PATH)

# TTLs survive closing and reopening; the time in between counts
t = clock.time = FakeTime(Y2026)
with open_db(True) as db:
    db.put("key", 1, ttl=100)
    gen = db.put({"g": 1}, ttl=1000)
t.go(60)
with open_db(True) as db:
    assert 39 < db.ttl("key") <= 40, db.ttl("key")
    assert 939 < db.ttl(gen) <= 940
t.go(60)
with open_db(True) as db:
    assert "key" not in db and gen in db
    assert db.cleanup() == 1
os.remove(PATH)

# the clock steps from 2000 to 2026 and back, with live TTLs
for file in (False, True):
    t = clock.time = FakeTime(Y2000)
    db = open_db(file)
    db.put("short", 1, ttl=30)
    db.put("long", 1, ttl=1000)
    t.go(10)
    t.step(Y2026)  # NTP answers
    for _ in range(3):
        assert 985 < db.ttl("long") <= 990 and 15 < db.ttl("short") <= 20, db.ttl("short")
        assert db.cleanup() == 0
    db.put("new", 1, ttl=30)
    t.go(21)
    assert "short" not in db and db.cleanup() == 1
    assert "new" in db
    t.step(Y2000 + 50)
    assert db.cleanup() == 0 and "new" in db and "long" in db
    t.go(10)
    assert db.cleanup() == 1 and "new" not in db
    assert 958 < db.ttl("long") <= 960, db.ttl("long")
    t.step(Y2026 + 100)
    assert db.cleanup() == 0 and 958 < db.ttl("long") <= 960
    if file:
        # a restart with the wrong clock, then NTP after a night off
        db.close()
        t.step(Y2000)
        db = open_db(True)
        assert 955 < db.ttl("long") <= 960, db.ttl("long")
        db.put("boot", 1, ttl=500)
        t.go(5)
        t.step(Y2026 + 100 + 300)
        assert db.cleanup() == 0
        assert 490 < db.ttl("boot") <= 495, db.ttl("boot")
        assert 640 < db.ttl("long") <= 662, db.ttl("long")
        db.close()
        t.go(100)
        db = open_db(True)
        assert 390 < db.ttl("boot") <= 395, db.ttl("boot")
        t.go(400)
        assert db.cleanup() == 1 and "boot" not in db and "long" in db
        t.go(200)
        assert db.cleanup() == 1 and len(db) == 0
    db.close()
    if file:
        os.remove(PATH)

# never set clocks: TTLs go on over restarts
t = clock.time = FakeTime(Y2000)
with open_db(True) as db:
    db.put("k", 1, ttl=100)
    t.go(40)
for boot in range(2):
    t.step(Y2000)
    with open_db(True) as db:
        assert "k" in db
        t.go(29)
t.step(Y2000)
with open_db(True) as db:
    t.go(5)
    assert "k" not in db, db.ttl("k")
os.remove(PATH)
clock.time = real

# what expired is counted nowhere from that moment on, however close to it another one's time is
for i in range(9):
    with MicroTetherDB(ram_percentage=30) as db:
        db.put("a", 1, ttl=0.06 + i * 0.007)
        db.put("b", 1, ttl=0.01)
        while "b" in db:
            pass
        assert len(db) <= 1 and db.stats()["records"] <= 1
print("OK")
