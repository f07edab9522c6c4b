# boards: unix unix32 m33
# heap: 4m
# qemu heap: 4m
# SPEC section 2: max_records= keeps the newest records, on_drop= is told of the others; len() knows how many there are.
import asyncio
import random
import time

import callslab
import microtetherdb.steps as steps
from expect import raises
from microtetherdb import KEEP, DBFull, MicroTetherDB
from microtetherdb.storage import mirrors
from nightly import FEW

NAME = "limit.db"
told = []


def drop(key, document):
    told.append((key, document))


def opened(ram, most=5, **kw):
    return MicroTetherDB(NAME, in_memory=ram, max_records=most, on_drop=drop, ram_percentage=30, **kw)


def limit(db):
    return mirrors.of(db._store, "limit")


def counted(db):
    return sum(1 for _ in db._store.scan(b"\x01", None, 1))


def simple(db):
    for i in range(8):
        db.put({"n": i})
        assert len(db) == counted(db) == min(i + 1, 5)
    assert [d["n"] for _, d in told] == [0, 1, 2] and [d["n"] for d in db.values()] == [3, 4, 5, 6, 7]
    assert told[0][0] < told[1][0] < told[2][0] < min(db)
    # what is replaced makes no room
    first = next(db.keys())
    told.clear()
    db.put(first, {"n": 30})
    db[first] = {"n": 31}
    db.put(first, {"n": 32}, ttl=KEEP)
    db.replace(first, {"n": 33})
    db.update(first, {"n": 34})
    db.put_batch([(first, 1), (first, {"n": 35})])
    assert told == [] and len(db) == counted(db) == 5 and db[first] == {"n": 35}
    # deletes, pops and purges do
    db.delete(first)
    db.pop_first()
    assert len(db) == 3
    db.put("zz", 1, tags=["t"], ttl=500)
    db.put("zy", 2, ttl=KEEP)
    assert told == [] and len(db) == 5
    db.put("0", {"n": 0})  # the one that is put stays, though it is the first
    assert [d["n"] for _, d in told] == [5] and "0" in db and next(db.keys()) == "0"
    db.put("zx", 3, ttl=KEEP)
    assert told[1][0] == "0" and len(db) == counted(db) == 5
    assert db.delete(purge=True) == 5 and len(db) == 0
    told.clear()


def batches(db):
    db.put_batch([("a%d" % i, i) for i in range(4)], tags=["t"])
    assert db.put_batch([("b0", 0), ("b1", 1), ("a0", 9)], ttls=100) == ["b0", "b1", "a0"]
    assert told == [("a1", 1)] and list(db) == ["a0", "a2", "a3", "b0", "b1"], list(db)
    told.clear()
    # deletes of the same change make room
    db.write([("c", 1), ("d", 2)], ["a0", "none", "a3"])
    assert told == [] and list(db) == ["a2", "b0", "b1", "c", "d"]
    db.write([("e", 1), ("f", 2)], ["b0"])
    assert told == [("a2", 2)] and list(db) == ["b1", "c", "d", "e", "f"]
    assert db.count({"tags": "t"}) == 0
    was = list(db.items())
    raises(ValueError, "max_records is 5", db.put_batch, [1] * 6)
    raises(ValueError, "max_records is 5", db.write, [1] * 6, ["b1"])
    raises(ValueError, "puts[0]", db.write, [("c", 1)], ["c"])
    raises(TypeError, "items[1]", db.put_batch, [1, b""])
    assert list(db.items()) == was and len(db) == counted(db) == 5
    told.clear()
    db.put_batch([1, 2, 3, 4, 5])
    assert [k for k, _ in told] == ["b1", "c", "d", "e", "f"] and len(db) == 5
    assert db.delete_batch(list(db.keys(limit=3))) == 3 and len(db) == 2
    assert db.delete_many({}) == 2 and len(db) == 0
    told.clear()


def expiring(db):
    # What has expired goes first, and is not told of.
    for i in range(5):
        db.put("k%d" % i, i, ttl=0.001 if i % 2 else 100)
    time.sleep_ms(5)
    assert len(db) == 3
    for i in range(2):
        db.put("m%d" % i, i)
    assert told == [] and len(db) == counted(db) == 5
    db.put("n0", 0, ttl=0.3)
    db.put("n1", 0, ttl=0.3)
    assert told == [("k0", 0), ("k2", 2)]
    time.sleep_ms(310)
    db.put_batch([("o0", 0), ("o1", 1)])
    assert len(told) == 2 and list(db) == ["k4", "m0", "m1", "o0", "o1"]
    assert db.cleanup() == 0 and db.check()["ok"]
    db.expire("k4", 0.001)
    time.sleep_ms(5)
    assert db.cleanup() == 1 and len(db) == counted(db) == 4
    db.delete(purge=True)
    told.clear()


def calling(db):
    # on_drop may use the database; what it raises comes out of the put, which is done.
    limit(db)._on_drop = lambda key, d: db.replace("sum", {"n": db["sum"]["n"] + 1}) if key != "sum" else 1 / 0
    db.put("~", 1)
    for i in range(4):
        db.put("k%d" % i, 1)
    db.put("sum", {"n": 0})
    db.put_batch([1, 2], ttls=50)
    db.put(3)
    assert db["sum"] == {"n": 4} and len(db) == 5, list(db.items())
    db.delete_batch([k for k in db if k != "sum"])
    db.put_batch([("t%d" % i, i) for i in range(4)])
    raises(ZeroDivisionError, "", db.put, "u", 1)
    assert "u" in db and "sum" not in db and len(db) == counted(db) == 5
    limit(db)._on_drop = None
    db.put("v", 1)
    limit(db)._on_drop = drop
    assert "t0" not in db and len(db) == 5
    db.delete(purge=True)


