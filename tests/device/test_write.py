# boards: unix unix32 m33
# heap: 4m
# SPEC section 2: write() is one change, pop_first() a queue, ttl=KEEP and replace() keep TTL and tags, durable=True is durable.
import asyncio
import os
import random
import sys
import time

from expect import raises
from microtetherdb import KEEP, DBClosed, DBFull, MicroTetherDB
from nightly import FEW


def fresh(ram):
    for end in ("", ".new"):
        try:
            os.remove("write.db" + end)
        except OSError:
            pass
    return MicroTetherDB("write.db", in_memory=ram, ram_percentage=30)


def kept(db):
    db.put("a", {"n": 1}, ttl=1000, tags=["x", "y"])
    for put in (
        lambda d: db.put("a", d, ttl=KEEP),
        lambda d: db.put("a", d, KEEP),
        lambda d: db.put(d, KEEP, None, "a"),
        lambda d: db.put(key="a", data=d, ttl=KEEP, durable=True),
        lambda d: db.replace("a", d) and "a",
    ):
        was = db.ttl("a")
        for d in ({"n": 2}, 5, [1, {"_tags": ["no"]}], {"deep": {"_tags": 1}}, {}, None):
            assert put(d) == "a" and was - 20 < db.ttl("a") <= was, d
            assert db["a"] == (dict(d, _tags=["x", "y"]) if isinstance(d, dict) else d), (d, db["a"])
            assert db.count({"tags": "x"}) == db.count({"tags": {"$all": ["x", "y"]}}) == 1
        # what comes out goes in again; other tags take the place of those that were
        assert put(dict(db["a"] or {}, _tags=["z"])) == "a" and db["a"] == {"_tags": ["z"]} and not db.count({"tags": "x"}) and db.ttl("a")
        assert put({"n": 1, "_tags": []}) == "a" and db["a"] == {"n": 1} and not db.count({"tags": "z"}) and db.ttl("a")
        db.put("a", {"n": 1}, ttl=1000, tags=["x", "y"])
    assert db.put("a", {"n": 3}, ttl=KEEP, tags=["q"]) == "a" and db["a"] == {"n": 3, "_tags": ["q"]} and db.ttl("a") > 900
    assert db.put("a", {"n": 3}, ttl=KEEP, tags=[]) == "a" and db["a"] == {"n": 3} and db.ttl("a") > 900
    # nothing to be kept
    assert db.put("b", {"n": 1}, ttl=KEEP) == "b" and db.ttl("b") is None and db["b"] == {"n": 1}
    assert db.put("b", {"n": 1}, ttl=KEEP, tags=["t"]) == "b" and db.ttl("b") is None and db["b"] == {"n": 1, "_tags": ["t"]}
    key = db.put({"n": 1}, ttl=KEEP)
    assert db.ttl(key) is None and db[key] == {"n": 1}
    db.put("gone", {"n": 1}, ttl=0.001, tags=["x"])
    time.sleep_ms(5)
    assert db.replace("gone", {"n": 2}) == 0 == db.replace("none", {"n": 2}) and "gone" not in db
    assert db.put("gone", {"n": 2}, ttl=KEEP) == "gone" and db["gone"] == {"n": 2} and db.ttl("gone") is None
    db.put("\x00k", 1, ttl=500)
    assert db.replace("\x00k", 2) == 1 and db["\x00k"] == 2 and db.ttl("\x00k") > 400
    db.put("b", {"n": 5})  # a plain put keeps nothing
    assert db["b"] == {"n": 5}
    assert db.check()["ok"]
    db.delete(purge=True)


