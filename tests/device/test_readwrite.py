# boards: unix unix32 m33 rv32
# heap: 190k
# qemu heap: 1m
# SPEC section 2: reading and writing, in RAM and on file.
import gc
import time
import os
import sys
from collections import OrderedDict
from microtetherdb import MicroTetherDB
from expect import raises


def promise(db, again):
    # the forms of put
    k1 = db.put({"n": 1})
    k2 = db.put([1, 2], None)
    k3 = db.put("just text")
    assert isinstance(k1, str) and k1 < k2 < k3
    assert db.put("own", {"n": 2}) == "own"
    assert db.put({"n": 3}, _id="id") == "id"
    assert db.put({"n": 4}, 60, ["t"], "pos") == "pos"
    assert db.put("kw", {"n": 5}, ttl=60, tags=["a", "b"]) == "kw"
    assert db.put("all", {"n": 6}, 60, ["t"]) == "all"
    assert db.put(data={"n": 7}, key="named") == "named"
    assert db.put("mixed", data={"n": 8}) == "mixed"
    assert db["named"] == {"n": 7} and db["mixed"] == {"n": 8} and db[k3] == "just text"
    raises(TypeError, "key given twice", db.put, "k", {"n": 1}, _id="k")
    raises(TypeError, "missing: data", db.put)
    raises(TypeError, "ttl", db.put, {"n": 1}, 5, ttl=6)

    # values of every JSON kind come back
    for i, v in enumerate(
        (None, True, False, 0, -1, 1 << 40, 1.5, "", "\u00e4\u20ac", 'a"b\\c\n\t\x01', [], {}, [[1, {"a": None}]], {"x": {"y": [1]}})
    ):
        db["v%d" % i] = v
        assert db["v%d" % i] == v, v
        assert ("v%d" % i) in db
    # a stored None is not a missing record
    assert db.get("v0", 5) is None and db.get("nothing", 5) == 5 and db.get("nothing") is None

    # tags: under _tags, the caller's objects stay as they are, putting back keeps them
    doc = {"a": 1}
    tags = ["x", "y"]
    db.put("t", doc, tags=tags)
    assert doc == {"a": 1} and tags == ["x", "y"]
    got = db["t"]
    assert got == {"a": 1, "_tags": ["x", "y"]}
    db["t"] = got
    assert db["t"] == got and got["_tags"] == ["x", "y"]
    db.put("t", got, tags=["z"])
    assert db["t"] == {"a": 1, "_tags": ["z"]}
    db.put("e", {}, tags=["z"])
    assert db["e"] == {"_tags": ["z"]}
    db.put("list", [1, 2], tags=["z"])
    assert db["list"] == [1, 2]

    # keys: limits, order, the range below our own
    raises(TypeError, "key", db.get, 5)
    raises(ValueError, "key: empty", db.put, "", 1)
    raises(ValueError, "129 bytes, at most 128", db.put, "k" * 129, 1)
    raises(ValueError, "130 bytes", db.put, "\u00e4" * 65, 1)
    db.put("k" * 128, "long")
    assert db["k" * 128] == "long"
    low = ["\x00", "\x00m", "\x01", "\x01a", "\x02", " "]
    for k in low:
        db[k] = k
    for k in low:
        assert db[k] == k
    assert list(db.keys(end="!")) == low
    assert list(db) == sorted(db, key=lambda k: k.encode())
    for k in low:
        assert db.delete(k) == 1

    # values: limit
    db["big"] = "x" * 8190
    gc.collect()
    assert db["big"] == "x" * 8190
    gc.collect()
    raises(ValueError, "8193 bytes of JSON, at most 8192", db.put, "big", "x" * 8191)
    gc.collect()
    assert len(db["big"]) == 8190
    raises(ValueError, "data.a", db.put, "nan", {"a": float("nan")})
    raises(ValueError, "data.a[]", db.put, "nan", {"a": [1, float("inf")]})
    raises(TypeError, "data.a", db.put, "nan", {"a": b"bytes"})
    raises(TypeError, "data", db.put, "nan", {5: 1})
    cyclic = []
    cyclic.append(cyclic)
    raises(ValueError, "nested", db.put, "nan", cyclic)
    assert "nan" not in db

    # delete
    assert db.delete("own") == 1 and db.delete("own") == 0 and "own" not in db
    raises(KeyError, "own", lambda: db["own"])
    try:
        del db["own"]
        assert False
    except KeyError:
        pass

    # ranges, lazily
    for i in range(20):
        db["r%02d" % i] = i
    assert list(db.keys("r05", "r08")) == ["r05", "r06", "r07"]
    assert list(db.values(prefix="r1")) == list(range(10, 20))
    assert list(db.items("r18", prefix="r")) == [("r18", 18), ("r19", 19)]
    assert list(db.keys("r05", "r08", reverse=True)) == ["r07", "r06", "r05"]
    assert list(db.values(prefix="r1", limit=3)) == [10, 11, 12] and list(db.values(prefix="r1", limit=30)) == list(range(10, 20))
    assert list(db.items(end="r02", prefix="r", reverse=True, limit=0)) == [("r01", 1), ("r00", 0)]
    assert list(db.items(prefix="r", reverse=True, limit=2)) == [("r19", 19), ("r18", 18)]
    assert list(db.keys("b", "a", reverse=True)) == list(db.keys("r05", "r05", reverse=True)) == list(db.keys("", "", None, True)) == []
    gc.collect()
    assert list(db.keys(reverse=True)) == list(reversed(list(db)))
    every = list(db.keys(prefix="r"))
    for limit in range(len(every) + 2):
        assert list(db.keys("r", "s", None, True, limit)) == list(reversed(every))[: limit or 99]
        assert list(db.keys("r", "s", limit=limit)) == every[: limit or 99]
    gc.collect()
    for limit in (None, "1", 1.0, True):
        raises(TypeError, "limit", db.keys, limit=limit)
    raises(ValueError, "limit", db.items, limit=-1)
    for reverse in (None, 1, "yes"):
        raises(TypeError, "reverse", db.values, reverse=reverse)
    db.put("r99", 0, ttl=0.001)
    time.sleep_ms(5)
    assert list(db.values(prefix="r", reverse=True, limit=2)) == [19, 18]  # what has expired does not count
    seen = []
    for k in db.keys(prefix="r", reverse=True, limit=4):
        seen.append(k)
        db[k + "x"] = 0
        db["q" + k] = 0
        db.delete(k + "x")
    assert seen == ["r19", "r18", "r17", "r16"] and db.delete_batch(["q" + k for k in seen]) == 4
    seen = []
    for k in db.keys(prefix="r"):
        seen.append(k)
        db.delete(k)
        db["s" + k] = 0
    assert seen == ["r%02d" % i for i in range(20)]

    # update
    db["u"] = {"a": 1, "b": {"c": 2}}
    assert db.update("u", {"a": 5, "d": 6}) == 1
    assert db["u"] == {"a": 5, "b": {"c": 2}, "d": 6}
    assert db.update("none", {"a": 5}) == 0

    # what the caller gave is never modified, and the text is JSON
    for tags in (["new"], []):
        d = {"a": 1, "_tags": ["old"] if tags else []}
        was = repr(d)
        db.put("tg", d, tags=tags or None)
        assert repr(d) == was and db["tg"].get("_tags") == (tags or None), (d, db["tg"])
    db.put("tg", {}, tags=("x",))
    assert bytes(db._store.get("tg")) == b'{"_tags":["x"]}'
    assert db.delete("tg") == 1

    # batches: all or none
    n = len(db)
    ks = db.put_batch([{"i": 0}, {"i": 1}, ("bk", {"i": 2})])
    assert len(ks) == 3 and ks[2] == "bk" and ks[0] < ks[1] and len(db) == n + 3
    assert db[ks[1]] == {"i": 1}
    raises(TypeError, "items[1]", db.put_batch, [{"i": 0}, {"i": b"no"}])
    raises(ValueError, "items[2]", db.put_batch, ["a", "b", float("nan")])
    raises(ValueError, "ttls: 2 for 3", db.put_batch, [1, 2, 3], [5, 6])
    assert len(db) == n + 3
    ks2 = db.put_batch([1, 2], ttls=[500, None], tags=[["a"], None])
    assert db.ttl(ks2[0]) > 400 and db.ttl(ks2[1]) is None
    assert db.delete_batch(ks2 + ["not there"]) == 2
    raises(TypeError, "keys[1]", db.delete_batch, ["bk", 5])
    assert "bk" in db
    raises(TypeError, "keys", db.delete_batch, "bk")

    # the newest state is always seen
    for i in range(30 if sys.platform != "rp2" else 3):
        db["same"] = i
        assert db["same"] == i
        if again:
            db = again(db)
            assert db["same"] == i

    n = len(db)
    assert n == len(list(db)) == db.delete(purge=True) and len(db) == 0 and list(db) == []
    db["after"] = 1
    assert len(db) == 1
    return db