def at_random(db, turns):
    random.seed(turns)
    model = {}
    names = ["k%02d" % i for i in range(14)]
    dropped = {}
    limit(db)._on_drop = lambda k, d: dropped.update({k: d})
    for turn in range(turns):
        r = random.randrange(8)
        key = random.choice(names)
        dropped.clear()
        new = {}
        gone = []
        t = random.choice((None, ["a"]))
        if r < 3:
            new = {key: turn}
            db.put(key, turn, ttl=random.choice((None, 500, KEEP)), tags=t)
        elif r == 3:
            new = {random.choice(names): turn for _ in range(random.randrange(6))}
            db.put_batch(list(new.items()), tags=t)
        elif r < 6:
            new = {random.choice(names): turn for _ in range(random.randrange(5))}
            gone = [k for k in names if k not in new and random.random() < 0.2]
            db.write(list(new.items()), gone, random.choice((None, 500)), t)
        elif r == 6:
            found = db.pop_first()
            assert found == (min(model.items()) if model else None)
            gone = [found[0]] if found else []
        else:
            gone = [key]
            db.delete(key)
        for k in gone:
            model.pop(k, None)
        model.update(new)
        old = sorted(k for k in model if k not in new)
        away = old[: max(0, len(model) - 5)]
        assert dropped == {k: model[k] for k in away}, (turn, r, dropped, away)
        for k in away:
            del model[k]
        if turn % 40 == 39:
            was = db._store.mirror
            db._store.mirror = None  # as when Ctrl-C comes before it is told: counted again
            db._store.put(b"k99", b"1")
            db._store.mirror = was
            assert len(db) == counted(db) == len(model) + 1
            db.delete("k99")
        if turn % 100 == 99:
            db.delete(purge=True)
            model.clear()
        assert dict(db.items()) == model and len(db) == counted(db) == len(model), (turn, r)
        assert db.count({"tags": "a"}) == sum(1 for _, raw in db._store.scan(b"\x01") if b'"_tags":["a"]' in raw), turn
    report = db.check()
    assert report["ok"], report
    limit(db)._on_drop = drop
    db.delete(purge=True)
    told.clear()


def beside_others():
    # A backup, and a task that waits, are told of changes too.
    async def main():
        steps.time = callslab.EachStep()  # a turn of the loop after each step
        async with opened(True, 60) as db:
            db.put_batch([("k%02d" % i, i) for i in range(60)])
            waiting = [asyncio.create_task(db.changed()) for _ in range(2)]
            copy = asyncio.create_task(db.backup_async("limit2.db"))
            await asyncio.sleep_ms(0)
            i = 60
            while not copy.done():
                db.put("k%02d" % i, i)
                i += 1
                await asyncio.sleep_ms(0)
            await asyncio.gather(*waiting)
            await copy
            assert i > 62 and len(db) == 60 and db._store.mirror == [limit(db)]
            wanted = dict(db.items())
        with MicroTetherDB("limit2.db", in_memory=False) as db:
            assert dict(db.items()) == wanted

    real = steps.time
    try:
        asyncio.run(main())
    finally:
        steps.time = real
    MicroTetherDB.remove("limit2.db")
    told.clear()


def older():
    # A limit that is new to a database.
    MicroTetherDB.remove(NAME)
    with MicroTetherDB(NAME, in_memory=False) as db:
        db.put_batch([("k%02d" % i, i) for i in range(40)], tags=["t"])
        db.create_index("n")
    with opened(False, 10) as db:
        assert len(db) == 40 and told == []
        db.put("z", 1)  # reached by and by
        assert [k for k, _ in told] == ["k%02d" % i for i in range(9)] and len(db) == counted(db) == 32
        for i in range(3):
            db.put("z", i)
        assert [k for k, _ in told] == ["k%02d" % i for i in range(31)] and len(db) == counted(db) == 10
        assert db.count({"tags": "t"}) == 9 and db.check()["ok"]
    told.clear()
    with opened(False, 4) as db:
        db.write([("z", 2), ("y", 1)], ["k39"])
        assert list(db) == ["k37", "k38", "y", "z"] and [k for k, _ in told] == ["k%02d" % i for i in range(31, 37)], (list(db), told)
    told.clear()
    with opened(False, 1) as db:
        assert db.put({"n": 1}) and db.put({"n": 2}) and len(db) == 1
    told.clear()


def refused():
    # A put that fails drops nothing.
    with opened(True, 5) as db:
        for i in range(5):
            db.put("k%d" % i, "x" * 100)
        real = db._store.apply

        def apply(changes):
            assert len(changes) >= 2
            raise DBFull("no room")

        db._store.apply = apply
        for call in (
            lambda: db.put("m", 1),
            lambda: db.put_batch([("m", 1)]),
            lambda: db.write([("m", 1)]),
            lambda: db.put("m", 1, ttl=KEEP),
        ):
            raises(DBFull, "no room", call)
        db._store.apply = real
        assert told == [] and sorted(db) == ["k%d" % i for i in range(5)] and len(db) == 5
        # nor does what was to come count for another change
        db._store.apply = apply
        raises(DBFull, "no room", db.put, "m", 1)
        db._store.apply = real
        assert db.delete("k4") == 1 and len(db) == counted(db) == 4
        db.put("k4", 1)
        assert told == []
        db.put("m", 1)
        assert len(told) == 1 and len(db) == counted(db) == 5
    told.clear()


for ram in (True, False):
    MicroTetherDB.remove(NAME)
    db = opened(ram)
    for f in (simple, batches, expiring, calling):
        f(db)
    db.create_index("n")
    at_random(db, 40 if FEW else 500)
    db.close()
beside_others()
older()
refused()
MicroTetherDB.remove(NAME)
print("OK")