def written(db):
    db.put_batch([("r%d" % i, {"n": i}) for i in range(6)])
    db.put("t", {"n": 7}, ttl=1000, tags=["x"])
    assert db.write([("sum", {"n": 15})], ["r0", "r1", "none", "r0"]) == ["sum"] and sorted(db) == ["r2", "r3", "r4", "r5", "sum", "t"]
    keys = db.write([{"m": 1}, ("k", {"m": 2})], db.keys(prefix="r"), ttls=[None, 500], tags=[["a"], ["a", "b"]])  # a lazy range
    assert (
        keys[1] == "k"
        and db[keys[0]] == {"m": 1, "_tags": ["a"]}
        and db.ttl("k") > 400
        and db.ttl(keys[0]) is None
        and not list(db.keys(prefix="r"))
    )
    assert db.write() == [] == db.write(deletes=["t"]) and "t" not in db and db.count({"tags": "x"}) == 0
    assert db.write([("a", 1), ("a", 2)]) == ["a", "a"] and db["a"] == 2
    was = list(db.items())
    raises(ValueError, "puts[0]: 'k' is deleted too", db.write, [("k", 1)], ["k"])
    raises(TypeError, "puts[1]", db.write, [("z", 1), {"a": b""}], ["a", "k"])
    raises(ValueError, "deletes[1]", db.write, [("z", 1)], ["a", ""])
    raises(ValueError, "ttls", db.write, [("z", 1)], ["a"], [1, 2])
    raises(ValueError, "more", db.write, [("z", 1)], (k for k in failing()))
    assert list(db.items()) == was
    n = db.stats()["operations"]
    db.write([1, 2], ["a", "k"])
    assert db.stats()["operations"] == n + 4
    assert db.check()["ok"]
    db.delete(purge=True)


def failing():
    yield "a"
    raise ValueError("no more keys")


def popped(db):
    pop = db.pop_first
    assert pop() is None and pop("a") is None and pop(tags=["a"]) is None
    keys = [db.put({"n": i}, tags=["odd" if i % 2 else "even", "third"][: 2 if i % 3 == 0 else 1]) for i in range(20)]
    db.put("q/\u20ac", 5, tags=["odd", "x" * 60, "x" * 60 + "y"])
    db.put("own", {"tags": ["even", "mine"]})
    assert pop(tags=["odd"]) == (keys[1], {"n": 1, "_tags": ["odd"]}) and pop(tags=["third", "odd"]) == (
        keys[3],
        {"n": 3, "_tags": ["odd", "third"]},
    )
    assert pop(tags=["third", "odd"])[0] == keys[9] and pop(tags=("third",))[0] == keys[0] and pop(tags=[])[0] == keys[2]
    assert pop(tags=["x" * 60 + "y", "x" * 61]) is None and pop(tags=["x" * 60 + "z"]) is None and pop("q/", ["even"]) is None
    assert pop("q/", ["odd", "x" * 60 + "y"]) == ("q/\u20ac", 5) and pop(tags=["x" * 60]) is None
    assert pop(tags=["mine", "even"]) == ("own", {"tags": ["even", "mine"]}) and pop(tags=["even", "none"]) is None
    db.put("q/1", {"n": 1}, ttl=0.001)
    db.put("q/2", {"n": 2}, ttl=0.001, tags=["even"])
    db.put("q/3", {"n": 3}, ttl=100, tags=["even"])
    time.sleep_ms(5)
    assert pop(prefix="q/") == ("q/3", {"n": 3, "_tags": ["even"]}) and pop(prefix="q/") is None and pop("q/", ["even"]) is None
    left = [n for n in range(20) if n not in (0, 1, 2, 3, 9)]
    while left:
        assert pop()[1]["n"] == left.pop(0)
    assert pop() is None and len(db) == 0 and db.check()["ok"]
    for k in ("\x00a", "\x00", "a"):
        db.put(k, 1)
    assert pop("\x00")[0] == "\x00" and pop("")[0] == "\x00a" and pop("\x01") is None and pop()[0] == "a"


async def tasks(db):
    # Two tasks get each record once.
    n = 8 if FEW else 40
    for i in range(n):
        db.put({"n": i}, tags=["a", "b"] if i % 4 == 0 else ["a"])

    async def take(tags):
        out = []
        while True:
            found = await db.pop_first_async(tags=tags)
            if found is None:
                return out
            out.append(found[1]["n"])
            await asyncio.sleep_ms(0)

    a, b = await asyncio.gather(take(["a"]), take(["a", "b"]))
    assert sorted(a + b) == list(range(n)) and a == sorted(a) and b == sorted(b) and b, (a, b)


def threads(db):
    try:
        import _thread
    except ImportError:
        return
    n = 60
    for i in range(n):
        db.put({"n": i})
    out = []
    done = []

    def take():
        try:
            while True:
                found = db.pop_first()
                if found is None:
                    break
                out.append(found[1]["n"])
        except BaseException as e:
            sys.print_exception(e)
        done.append(1)

    for _ in range(2):
        _thread.start_new_thread(take, ())
    while len(done) < 2:
        time.sleep_ms(1)
    assert sorted(out) == list(range(n)) and len(db) == 0


