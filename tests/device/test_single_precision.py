# boards: unix unix32 m33 rv32
# SPEC sections 1, 2, 4 where floats have 24 bits (docs/queries.md, docs/time.md), and the same where they have 53.
import random

from expect import FakeTime
from microtetherdb import MicroTetherDB
from microtetherdb.records import clock

SINGLE = float("1e39") == float("inf")
DIGITS = 6 if SINGLE else 15  # that every float of so many digits keeps
random.seed(3)


def found(db, q):
    """The keys of the records that match, as text."""
    return "".join(sorted(k + " " for k, _ in db.query(q, keys=True, fields=())))


def agree(db, values):
    """Ranges, equality and order by the index and by a scan are the same, and what was read finds itself."""
    stored = [db["k%03d" % i]["v"] for i in range(len(values))]
    queries = [{"v": v} for v in stored[:12]]
    for a in stored[:8]:
        for b in stored[20:40:9]:
            queries.append({"v": {"$gte": min(a, b), "$lt": max(a, b)}})
            queries.append({"v": {"$gt": a}})
            queries.append({"v": {"$in": [a, b]}})
    scans = [found(db, q) for q in queries]
    for i, v in enumerate(stored[:12]):
        assert "k%03d " % i in scans[i], v
    order = [d["v"] for d in db.query({}, sort="v")]
    assert order == sorted(stored)
    db.create_index("v")
    for q, wanted in zip(queries, scans):
        assert found(db, q) == wanted, q
    assert [d["v"] for d in db.query({}, sort="v")] == order and db.check()["ok"]
    db.drop_index("v")
    return stored


KINDS = {
    "tenths": [i / 10 for i in range(-400, 3000, 41)],
    "hundredths": [i / 100 for i in range(-4000, 12000, 199)],
    "decimals": [float("%.*ge%d" % (DIGITS, random.random() * 10, random.randrange(-2, 7))) for _ in range(60)],
    "whole": [2**24 + i for i in range(-3, 4)] + [2**30 - 1, 2**30, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 10**30, 0, -1] * 4,
    "powers": [2.0**i for i in range(-6, 24)],
    "any": [random.random() * 10 ** random.randrange(-8, 9) for _ in range(80)],
    "neighbours": [2.0**24 + i * 2 for i in range(30)] + [1.0 + i * (2.0**-23 if SINGLE else 2.0**-52) for i in range(20)],
}
for name, values in KINDS.items():
    with MicroTetherDB(ram_percentage=25) as db:
        for i, v in enumerate(values):
            db.put("k%03d" % i, {"v": v})
        stored = agree(db, values)
        for v, got in zip(values, stored):
            if name in ("any", "neighbours") or name == "decimals" and not SINGLE:
                assert abs(got - v) <= abs(v) * (6e-7 if SINGLE else 6e-16), (v, got)
            else:
                assert got == v, (name, v, got)
                assert db.count({"v": v}) >= 1, (name, v)
                db.put("again", {"v": got})
                assert db["again"]["v"] == v

# arithmetic of updates: whole numbers stay exact
with MicroTetherDB(ram_percentage=25) as db:
    db.put("n", {"n": 2**24, "f": 0.5})
    for _ in range(5):
        db.update("n", {"$inc": {"n": 1, "f": 0.25}})
    assert db["n"] == {"n": 2**24 + 5, "f": 1.75}
    db.update("n", {"$mul": {"n": 2**20}})
    assert db["n"]["n"] == (2**24 + 5) << 20 and db.count({"n": (2**24 + 5) << 20}) == 1 and not db.count({"n": ((2**24 + 5) << 20) + 1})

# TTLs with fractions, and clocks whose milliseconds go through what floats and ports can count
real = clock.time
for wall in (3600, 820000000):
    for ms in (0, (1 << 24) - 3000, (1 << 29) - 3000, (1 << 30) - 3000, (1 << 31) - 3000, (1 << 32) - 3000):
        for ttl in (0.25, 1.5, 2.75, 59.875, 1000.5, 86400.5):
            t = clock.time = FakeTime(wall)
            t.ms = ms
            db = MicroTetherDB(ram_percentage=20)
            db.put("a", 1, ttl=ttl)
            near = max(0.02, ttl * 2e-7 if SINGLE else 0)
            assert abs(db.ttl("a") - ttl) <= near, (ms, ttl, db.ttl("a"))
            t.go(ttl / 2)
            assert abs(db.ttl("a") - ttl / 2) <= near and db["a"] == 1, (ms, ttl, db.ttl("a"))
            t.go(ttl / 2 - 0.1 if ttl < 60 else ttl / 2 - 1)
            assert "a" in db and db.ttl("a") > 0, (ms, ttl)
            t.go(0.2 if ttl < 60 else 2)
            assert "a" not in db and db.ttl("a") is None and len(db) == 0, (ms, ttl)
            db.close()
clock.time = real
print("OK")
