# boards: unix unix32
# SPEC section 4: find, sort, skip, limit, fields, keys, count, delete_many, update_many, explain, async for.
import asyncio
import random
from collections import OrderedDict

from expect import raises
from microtetherdb import MicroTetherDB, QueryError

N = 60


def fill(db):
    for i in range(N):
        db.put(
            "k%03d" % i,
            {"i": i, "n": i % 10, "s": "s%d" % (i % 7), "sub": OrderedDict([("x", i), ("y", -i)]), "a": [i % 3, i % 5]},
            tags=["t%d" % (i % 4)],
        )


def arguments(db):
    assert len(db.query({})) == len(db.query()) == N
    assert [d["i"] for d in db.query({"n": 3})] == [3, 13, 23, 33, 43, 53]
    assert [d["i"] for d in db.query({"n": 3}, skip=1, limit=2)] == [13, 23]
    assert [d["i"] for d in db.query({"n": 3, "$limit": 2})] == [3, 13]
    assert [d["i"] for d in db.query({"n": 3, "$limit": 4}, limit=3)] == [3, 13, 23]
    assert [d["i"] for d in db.query({"n": 3, "$limit": 0}, limit=0)] == [3, 13, 23, 33, 43, 53]
    assert db.query({"i": 7}, keys=True, fields=["i", "sub.y"]) == [("k007", {"i": 7, "sub": {"y": -7}})]
    d = db.query({"i": 7}, fields={"sub.x": 0, "a": 0, "_tags": 0})[0]
    assert d == {"i": 7, "n": 7, "s": "s0", "sub": {"y": -7}}
    assert [d["i"] for d in db.query({}, sort="-i", limit=3)] == [59, 58, 57]
    assert [d["i"] for d in db.query({}, sort=[("n", -1), ("i", 1)], skip=4, limit=4)] == [49, 59, 8, 18]
    assert [d["i"] for d in db.query({}, sort=["-n", "-i"], limit=2)] == [59, 49]
    assert [d["i"] for d in db.query({"n": 3}, sort={"i": -1}, limit=2)] == [53, 43]
    assert [d["i"] for d in db.query('{"sub": {"x": 5, "y": -5}}')] == [5]
    assert db.query('{"sub": {"y": -5, "x": 5}}') == []  # order of fields counts in JSON text
    assert db.query({"sub": OrderedDict([("y", -5), ("x", 5)])}) == []
    assert db.count({"n": 3}) == 6 and db.count({"tags": "t1"}) == 15 and db.count() == N and db.count({"n": 3, "$limit": 4}) == 4
    found = db.find({"n": 3}, keys=True)
    assert next(found)[0] == "k003" and iter(found) is found
    assert [k for k, d in found] == ["k013", "k023", "k033", "k043", "k053"]
    for bad in ("x", -1, 1.5, True, None):
        raises(QueryError, "limit", db.query, {}, limit=bad)
        raises(QueryError, "skip", db.find, {}, skip=bad)
    for bad in (5, [], [("a", 2)], [("a", True)], {"a": 0}, [5], ""):
        raises(QueryError, "", db.query, {}, sort=bad)
    for bad in (5, {"a": 1, "b": 0}, [5], {"a": "x"}, ["a", "a.b"]):
        raises(QueryError, "", db.query, {}, fields=bad)
    for bad in (5, [1], "not json", "[1]", {"a": {"$gt": object()}}, {5: 1}, {"a": float("nan")}):
        raises(QueryError, "", db.query, bad)


def explained(db):
    e = db.explain({"n": 3})
    assert (e["plan"], e["examined"], e["returned"]) == ("scan", N, 6), e
    e = db.explain({"tags": "t1"})
    assert (e["plan"], e["index"], e["examined"], e["returned"]) == ("index", "tags", 15, 15), e
    db.create_index("n")
    e = db.explain({"n": 3})
    assert (e["plan"], e["index"], e["examined"], e["returned"]) == ("index", "n", 6, 6), e
    e = db.explain({"n": {"$in": [3, 4]}, "i": {"$lt": 20}}, sort="-n")
    assert (e["index"], e["examined"], e["returned"], e["sort"]) == ("n", 12, 4, "index"), e
    assert [d["i"] for d in db.query({"n": {"$gte": 8}}, sort="-n", limit=7)] == [9, 19, 29, 39, 49, 59, 8]
    assert db.explain({}, sort="i")["sort"] == "memory" and db.explain({}, sort="n")["sort"] == "index"