def durable(db):
    ram = db._store.ram
    assert db.put("d", {"n": 1}, durable=True) == "d" and db["d"] == {"n": 1} and not db._store.dirty()
    assert db.put({"n": 1}, ttl=50, tags=["x"], durable=True) != "d" and not db._store.dirty()
    db.put("e", {"n": 1}, durable=False)
    assert db._store.dirty() != ram
    db.write([("f", 1)], ["d"], durable=True)
    assert not db._store.dirty() and "d" not in db
    if ram:
        return
    # The others are flushed when they would have been.
    db.flush()
    was = db.stats()["flushes"]
    when = []
    for i in range(30):
        before = db.stats()["flushes"]
        db.put("k%d" % i, {"n": i})
        when.append(db.stats()["flushes"] > before)
        if i % 4 == 1:
            due = db._due
            db.put("dd", {"n": i}, durable=True)
            assert not db._store.dirty() and (db._due == due or db._made >= due), (i, due)
    assert 1 <= sum(when) <= 3 and db.stats()["flushes"] > was + 7, when
    # There after a cut: the file as it is now, opened as another.
    db.put("cut", {"n": 1}, ttl=KEEP, durable=True)
    db.put("late", {"n": 1})
    with open("write.db", "rb") as f, open("write2.db", "wb") as g:
        while data := f.read(512):
            g.write(data)
    with MicroTetherDB("write2.db", in_memory=False) as copy:
        assert copy["cut"] == {"n": 1} and ("late" in copy) == (not db._store.dirty())
    MicroTetherDB.remove("write2.db")


def at_random(db, turns):
    # Against a model of {key: (document, tags, whether it has a TTL)}.
    random.seed(turns)
    model = {}
    names = ["k%d" % i for i in range(12)]
    tags = (None, ["a"], ["a", "b"], [])
    db.delete(purge=True)
    db.create_index("n")
    for turn in range(turns):
        r = random.randrange(8)
        key = random.choice(names)
        d = {"n": turn}
        t = random.choice(tags)
        if r == 0:
            db.put(key, d, ttl=1000 if turn % 2 else None, tags=t)
            model[key] = (turn, t or [], bool(turn % 2))
        elif r == 1:
            db.put(key, d, ttl=KEEP, tags=t)
            old = model.get(key, (0, [], False))
            model[key] = (turn, old[1] if t is None else t, old[2])
        elif r == 2:
            assert db.replace(key, d) == (key in model)
            if key in model:
                model[key] = (turn,) + model[key][1:]
        elif r < 5:
            puts = [random.choice(names) for _ in range(random.randrange(4))]
            gone = [k for k in names if k not in puts and random.random() < 0.2]
            ttls = random.choice((None, 500))
            try:
                db.write([(k, d) for k in puts], gone, ttls, t)
            except DBFull:
                continue
            for k in puts:
                model[k] = (turn, t or [], bool(ttls))
            for k in gone:
                model.pop(k, None)
        elif r < 7:
            t = t or []
            fits = [k for k in model if all(x in model[k][1] for x in t) and k.startswith("k1")]
            found = db.pop_first("k1", t)
            assert (found and found[0]) == (min(fits) if fits else None), (turn, found, fits)
            if fits:
                assert found[1]["n"] == model.pop(found[0])[0]
        else:
            db.delete(key)
            model.pop(key, None)
        if turn % 10 == 9:
            found = {k: (v["n"], v.get("_tags", []), db.ttl(k) is not None) for k, v in db.items()}
            assert found == model, (turn, found, model)
            for t in ("a", "b"):
                assert sorted(k for k, _ in db.query({"tags": t}, keys=True)) == sorted(k for k in model if t in model[k][1]), turn
            assert sorted(k for k, _ in db.query({"n": {"$gte": 0}}, keys=True)) == sorted(model), turn
    assert db.check()["ok"], db.check()


for ram in (True, False):
    db = fresh(ram)
    kept(db)
    written(db)
    popped(db)
    threads(db)
    at_random(db, 60 if FEW else 600)
    db.delete(purge=True)
    durable(db)
    db.close()
    for call in (
        lambda: db.write([1]),
        db.pop_first,
        lambda: db.replace("a", 1),
        lambda: db.put("a", 1, ttl=KEEP),
        lambda: db.put("a", 1, durable=True),
    ):
        raises(DBClosed, "closed", call)
    db = fresh(ram)
    asyncio.run(tasks(db))
    db._task = None
    db.close()
print("OK")
