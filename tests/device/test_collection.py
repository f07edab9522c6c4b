# boards: unix unix32
# nightly: m33 rv32
# qemu heap: 4m
# SPEC section 4: collections and the rest of the database do not see each other; their documents survive closing, dump and load, backup,
# and expire; each has its own indexes and tags.
import asyncio
import io
import os
import sys
import time

import microtetherdb.collection as requests
from expect import cancel, raises
from flashsim import Flash
from microtetherdb.loading import module
from microtetherdb import DBClosed, DuplicateKeyError, MicroTetherDB, QueryError

SOON = 0.1 if sys.platform == "linux" else 3  # seconds that are enough for some calls


def remove(*names):
    for name in names:
        for end in ("", ".new"):
            if name + end in os.listdir():
                os.remove(name + end)


def entries(db):
    return set(k[:3] for k in db._store.scan(b"\0", b"\1", 1))


for kind in ("ram", "file", "region"):
    remove("coll.db", "copy.db")
    flash = Flash(64)
    how = {
        "ram": {"ram_percentage": 30},
        "file": {"filename": "coll.db", "in_memory": False},
        "region": {"filename": flash, "in_memory": False},
    }[kind]
    db = MicroTetherDB(**how)
    assert db.collections() == [] and not entries(db)
    a = db.collection("a")
    assert a.find_one() is None and list(a.find()) == [] and a.delete_many({}).deleted_count == 0 and a.drop() is None
    assert a.update_one({}, {"$set": {"x": 1}}).matched_count == 0 and a.count_documents({}) == 0
    assert db.collections() == [] and not entries(db)  # made with the first write only
    for i in range(20):
        db.put("k%02d" % i, {"n": i, "who": "plain"}, tags=["t"] if i % 2 else None)
    db.create_index("n")
    b = db.collection("b")
    for c in (a, b):
        c.create_index("n")
        c.insert_many([{"_id": "k%02d" % i, "n": i, "who": c.name} for i in range(12)], tags=["t"])
    assert db.collections() == ["a", "b"] and db.indexes() == ["n"]
    assert db.collection("a").find_one("k01") == a.find_one({"_id": "k01"}) == {"_id": "k01", "n": 1, "who": "a", "_tags": ["t"]}

    # neither sees the other
    assert len(db) == 20 and len(list(db)) == 20 and db.count({}) == 20 and len(db.query({"tags": "t"})) == 10
    assert [d["who"] for d in db.query({"n": 3})] == ["plain"] and db.explain({"n": 3})["examined"] == 1
    assert [d["who"] for d in a.find({"n": 3})] == ["a"] and a.find({"n": 3}).explain()["examined"] == 1
    assert a.find({"tags": "t"}).explain()["index"] == "tags" and a.count_documents({"tags": "t"}) == 12
    assert len(list(db.items(prefix="k0"))) == 10 and next(db.keys(reverse=True)) == "k19" and len(db.query({}, sort="-_id")) == 20
    assert db.delete("zz") == 0 and "k11" in db and db.get("k11")["who"] == "plain"
    assert db.delete_many({"n": {"$gte": 15}}) == 5 and a.count_documents({}) == b.count_documents({}) == 12
    assert db.update_many({}, {"seen": True}) == 15 and a.find_one({"seen": True}) is None
    assert a.delete_many({"n": {"$lt": 2}}).deleted_count == 2 and len(db) == 15 and b.estimated_document_count() == 12
    s = db.stats()
    assert s["records"] == 37 and s["collections"] == 2, s
    assert db.check()["ok"] and db.check()["records"] == 37

    # low user keys, long keys, keys with a NUL
    low = db.collection("low")
    for key in ("\0", "\0x", "\1", "\1\1", "\2", "x" * 128):
        low.insert_one({"_id": key, "n": [1, 2]}, ttl=1000)
        assert low.find_one(key)["_id"] == key and key not in db
    low.create_index([("n", 1), ("m", -1)])
    low.update_many({}, {"$set": {"m": "y" * 70}})
    assert [d["_id"] for d in low.find({"n": 2, "m": "y" * 70})] == ["\0", "\0x", "\1", "\1\1", "\2", "x" * 128]
    assert max(len(k) for k in db._store.scan(None, b"\1", 1)) <= 200
    assert db.check()["ok"] and low.delete_many({"_id": {"$lt": "\2"}}).deleted_count == 4 and low.count_documents({}) == 2
    low.drop()
    assert db.collections() == ["a", "b"] and not [k for k in db._store.scan(b"\0e", b"\0f", 1)] and db.check()["ok"]

    # dump and load, with TTLs and tags; backup
    a.insert_one({"_id": "ttl", "n": 50}, ttl=500, tags=["x", "y"])
    text = io.StringIO()
    n = db.dump(text)
    assert n == 38, n
    text.seek(0)
    other = MicroTetherDB(ram_percentage=30)
    assert other.load(text) == 38 and other.collections() == ["a", "b"] and len(other) == 15
    for c in (a, b):
        assert list(other.collection(c.name).find()) == list(c.find())
    assert 400 < other.collection("a").ttl("ttl") <= 500 and other.check()["ok"]
    for line in (
        '{"_id":"k","collection":"","data":{}}\n',
        '{"_id":"k","collection":"c","data":5}\n',
        '{"_id":"k","collection":5,"data":{}}\n',
    ):
        raises(ValueError, "record 1", other.load, io.StringIO(line))
    other.close()
    assert db.backup("copy.db") == 38
    with MicroTetherDB("copy.db", in_memory=False) as copy:
        assert copy.collections() == ["a", "b"] and list(copy.collection("a").find()) == list(a.find()) and copy.check()["ok"]
        assert copy.collection("a").find({"n": 5}).explain()["plan"] == "index" and 400 < copy.collection("a").ttl("ttl") <= 500

    # reopened; purge of the rest
    if kind != "ram":
        db.close()
        raises(DBClosed, "", a.find_one)
        raises(DBClosed, "", a.insert_one, {})
        db = MicroTetherDB(**how)
        a = db.collection("a")
        b = db.collection("b")
        assert db.collections() == ["a", "b"] and a.find({"n": 5}).explain()["plan"] == "index" and len(db) == 15
        assert 400 < a.ttl("ttl") <= 500 and a.count_documents({}) == 11
    assert db.delete(purge=True) == 15 and len(db) == 0 and db.indexes() == ["n"] and db.check()["ok"]
    assert a.count_documents({}) == 11 and b.count_documents({}) == 12
    db.put("k01", {"n": 1})
    assert db.query({"n": 1}) == [{"n": 1}] and db.delete("k01") == 1

    # expiry: never seen, removed with all entries, by the call and between operations
    e = db.collection("e")
    e.create_index("n")
    e.insert_many([{"_id": "e%d" % i, "n": i} for i in range(6)], ttl=SOON, tags=["gone"])
    e.insert_one({"_id": "stays", "n": 1}, ttl=1000)
    assert 0 < e.ttl("e1") <= SOON and e.expire("e5", None) == 1 and e.expire("none", 5) == 0 and e.ttl("e5") is None
    e.update_one({"_id": "e0"}, {"$inc": {"n": 1}})
    e.replace_one({"_id": "e2"}, {"n": 7})
    assert 0 < e.ttl("e2") <= SOON and e.find_one("e2") == {"_id": "e2", "n": 7, "_tags": ["gone"]}
    time.sleep(SOON + 0.1)
    assert [d["_id"] for d in e.find()] == ["e5", "stays"] and e.find_one("e1") is None and e.count_documents({"n": 1}) == 1
    assert e.insert_one({"_id": "e1", "n": 9}).inserted_id == "e1"
    raises(DuplicateKeyError, "e1", e.insert_one, {"_id": "e1"})
    assert db.cleanup() == 4, "e0, e2, e3, e4"
    assert (
        db.check()["ok"]
        and db.stats()["expired"] == 4
        and not [k for k in e._part._store.scan(b"\0x\1\x22", b"\0x\2", 1) if k.endswith(b"e3")]
    )
    e.drop()
    assert db.check()["ok"] and db.stats()["ttls"] == 1, db.stats()  # the one in a

    # generated ids are unique also across collections and sessions
    ids = [db.collection("g%d" % (i % 2)).insert_one({"i": i}).inserted_id for i in range(10)] + [db.put({"i": 1})]
    assert len(set(ids)) == 11 and ids == sorted(ids)
    db.collection("g0").insert_one({"_id": "%06x%06x" % (int(ids[-1][:6], 16), int(ids[-1][6:], 16) + 1)})  # as load() may
    assert db.collection("g0").insert_one({}).inserted_id not in ids
    assert db.collection("g0").estimated_document_count() == 7

    # many names; what is wrong with others
    for bad in ("", "x" * 101, "a\0b", "a$b"):
        raises(ValueError, "name", db.collection, bad)
    raises(TypeError, "name", db.collection, 5)
    for i in range(30):
        db.collection("m%d" % i).insert_one({"_id": "k", "i": i})
    assert len(db.collections()) == 34 and db.collection("m7").find_one("k")["i"] == 7
    for i in range(0, 30, 2):
        db.collection("m%d" % i).drop()
    assert len(db.collections()) == 19 and db.collection("m7").find_one("k")["i"] == 7 and db.collection("m8").find_one("k") is None
    db.collection("m8").insert_one({"_id": "k", "i": "new"})
    assert db.collection("m8").find_one("k")["i"] == "new" and db.check()["ok"]

    # what a batch that fails has noted of an index is not taken for stored
    f = db.collection("flags")
    f.create_index("n")
    f.insert_one({"_id": "0", "n": 1})
    many = [requests.InsertOne({"_id": k, "n": [5, 6]}) for k in ("1", "2", "3", "0")]
    raises(DuplicateKeyError, "requests[3]", f.bulk_write, many)
    f.insert_one({"_id": "4", "n": [5, 6]})
    if kind != "ram":
        db.close()
        db = MicroTetherDB(**how)
        a, b, f = (db.collection(name) for name in ("a", "b", "flags"))
    assert [d["_id"] for d in f.find({"n": {"$gt": 4}})] == ["4"] and f.find({"n": {"$gt": 4}}).explain()["plan"] == "index"
    f.drop()
    if kind == "ram":  # the heap of what expires is made anew after a lack of RAM
        for i in range(5):
            db.collection("h").insert_one({"_id": "h%d" % i, "n": "xx"}, ttl=500 + i, tags=["a", "b"])
        db.collection("h").create_index("n")
        db._expiry._incomplete = True
        db.cleanup()
        assert db.stats()["ttls"] == 6
        db.collection("h").drop()

    # cursors
    cursor = a.find({"n": {"$gt": 3}}).sort("n", -1).skip(1).limit(3)
    assert [d["n"] for d in cursor] == [11, 10, 9]
    raises(ValueError, "begun", cursor.limit, 5)
    assert next(a.find().sort([("n", -1)]))["n"] == 50 and a.find().to_list(2)[1]["n"] == 3 and a.find().next()["n"] == 2
    half = a.find()
    next(half)
    half.close()
    gone = a.find()
    next(gone)
    a.delete_many({"n": 4})
    a.insert_one({"_id": "zz", "n": 4})
    assert [d["_id"] for d in gone] == ["k03", "k05", "k06", "k07", "k08", "k09", "k10", "k11", "ttl", "zz"]

    async def asynchronous():
        n = []
        async for d in a.find({"n": {"$lt": 6}}):
            n.append(d["n"])
        assert n == [2, 3, 4, 5], n  # by the index
        r = await a.update_many_async({"n": {"$lt": 6}}, {"$inc": {"n": 100}})
        assert r.modified_count == 4 and await a.count_documents_async({"n": {"$gt": 100}}) == 4
        assert await a.create_index_async([("who", 1), ("n", 1)]) == "who_1_n_1"
        assert (await a.delete_many_async({"n": {"$gt": 100}})).deleted_count == 4
        assert await a.distinct_async("who") == ["a"] and await db.distinct_async("none") == []
        assert await a.drop_index_async("who_1_n_1") is True
        t = asyncio.create_task(b.drop_async())
        await asyncio.sleep_ms(0)
        await cancel(t)

    asyncio.run(asynchronous())
    assert b.count_documents({}) in (0, 12)
    # one that is new is not mixed up with one that is being dropped
    for name in ("first", "last"):
        last = db.collection(name)
        last.insert_many([{"n": i} for i in range(40)])
        steps = module("parts").drop_steps(last._part)
        next(steps)
        next(steps)
    assert db._store.first(b"\0d\0\0") is not None and "last" not in db.collections()
    fresh = db.collection("fresh")
    fresh.insert_one({"_id": "x"})
    assert list(fresh.find()) == [{"_id": "x"}]
    db.cleanup()
    assert db._store.first(b"\0d\0\0") is None and list(fresh.find()) == [{"_id": "x"}] and last.find_one() is None
    fresh.drop()
    assert db.check()["ok"]
    assert a.index_information() == {"_id_": {"key": [("_id", 1)]}, "n_1": {"key": [("n", 1)]}}, a.index_information()
    raises(AttributeError, "watch", lambda: a.watch)
    raises(TypeError, "requests", a.bulk_write, [5])
    raises(AttributeError, "", lambda: requests.Nothing)
    doc = {"_id": "own", "n": [1]}
    a.insert_one(doc)
    a.replace_one({"_id": "own"}, doc)
    assert doc == {"_id": "own", "n": [1]}
    assert repr(a) == "Collection('a')" and repr(a.delete_one({"_id": "own"})) == "DeleteResult(deleted_count=1)"
    # an index that is dropped while a cursor goes through it
    cursor = a.find({"n": {"$gt": 0}})
    next(cursor)
    a.drop_index("n_1")
    raises(QueryError, "dropped", list, cursor)
    a.drop()
    assert a.find_one() is None and "a" not in db.collections() and a.insert_one({"_id": "k"}).inserted_id == "k"
    db.close()
print("OK")
