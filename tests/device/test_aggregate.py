# boards: unix unix32 stock m33
# aggregate() around its pipelines: cursors, the loop, locks, limits, what is in the records. What pipelines give: tests/conformance.
import asyncio
import json
from collections import OrderedDict

from expect import cancel, raises

from microtetherdb import DBClosed, MicroTetherDB, QueryError


def fill(db, n=40):
    for i in range(n):
        db.put("k%02d" % i, {"t": 3600 * (i // 10) + i, "v": i, "g": i % 3})


GROUP = {"$group": {"_id": "$g", "n": {"$sum": 1}, "v": {"$sum": "$v"}}}
BY_ID = {"$sort": {"_id": 1}}


def refused(error, f, *args, **kw):
    raises(QueryError, error, f, *args, **kw)


def model(db, q=None):
    groups = {}
    for d in db.find(q):
        g = groups.setdefault(d["g"], {"_id": d["g"], "n": 0, "v": 0})
        g["n"] += 1
        g["v"] += d["v"]
    return [groups[k] for k in sorted(groups)]


def test_forms(db):
    fill(db)
    wanted = model(db)
    assert list(db.aggregate([GROUP, BY_ID])) == wanted
    assert list(db.aggregate((GROUP, BY_ID))) == wanted
    assert list(db.aggregate(json.dumps([GROUP, BY_ID]))) == wanted
    cursor = db.aggregate([GROUP, BY_ID])
    assert iter(cursor) is cursor and next(cursor) == wanted[0]
    cursor.close()
    raises(StopIteration, "", next, cursor)
    db.aggregate([GROUP]).close()  # before it began
    assert asyncio.run(db.aggregate_async([GROUP, BY_ID])) == wanted

    async def each():
        got = []
        async for d in db.aggregate([GROUP, BY_ID]):
            got.append(d)
        return got

    assert asyncio.run(each()) == wanted
    raises(TypeError, "", db.aggregate)
    raises(TypeError, "", db.aggregate, [], groups=5)
    refused("pipeline", db.aggregate, "[5")
    refused("pipeline", db.aggregate, None)
    refused("pipeline", db.aggregate, [{"$limit": 1}] * 26)
    assert len(list(db.aggregate([{"$limit": 1}] * 25))) == 1


def test_index_and_keys(db):
    fill(db)
    for q in ({"v": {"$gte": 30}}, {"_id": {"$gte": "k30"}}, {"g": 1}):
        wanted = model(db, q)
        assert list(db.aggregate([{"$match": q}, GROUP, BY_ID])) == wanted
        db.create_index("v")
        assert list(db.aggregate([{"$match": q}, GROUP, BY_ID])) == wanted
        assert asyncio.run(db.aggregate_async([{"$match": q}, GROUP, BY_ID])) == wanted
        # In the order of the index, no more records read than wanted.
        assert [d["v"] for d in db.aggregate([{"$sort": {"v": -1}}, {"$skip": 1}, {"$limit": 2}])] == [38, 37]
        db.drop_index("v")
    assert [d["_id"] for d in db.aggregate([{"$sort": {"_id": -1}}, {"$limit": 2}])] == ["k39", "k38"]


def test_order_needs_an_order(db):
    fill(db, 6)
    text = '{"g":1,"v":-1}'
    wanted = ["k03", "k00", "k04", "k01", "k05", "k02"]
    for spec in ([("g", 1), ("v", -1)], ["g", "-v"], OrderedDict([("g", 1), ("v", -1)]), text):
        for before in ([], [{"$set": {"x": 1}}]):
            assert [d["_id"] for d in db.aggregate(before + [{"$sort": spec}])] == wanted, spec
    refused("$sort: a plain dict has no order", db.aggregate, [{"$sort": {"g": 1, "v": -1}}])
    refused("$sort: a plain dict has no order", db.aggregate, [GROUP, {"$sort": {"g": 1, "v": -1}}])
    assert [d["_id"] for d in db.aggregate('[{"$sort":%s}]' % text)] == wanted


def test_groups_are_limited(db):
    fill(db)
    by_v = {"$group": {"_id": "$v"}}
    assert len(list(db.aggregate([by_v], max_groups=40))) == 40
    refused("$group: more than 39 groups; max_groups=", list, db.aggregate([by_v], max_groups=39))
    refused("max_groups", db.aggregate, [by_v], max_groups=-1)
    refused("max_groups", db.aggregate, [by_v], max_groups=1.5)
    # Missing and null are one group, which comes last here.
    db.put("z1", {})
    db.put("z2", {"v": None})
    assert len(list(db.aggregate([by_v], max_groups=41))) == 41


def test_what_is_in_the_records(db):
    fill(db, 3)
    db.put("text", "no document")
    db.put("list", [1, 2], tags=["x"])
    db.put("tagged", {"v": 9, "g": 0}, tags=["x", "y"])
    db.put("soon", {"v": 5, "g": 0}, ttl=1000)
    db.put("own", {"v": 7, "g": 0, "_id": "mine"})
    ids = [d["_id"] for d in db.aggregate([])]
    assert ids == ["k00", "k01", "k02", "own", "soon", "tagged"], ids
    assert list(db.aggregate([{"$count": "n"}])) == [{"n": 6}]
    assert [d["_id"] for d in db.aggregate([{"$match": {"tags": "x"}}])] == ["tagged"]
    assert [d["_id"] for d in db.aggregate([{"$set": {"a": 1}}, {"$match": {"tags": "x"}}])] == ["tagged"]
    got = list(db.aggregate([{"$unwind": "$_tags"}, {"$group": {"_id": "$_tags", "v": {"$first": "$v"}}}, BY_ID]))
    assert got == [{"_id": "x", "v": 9}, {"_id": "y", "v": 9}], got
    assert list(db.aggregate([{"$group": {"_id": None, "v": {"$sum": "$v"}}}])) == [{"_id": None, "v": 24}]
    db.expire("soon", 0.001)
    import time

    time.sleep_ms(20)
    assert list(db.aggregate([{"$group": {"_id": None, "v": {"$sum": "$v"}}}])) == [{"_id": None, "v": 19}]
    assert len(list(db.aggregate([]))) == 5
    assert list(db.aggregate([{"$match": {"_id": {"$gt": "p"}}}, {"$count": "n"}])) == [{"n": 1}]
    assert list(db.aggregate([{"$match": {"$expr": {"$eq": ["$_id", "own"]}}}, {"$project": {"v": 1}}])) == [{"_id": "own", "v": 7}]
    # The records are as they were.
    assert db["own"]["_id"] == "mine" and "_id" not in db["k01"]
    assert db.delete_many({"$expr": {"$gt": ["$v", {"$add": ["$g", 6]}]}}) == 2 and "own" not in db


def test_the_callers_objects_and_the_records_stay(db):
    fill(db, 4)
    pipeline = [{"$match": {"v": {"$gt": 0}}}, {"$group": {"_id": "$g", "n": {"$count": {}}}}, {"$sort": [("_id", 1)]}, {"$limit": 2}]
    before = str(pipeline)
    first = list(db.aggregate(pipeline))
    assert list(db.aggregate(pipeline)) == first and str(pipeline) == before
    d = list(db.aggregate([{"$set": {"a.b": {"$literal": [1]}}}]))
    d[0]["a"]["b"] = 0
    assert list(db.aggregate([{"$set": {"a.b": {"$literal": [1]}}}]))[0]["a"] == {"b": [1]}


def test_changes_closing_and_errors_between_two_steps(db):
    fill(db)
    cursor = db.aggregate([{"$set": {"w": {"$add": ["$v", 1]}}}])
    got = [next(cursor)["w"] for _ in range(3)]
    db.delete("k05")
    db.put("k99", {"v": 99})
    got += [d["w"] for d in cursor]
    assert got == [i + 1 for i in range(40) if i != 5] + [100], got
    # A document that an expression cannot work with ends it, and changes nothing.
    db.put("k50", {"v": "x"})
    cursor = db.aggregate([{"$project": {"w": {"$add": ["$v", 1]}}}])
    refused("$add", list, cursor)
    raises(StopIteration, "", next, cursor)
    refused("$floor", list, db.aggregate([{"$group": {"_id": {"$floor": "$v"}}}]))
    assert not db._lock.locked() and db.get("k50") == {"v": "x"}
    db.delete("k50")
    slow = db.aggregate([GROUP])
    other = db.aggregate([{"$limit": 5}])
    next(other)
    db.close()
    raises(DBClosed, "", next, slow)
    raises(DBClosed, "", next, other)
    slow.close()
    raises(DBClosed, "", db.aggregate, [])


def test_others_work_while_it_runs(db):
    fill(db, 40)
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep_ms(0)

    async def work():
        t = asyncio.create_task(tick())
        for _ in range(3):
            for p in ([GROUP], [{"$sort": {"v": -1}}], [{"$set": {"a": 1}}, {"$sort": {"v": -1}}], [{"$unwind": "$v"}, {"$count": "n"}]):
                got = await db.aggregate_async(p)
        t.cancel()
        return got

    assert asyncio.run(work()) == [{"n": 40}]
    assert len(ticks) >= 12, len(ticks)

    async def cancelled():
        t = asyncio.create_task(db.aggregate_async([{"$unwind": "$v"}, GROUP]))
        await asyncio.sleep_ms(0)
        await cancel(t)

    asyncio.run(cancelled())
    assert not db._lock.locked() and db._moves is None
    db.create_index("v")
    asyncio.run(cancelled())
    assert len(list(db.aggregate([GROUP]))) == 3


def test_typing_errors(db):
    from microtetherdb.query.nearest import distance

    for a, b, n in (("", "", 0), ("abc", "", 3), ("$macth", "$match", 2), ("kitten", "sitting", 3), ("ab", "ba", 2), ("$grp", "$group", 2)):
        assert distance(a, b) == distance(b, a) == n, (a, b)
    refused("$gruop: not supported; is $group meant?", db.aggregate, [{"$gruop": {}}])
    refused("$dateTurnc: not supported; is $dateTrunc meant?", db.count, {"$expr": {"$dateTurnc": {}}})


for test in (
    test_typing_errors,
    test_forms,
    test_index_and_keys,
    test_order_needs_an_order,
    test_groups_are_limited,
    test_what_is_in_the_records,
    test_the_callers_objects_and_the_records_stay,
    test_changes_closing_and_errors_between_two_steps,
    test_others_work_while_it_runs,
):
    db = MicroTetherDB(ram_percentage=40)
    test(db)
    db.close()
print("OK")