promise(MicroTetherDB(ram_percentage=30), None).close()


def reopen(db):
    db.close()
    return MicroTetherDB("rw.db", in_memory=False)


db = promise(MicroTetherDB("rw.db", in_memory=False), reopen)
k = db.put("gen")
db = reopen(db)
assert db["after"] == 1 and db.put("gen2") > k
db.close()
os.remove("rw.db")

# a batch of documents of one shape, of several, and one that is bad behind a good one of nearly the same shape
SHAPES = [
    {"a": 1, "b": 2.5},
    {"b": 1, "a": None},
    {"a": 1, "c": 2},
    {"c": [1], "d": {"x": 1}},
    {"a": 1, "tags": ["x"]},
    {"tags": 1, "b": 2},
    {},
    {},
    OrderedDict([("a", 1), ("b", 2)]),
    {"a": True, "b": "x"},
]
NAN = float("nan")
BAD = [
    {"a": NAN, "b": 1},
    {"a": 1, "b": NAN},
    {"a": b"x", "b": 1},
    {"a": object(), "b": 1},
    {1: 1, 2: 2},
    {"a": 1, 2: 2},
    {"a": 1, "b": {"c": NAN}},
]
for where in ({}, {"filename": "shapes.db", "in_memory": False}):
    with MicroTetherDB(**where) as db:
        made = db.put_batch(SHAPES)
        assert [db.get(key) for key in made] == [dict(d) for d in SHAPES]
        assert len(db.query({"tags": "x"})) == len(db.query({"tags": 1})) == 1
        for bad in BAD:
            for item in (bad, ("key", bad)):
                raises((TypeError, ValueError), "items[1]", db.put_batch, [{"a": 1, "b": 2}, item])
        assert len(db) == len(SHAPES) and db.check()["ok"]
for name in ("shapes.db", "shapes.db.new"):
    if name in os.listdir():
        os.remove(name)
print("OK")