def many(db):
    raises(QueryError, "$foo", db.update_many, {}, {"$foo": {"a": 1}})
    raises(QueryError, "$bad", db.delete_many, {"a": {"$bad": 1}})
    assert db.update_many({"n": {"$gte": 5}}, {"$inc": {"n": 100}}) == 30  # each one once, though it moves in the index
    assert db.count({"n": {"$gte": 105}}) == 30 and db.count({"n": {"$gte": 5, "$lt": 105}}) == 0
    assert db.delete_many({"n": {"$gte": 105}}) == 30 and len(db) == 30
    assert db.delete_many({"n": 0, "$limit": 2}) == 2 and len(db) == 28
    assert db.delete_many({"n": 77}) == 0


def changing(db, indexed, turns):
    # What is there from the first step to the last is given once, whatever happens meanwhile.
    for turn in range(turns):
        db.delete(purge=True)
        for i in range(40):
            db.put("k%02d" % i, {"v": random.randrange(100), "keep": i % 2})
        q = random.choice(({}, {"v": {"$gte": 20}}, {"v": {"$in": list(range(0, 100, 3))}}))
        match = lambda d: not q or (d["v"] >= 20 if "$gte" in q["v"] else d["v"] in q["v"]["$in"])
        always = set(k for k, d in db.items() if match(d))
        seen = []
        for key, d in db.find(q, keys=True, sort=random.choice((None, "v", "-v")) if indexed else None):
            seen.append(key)
            for _ in range(random.randrange(4)):
                k = "k%02d" % random.randrange(50)
                if random.random() < 0.3:
                    db.delete(k)
                    always.discard(k)
                else:
                    v = random.randrange(100)
                    if not match({"v": v}):
                        always.discard(k)
                    if k in db:
                        db.put(k, {"v": v, "keep": 2})
        assert len(seen) == len(set(seen)), (turn, q, sorted(seen))
        assert not always - set(seen), (turn, q, always - set(seen))


def newest(db, take):
    # What was found ahead is not given when it has changed, expired or gone since. `take`: how to get the next document.
    for ahead in range(1, 12):
        for ttl in (None, 100):
            db.delete(purge=True)
            for i in range(24):
                db.put("k%02d" % i, {"i": i, "v": 0}, ttl=ttl)
            cursor = db.find({"v": {"$lt": 5}})
            step = take(cursor)
            assert [step()["i"] for _ in range(ahead)] == list(range(ahead))
            db.put("k%02d" % ahead, {"i": ahead, "v": 1})
            db.delete("k%02d" % (ahead + 1))
            db.put("k%02d" % (ahead + 2), {"i": ahead + 2, "v": 5})
            d = step()
            assert d == {"i": ahead, "v": 1}, d
            assert step()["i"] == ahead + 3
            if ttl:
                db._clock._s += 101
                raises(StopIteration, "", step)
                db._clock._s -= 101
            else:
                assert len(list(cursor)) == 24 - ahead - 4
                raises(StopIteration, "", step)
    assert len(list(db.find({}, limit=7))) == 7 and len(list(db.find({}, skip=20))) == 3
    cursor = db.find({})
    step = take(cursor)
    step()
    cursor.close()
    raises(StopIteration, "", step)


async def asynchronous(db):
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep_ms(0)

    task = asyncio.create_task(other())
    await asyncio.sleep_ms(0)
    n = 0
    async for d in db.find({"v": {"$gte": 0}}):
        n += 1
    assert n == len(db)
    got = []
    async for d in db.find({}, sort="v"):
        got.append(d["v"])
    assert got == sorted(got) and len(got) == n
    task.cancel()


db = MicroTetherDB(ram_percentage=60)
fill(db)
arguments(db)
explained(db)
many(db)
db.close()
db = MicroTetherDB(ram_percentage=60)
random.seed(7)
turns = 60
newest(db, lambda c: lambda: next(c))
newest(db, lambda c: iter(c).__next__)
changing(db, False, turns)
db.create_index("v")
changing(db, True, turns)
asyncio.run(asynchronous(db))
f = db.find({})
next(f)
db.close()
raises(Exception, "closed", next, f)
print("OK")
