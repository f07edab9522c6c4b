# boards: unix unix32
# nightly: m33 rv32
# qemu heap: 4m
# SPEC section 4: `_id` is the record's key in filters, sort, fields and updates; look-ups and ranges of keys are planned.
import asyncio
import json
import random
import re
import sys
import time

import queries
from expect import raises
from microtetherdb import MicroTetherDB, QueryError
from microtetherdb.query import filter as match, ordered_json
from microtetherdb.query.run import Query
from microtetherdb.records import keys as stored_keys, record
from nightly import FEW

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 11
turns = int(sys.argv[2]) if len(sys.argv) > 2 else 20 if FEW else 250
random.seed(seed)
KEYS = (
    "a", "ab", "abc", "abd", "b", "B", "7", "07", "k1", "k10", "k2", "\x00", "\x00a", "\x01", "\x01\x01", "\x01b", "\x02", "\x7f", "\u00e9", "\u00e9t\u00e9",
    "\u20ac", "\U0001f600", "\uffff", "x" * 128, "x" * 127, "\u20ac" * 42, "\x00" + "y" * 127, "a.b", "$a", "null", "_id", " ", "-", "line\nfeed", 'q"uote',
)  # fmt: skip


def danger():
    # Before, `_id` was a field that no document has: this deleted all, and a look-up found nothing.
    db = MicroTetherDB()
    for k in "abc":
        db.put(k, {"n": 1})
    assert db.delete_many({"_id": {"$ne": "a"}}) == 2 and list(db) == ["a"]
    assert db.delete_many({"_id": {"$nin": ["a"]}}) == db.delete_many({"_id": {"$exists": False}}) == db.delete_many({"_id": None}) == 0
    assert db.delete_many({"_id": {"$not": {"$in": ["a", "x"]}}}) == db.delete_many({"$nor": [{"_id": "a"}]}) == 0
    assert db.delete_many('{"_id": {"$ne": "a"}}') == 0 and list(db) == ["a"]
    assert db.query({"_id": "a"}) == db.query('{"_id": "a"}') == [{"n": 1}] and db.query({"_id": "b"}) == []
    assert db.update_many({"_id": "a"}, {"n": 2}) == 1 and db.update_many({"_id": {"$gt": "a"}}, {"n": 3}) == 0 and db["a"] == {"n": 2}
    assert db.count({"_id": "a"}) == db.count({"_id": {"$type": "string"}}) == 1 and db.count({"_id": 5}) == db.count({"_id.a": "a"}) == 0
    assert db.query({"_id": "a"}, keys=True) == [("a", {"n": 2})] and db.query({"_id": "a"}, limit=1) == [{"n": 2}]
    assert db.query({"_id": "a"}, skip=1) == [] and db.query({"_id": "a", "$limit": 1}) == [{"n": 2}]
    for bad in (False, None, -1, "x", 1.5):
        raises(QueryError, "limit", db.query, {"_id": "a"}, limit=bad)
        raises(QueryError, "skip", db.query, {"_id": "a"}, skip=bad)
    raises(TypeError, "keys", db.query, {"_id": "a"}, keys=1)
    raises(QueryError, "sort", db.query, {"_id": "a"}, sort=5)
    raises(QueryError, "fields", db.query, {"_id": "a"}, fields=5)
    raises(QueryError, "_id: more than", db.query, {"$and": [{"_id": "a"}] * 401})
    for op, x in (
        ("$foo", 1),
        ("$in", 5),
        ("$gt", object()),
        ("$regex", "("),
        ("$type", "x"),
        ("$in", ["a"] * 1001),
        ("$eq", float("nan")),
    ):
        raises(QueryError, op, db.query, {"_id": {op: x}})
    db.put("t", {"n": 1}, ttl=0.001)
    db.put("u", 5, ttl=0.001)
    time.sleep_ms(5)
    for q in ({"_id": "t"}, {"_id": "u"}, {"_id": {"$in": ["t", "u"]}}, {"_id": {"$gt": "a"}}, {"_id": {"$ne": "a"}}):
        assert db.query(q) == [] and db.count(q) == db.delete_many(q) == 0 and db.explain(q)["examined"] == ("$ne" in str(q)), q
    db.close()
    raises(Exception, "closed", db.query, {"_id": "a"})


def operators(db):
    # Each operator against Python's own idea of it.
    text = lambda x: isinstance(x, str)
    cases = []
    xs = KEYS + ("", "0", "zz", "x" * 129, "\u20ac" * 60, 7, 7.5, True, None, [], ["a"], {}, {"a": 1})
    for x in list(xs)[::9] if FEW else xs:
        cases += (
            (x, lambda k, x=x: k == x),
            ({"$eq": x}, lambda k, x=x: k == x),
            ({"$ne": x}, lambda k, x=x: k != x),
            ({"$gt": x}, lambda k, x=x: text(x) and k > x),
            ({"$gte": x}, lambda k, x=x: text(x) and k >= x),
            ({"$lt": x}, lambda k, x=x: text(x) and k < x),
            ({"$lte": x}, lambda k, x=x: text(x) and k <= x),
            ({"$not": {"$gte": x}}, lambda k, x=x: not (text(x) and k >= x)),
            ({"$gte": "a", "$lt": x}, lambda k, x=x: text(x) and "a" <= k < x),
            ({"$in": [x, "b", 5]}, lambda k, x=x: k == x or k == "b"),
            ({"$nin": [x, "b", 5]}, lambda k, x=x: k != x and k != "b"),
            ({"$in": [x, "b"], "$ne": "b"}, lambda k, x=x: k == x != "b"),
            ({"$in": [x, "b"], "$lte": "abc"}, lambda k, x=x: k == x and k <= "abc"),
            ({"$all": [x]}, lambda k, x=x: k == x),
            ({"$contains": x}, lambda k, x=x: text(x) and x in k),
        )
    for x in ("", "a", "ab", "\u00e9", "\\x00", "\\x01", "\\x01b", "x{3}", "k1", "line\\n", "\\uffff"):
        start = eval("'" + x + "'") if "{" not in x else "xxx"
        cases += (
            ({"$regex": "^" + x}, lambda k, s=start: k.startswith(s)),
            ({"$regex": x}, lambda k, s=start: s in k),
            ({"$regex": x + "$"}, lambda k, s=start: k.endswith(s)),
            ({"$not": {"$regex": "^" + x}}, lambda k, s=start: not k.startswith(s)),
        )
    cases += (
        ({"$regex": "^a|b$"}, lambda k: k.startswith("a") or k.endswith("b")),
        ({"$regex": "^B", "$options": "i"}, lambda k: k[0] in "bB"),
        ({"$regex": re.compile("^ab")}, lambda k: k.startswith("ab")),
        (re.compile("^ab"), lambda k: k.startswith("ab")),
        ({"$in": [re.compile("^ab"), "b"]}, lambda k: k.startswith("ab") or k == "b"),
        ({"$exists": True}, lambda k: True),
        ({"$exists": False}, lambda k: False),
        ({"$type": "string"}, lambda k: True),
        ({"$type": ["number", "null", "array"]}, lambda k: False),
        ({"$size": 1}, lambda k: False),
        ({"$mod": [2, 1]}, lambda k: False),
        ({"$elemMatch": {"$eq": "a"}}, lambda k: False),
        ({"$elemMatch": {"_id": "a"}}, lambda k: False),
        ({"$all": []}, lambda k: False),
        ({"$all": ["a", "b"]}, lambda k: False),
        ({"$all": ["a", re.compile("a")]}, lambda k: k == "a"),
        ({"$in": []}, lambda k: False),
        ({"$nin": []}, lambda k: True),
    )
    there = list(db)
    assert there == sorted(there, key=lambda k: k.encode())
    for c, right in cases:
        wanted = [k for k in there if right(k)]
        got = [k for k, _ in db.query({"_id": c}, keys=True)]
        assert got == wanted, ("_id", c, got, wanted)
        got = [k for k, _ in db.query({"_id": c}, keys=True, sort="-_id", skip=1, limit=3)]
        assert got == list(reversed(wanted))[1:4], ("downwards", c, got, wanted)
        assert db.count({"_id": c}) == len(db.query({"_id": c})) == len(wanted)
        not_c = [k for k, _ in db.find({"$nor": [{"_id": c}]}, keys=True)]
        assert not_c == [k for k in there if not right(k)], ("$nor", c)
        if not (hasattr(c, "search") or "re" in str(c)):
            assert db.query(json.dumps({"_id": c}), keys=True) == db.query({"_id": c}, keys=True), ("as text", c)


def plans(db):
    def plan(q, **kw):
        e = db.explain(q, **kw)
        return (e["plan"], e.get("ranges"), e["examined"], e["returned"])

    n = len(db)
    assert plan({"_id": "a"}) == ("key", 1, 1, 1) and plan({"_id": "none"}) == ("key", 1, 0, 0)
    assert plan({"_id": {"$in": ["a", "b", "none", "a"]}}) == ("key", 3, 2, 2)
    assert plan({"_id": 5}) == plan({"_id": {"$in": []}}) == plan({"_id": ["a"]}) == ("key", 0, 0, 0)
    assert plan({"_id": {"$in": ["a", "b"]}, "$and": [{"_id": {"$in": ["b", 5]}}]}) == ("key", 1, 1, 1)
    assert plan({"_id": {"$eq": "a", "$gt": "b"}}) == ("key", 0, 0, 0)
    assert plan({"_id": {"$gte": "ab", "$lt": "b"}}) == ("key range", 1, 3, 3)
    assert plan({"_id": {"$regex": "^ab"}}) == ("key range", 1, 3, 3) and plan({"_id": {"$regex": "^ab.$"}}) == ("key range", 1, 3, 2)
    assert plan({"_id": {"$gt": "b", "$lt": "a"}}) == plan({"_id": {"$gt": 5}}) == ("key range", 0, 0, 0)
    assert plan({"_id": {"$ne": "a"}}) == ("scan", None, n, n - 1) and plan({"$nor": [{"_id": "a"}]}) == ("scan", None, n, n - 1)
    # `$or`, each branch of which names keys
    assert plan({"$or": [{"_id": "a"}]}) == ("key", 1, 1, 1) and plan({"$or": [{"_id": "a"}, {"_id": {"$in": ["b", "none"]}}]}) == (
        "key",
        3,
        2,
        2,
    )
    assert plan({"$and": [{"$or": [{"_id": "a"}, {"_id": {"$eq": "b"}}]}], "_id": {"$gt": "a"}}) == ("key", 1, 1, 1)
    assert plan({"$or": [{"_id": "a", "no": 1}, {"_id": "b"}]}) == ("key", 2, 2, 1)
    for other in (
        {"n": 1},
        {"_id": {"$gt": "b"}},
        {"_id": 5},
        {"_id": {"a": 1}},
        {"_id": {"$in": ["b", 5]}},
        {"_id": {"$in": [re.compile("b")]}},
    ):
        assert plan({"$or": [{"_id": "a"}, other]})[0] == "scan", other
    assert plan({"$nor": [{"$or": [{"_id": "a"}]}]}) == ("scan", None, n, n - 1)
    assert db.explain({"_id": {"$gt": "a"}, "n": 77})["prefilter"] == [['"n":77', '"n":[']]
    e = db.explain({}, sort="-_id", limit=2)
    assert (e["plan"], e["sort"], e["examined"], e["returned"]) == ("scan", "key", 2, 2), e
    e = db.explain({"_id": {"$gte": "ab"}}, sort="_id", skip=1, limit=2)
    assert (e["plan"], e["sort"], e["examined"], e["returned"]) == ("key range", "key", 3, 2), e
    assert db.explain({"_id": "a"}, sort="n")["sort"] == "memory" and db.explain({"_id": "a"}, sort=["_id", "n"])["sort"] == "key"


def unparsed():
    # What is counted or deleted by keys alone is not parsed: with `{` gone, each record that is would raise.
    db = MicroTetherDB()
    for i in range(20):
        db.put("k%02d" % i, {"n": i}, tags=["t"] if i % 2 else None)
        db._store.put(b"k%02d" % i, b"!" + db._store.get(b"k%02d" % i)[1:])
    db._store.put(b"gone", b"\1" + db._clock.stamp(0) + b"!")
    for q, n in (
        ({"_id": {"$gte": "k10"}}, 10), ({"_id": {"$in": ["k01", "k07", "no"]}}, 2), ({"_id": "k01"}, 1), ({}, 20), (None, 20),
        ({"_id": {"$gt": "k01", "$lte": "k03"}}, 2), ({"_id": {"$lt": "h"}}, 0), ({"$and": [{"_id": {"$gte": "k18"}}]}, 2),
    ):  # fmt: skip
        assert db.count(q) == asyncio.run(db.count_async(q)) == n, q
        raises(ValueError, "", db.query, q) if n else None
    raises(ValueError, "", db.count, {"n": 5})
    raises(ValueError, "", db.count, {"_id": {"$gte": "k18"}, "n": 19})
    assert db.delete_many({"_id": {"$gte": "k18"}}) == 2 and asyncio.run(db.delete_many_async({"_id": {"$in": ["k01", "k03"]}})) == 2
    assert db.count() == 16 and db.delete_many({}) == 16 and db.count() == 0
    db.close()


def key_fields():
    db = MicroTetherDB()
    for i in range(6):
        db.put("k%d" % i, {"n": i, "_id": "old"}, tags=["t"])
    db.put("v", 5)
    db.create_index("n")
    d = lambda i, name="_id", **more: dict({"n": i, "_id": "old", "_tags": ["t"]}, **dict(more, **{name: "k%d" % i}))
    for ask in (db.query, lambda *a, **kw: list(db.find(*a, **kw)), lambda *a, **kw: asyncio.run(db.query_async(*a, **kw))):
        assert (
            ask({"_id": "k1"}, key_field="_id") == ask({"n": 1}, key_field="_id") == ask({"tags": "t", "n": 1}, key_field="_id") == [d(1)]
        )
        assert ask({"n": {"$gte": 4}}, key_field="key", sort="-n") == [d(5, "key"), d(4, "key")]
        assert ask({"n": 2}, key_field="k", keys=True, limit=1) == [("k2", d(2, "k"))]
        assert ask({"n": 2}, key_field="k", fields=["n"]) == [{"n": 2, "k": "k2"}] and ask({"n": 2}, key_field="n", fields={"_id": 0}) == [
            {"n": "k2", "_tags": ["t"]}
        ]
        assert ask({}, key_field="_id", skip=5) == [d(5), 5] and ask({}, key_field="_id", sort="-_id", limit=2) == [5, d(5)]
        for bad in (5, True, "", "a.b", "$a"):
            raises(QueryError, "key_field", ask, {}, key_field=bad)
            raises(QueryError, "key_field", ask, {"_id": "k1"}, key_field=bad)
    assert db["k1"] == {"n": 1, "_id": "old", "_tags": ["t"]}
    db.close()


def planned_beside_indexes():
    db = MicroTetherDB(ram_percentage=60)
    for i in range(200):
        db.put("k%03d" % i, {"n": i % 20, "s": i}, tags=["t%d" % (i % 4)])
    db.create_index("n")
    db.create_index("s")
    for q, wanted in (
        ({"_id": "k007", "n": 7}, "key"),
        ({"n": 7, "_id": {"$in": ["k007", "k027"]}}, "key"),
        ({"_id": {"$in": ["k%03d" % i for i in range(100)]}, "n": 7}, "index"),
        ({"_id": {"$gt": "k100"}, "n": 7}, "index"),
        ({"_id": {"$gt": "k100"}, "n": {"$in": [7, 8]}}, "index"),
        ({"_id": {"$gt": "k100"}, "s": {"$lt": 150}}, "key range"),
        ({"_id": {"$ne": "k007"}, "s": {"$lt": 150}}, "index"),
        ({"_id": {"$gt": "k100"}, "tags": "t3"}, "index"),
        ({"_id": "k007", "tags": "t3"}, "key"),
        ({"$or": [{"_id": "k007"}, {"_id": "k027"}], "n": 7}, "key"),
    ):
        e = db.explain(q)
        assert e["plan"] == wanted, (q, e)
        for sort in ("_id", "-_id", "-s", ["n", "_id"], ["n", "-_id"], ["_id", "s"], None):
            got = [k for k, d in db.query(q, keys=True, sort=sort)]
            docs = [(k, d) for k, d in db.items() if _right(q, k, d)]
            if sort in ("-_id", "-s") or sort == ["n", "-_id"]:
                docs.reverse()
            if sort is None:
                got.sort()
            if sort in (["n", "_id"], ["n", "-_id"]):
                docs = [m for n in range(20) for m in docs if m[1]["n"] == n]
            assert got == [k for k, d in docs], (q, sort, got)
    # newest first: no more is read than is given
    e = db.explain({"n": 7}, sort="-_id", limit=3)
    assert (e["plan"], e["sort"], e["examined"]) == ("index", "index", 3), e
    assert [d["s"] for d in db.query({"n": 7}, sort="-_id", limit=3)] == [187, 167, 147]
    assert [d["s"] for d in db.find({"n": 7}, sort="-_id", skip=1)] == [167, 147, 127, 107, 87, 67, 47, 27, 7]
    e = db.explain({"s": {"$gte": 100}}, sort="-_id", limit=3)
    assert (e["plan"], e["sort"], e["examined"]) == ("scan", "key", 3), e
    assert db.explain({"s": {"$gte": 100}}, sort="-_id")["plan"] == "index"
    assert db.delete_many({"_id": {"$lt": "k100"}, "n": 7}) == 5 and db.update_many({"_id": {"$gte": "k190"}}, {"$inc": {"n": 100}}) == 10
    assert db.count({"n": {"$gte": 100}}) == 10 and db.count({"n": 7}) == 5
    for path in ("_id", "_id.a"):
        raises(QueryError, "_id", db.create_index, path)
    assert db.indexes() == ["n", "s"]
    db.close()


def _right(q, k, d):
    f = match.compile(renamed(q))
    d = dict(d)
    d["K"] = k
    return f.match(d)


def renamed(q):
    # The same filter on a field K.
    out = {}
    for name in q:
        x = q[name]
        out["K" if name == "_id" else name] = [renamed(m) for m in x] if name in ("$and", "$or", "$nor") else x
    return out


def names(q, out):
    for name in q:
        if name in ("$and", "$or", "$nor"):
            for m in q[name]:
                names(m, out)
        else:
            out.add(name.split(".")[0])
    return out


def key_condition():
    r = random.randrange(12)
    k = lambda: random.choice(KEYS + ("", "5", "ac", 5, None))
    if r < 3:
        return k()
    if r < 6:
        c = {random.choice(("$gt", "$gte", "$eq", "$ne")): k()}
        if random.random() < 0.5:
            c[random.choice(("$lt", "$lte"))] = k()
        return c
    if r < 8:
        return {random.choice(("$in", "$nin")): [k() for _ in range(random.randrange(5))]}
    if r == 8:
        return {"$regex": random.choice(("^a", "b", "^ab?", "^x{3}", "^\\x01", "k|^7", "^k1$", "\u00e9"))}
    if r == 9:
        return {"$not": {random.choice(("$gt", "$lte", "$eq")): k()}}
    if r == 10:
        return {"$exists": random.random() < 0.8}
    return {random.choice(("$all", "$in")): [random.choice(KEYS)]}


def a_filter(depth=0):
    r = random.random()
    if depth < 2 and r < 0.3:
        op = random.choice(("$and", "$or", "$nor"))
        q = {op: [a_filter(depth + 1) for _ in range(random.randrange(1, 3))]}
        if random.random() < 0.5:
            q["_id"] = key_condition()
        return q
    q = {"_id": key_condition()} if r < 0.85 else {}
    if r > 0.5:
        q.update(queries.filter())
    return q


def by_hand(db, q):
    asked = names(q, set())
    f = match.compile(renamed(q))
    out = []
    for key, raw in db._store.scan(b"\x01"):
        doc = ordered_json.loads(raw[record.text_start(raw) :])
        key = stored_keys.shown(key)
        wrapped = raw[0] < 8 and raw[0] & 2
        if not isinstance(doc, dict) or wrapped:
            if not asked <= {"_id", "tags"} if wrapped else asked != {"_id"}:
                if asked:
                    continue
            doc = doc if wrapped else {}
        doc["K"] = key
        if f.test(doc):
            out.append(key)
    return out


def at_random(db, turns):
    planned = {}
    hits = 0
    for turn in range(turns):
        key = random.choice(KEYS)
        r = random.random()
        if r < 0.4:
            db.put(key, queries.document() if r > 0.05 else queries.value(), tags=queries.tags(), ttl=9999 if r < 0.1 else None)
        elif r < 0.5:
            db.delete(key)
        q = a_filter()
        wanted = by_hand(db, q)
        hits += len(wanted)
        spec, skip, limit = random.choice((None, "_id", "-_id")), random.randrange(3), random.randrange(4)
        e = db.explain(q, sort=spec)
        about = "seed %d turn %d: %r sort %r, %r" % (seed, turn, q, spec, e)
        planned[e["plan"]] = planned.get(e["plan"], 0) + 1
        found = [k for k, _ in db.query(q, keys=True, sort=spec)]
        if spec == "-_id":
            wanted.reverse()
        if spec is None:
            assert sorted(found) == sorted(wanted), (about, found, wanted)
        else:
            assert found == wanted, (about, found, wanted)
            wanted = wanted[skip : skip + limit] if limit else wanted[skip:]
            assert [k for k, _ in db.find(q, keys=True, sort=spec, skip=skip, limit=limit)] == wanted, about
        assert db.count(q) == e["returned"] == len(db.query(q)) == len(found), about
    return planned, hits


def shown(db):
    db.delete(purge=True)
    db.put("k", {"a": 1, "b": {"c": 2}})
    db.put("\x00l", {"a": 2})
    db.put("m", 5)
    q = {"_id": "k"}
    for fields, wanted in (
        (["_id"], {"_id": "k"}), (["_id", "a"], {"_id": "k", "a": 1}), ("_id", {"_id": "k"}), (["b.c", "_id"], {"_id": "k", "b": {"c": 2}}),
        ({"_id": 1}, {"_id": "k"}), ({"_id": 1, "a": 1}, {"_id": "k", "a": 1}), ({"_id": 0, "a": 1}, {"a": 1}), ({"a": 1}, {"a": 1}),
        ({"_id": 1, "a": 0}, {"_id": "k", "b": {"c": 2}}), ({"_id": 0}, {"a": 1, "b": {"c": 2}}), ({"a": 0}, {"b": {"c": 2}}), (None, {"a": 1, "b": {"c": 2}}),
    ):  # fmt: skip
        assert db.query(q, fields=fields) == list(db.find(q, fields=fields)) == [wanted], fields
        assert db.query({"a": 1}, fields=fields) == db.query({"a": 1}, fields=fields, sort="a") == [wanted], fields
        assert db.query({"a": 1}, fields=fields, keys=True) == [("k", wanted)]
    assert db.query({}, fields=["_id"]) == [{"_id": "\x00l"}, {"_id": "k"}, 5]
    assert db.query({}, sort=["-a", "-_id"], keys=True) == [("\x00l", {"a": 2}), ("k", {"a": 1, "b": {"c": 2}}), ("m", 5)]
    for spec in ("_id.x", ["_id.x", "_id"], ["_id", "a"], {"_id": 1}, [("_id", 1), ("_id", -1)]):
        assert [k for k, _ in db.query({}, sort=spec, keys=True)] == ["\x00l", "k", "m"], spec
    db.put("a2", {"a": 1})
    db.put("z", {"a": 2})
    assert [k for k, _ in db.query({}, sort=["a", "-_id"], keys=True)] == ["m", "k", "a2", "z", "\x00l"]
    assert [k for k, _ in db.query({}, sort=["-a", "_id"], keys=True, limit=3)] == ["\x00l", "z", "a2"]
    assert [k for k, _ in db.query({"a": {"$gt": 0}}, sort=["a", "-_id"], keys=True, skip=1, limit=2)] == ["a2", "z"]
    raises(QueryError, "direction", db.query, {}, sort=("_id", 2))


def updated(db):
    db.delete(purge=True)
    db.put("k", {"a": 1})
    same = db.get("k")
    for u in ({"_id": "other"}, {"$set": {"_id": "other"}}, {"_id": 5}, {"_id": None}, {"_id.a": 1}, {"$set": {"_id.a": "k"}}, {"$unset": {"_id": 1}},
              {"$rename": {"_id": "b"}}, {"$rename": {"a": "_id"}}, {"$inc": {"_id": 1}}, {"$min": {"_id": "k"}}, {"$push": {"_id": 1}}, {"$pull": {"_id": 1}},
              {"$addToSet": {"_id": 1}}, {"a": 2, "_id": "other"}):  # fmt: skip
        for change in (u, json.dumps(u)):
            raises(QueryError, "_id", db.update, "k", change)
            raises(QueryError, "_id", db.update_many, {"a": 1}, change)
            assert db["k"] == same, u
    assert db.update("k", {"_id": "k", "a": 2}) == 1 and db["k"] == {"a": 2}
    assert db.update("k", {"$set": {"_id": "k"}, "$inc": {"a": 1}}) == 1 and db["k"] == {"a": 3}
    assert db.update("none", {"_id": "none"}) == 0
    raises(QueryError, "_id", db.update, "none", {"$inc": {"_id": 1}})
    assert db.update_many({"_id": "k"}, {"_id": "k", "a": 4}) == 1 and db["k"] == {"a": 4}
    db.put("p", {"a": [{"_id": 1}, {"_id": 2}]})  # a field further down is a field
    assert db.update("p", {"$pull": {"a": {"_id": 1}}}) == 1 and db.query({"a._id": 2}) == db.query({"a": {"$elemMatch": {"_id": 2}}}) == [
        {"a": [{"_id": 2}]}
    ]
    assert db.update("p", {"a.0._id": 3}) == 1 and db["p"] == {"a": [{"_id": 3}]}


def of_010(db):
    # Documents that hold a field _id: the key wins, the field is given back.
    db.delete(purge=True)
    db.put("k", {"_id": "z", "a": 1})
    db.put("z", {"_id": "k", "a": 2})
    assert db.query({"_id": "k"}) == [{"_id": "z", "a": 1}] and db.query({"_id": {"$gt": "k"}}) == [{"_id": "k", "a": 2}]
    assert [d["a"] for d in db.query({}, sort="_id")] == [1, 2] and [d["a"] for d in db.query({}, sort=["-_id", "a"])] == [2, 1]
    assert db.query({"_id": "k"}, fields=["_id", "a"]) == [{"_id": "k", "a": 1}] and db.query({"_id": "k"}, fields={"_id": 0}) == [{"a": 1}]
    assert db.query({"_id": "k"}, fields={"_id": 1, "a": 0}) == [{"_id": "k"}] and db.query({"_id": "k"}, fields={"a": 0}) == [{"_id": "z"}]
    assert db.update("k", {"_id": "k", "a": 5}) == 1 and db["k"] == {"_id": "z", "a": 5}


def changing(db, turns):
    # What is there from the first step to the last is given once, in key order either way, whatever happens meanwhile.
    for turn in range(turns):
        db.delete(purge=True)
        for i in range(40):
            db.put("k%02d" % i, {"v": random.randrange(100)})
        q = random.choice(({}, {"_id": {"$gte": "k05"}}, {"_id": {"$gte": "k05", "$lt": "k30"}, "v": {"$gte": 20}}, {"_id": {"$ne": "k07"}},
                           {"_id": {"$in": ["k%02d" % i for i in range(0, 60, 3)]}}, {"_id": {"$regex": "^k1"}}))  # fmt: skip
        always = set(k for k, d in db.items() if _right(q, k, d))
        spec = random.choice((None, "_id", "-_id"))
        seen = []
        for key, d in db.find(q, keys=True, sort=spec):
            seen.append(key)
            for _ in range(random.randrange(4)):
                k = "k%02d" % random.randrange(50)
                if random.random() < 0.3:
                    db.delete(k)
                    always.discard(k)
                else:
                    v = random.randrange(100)
                    if not _right(q, k, {"v": v}):
                        always.discard(k)
                    if k in db:
                        db.put(k, {"v": v})
        assert len(seen) == len(set(seen)) and seen == sorted(seen, reverse=spec == "-_id"), (turn, q, spec, seen)
        assert not always - set(seen), (turn, q, always - set(seen))


def moving(db, turns):
    # The same through an index in which records move.
    db.create_index("v")
    q = {"v": {"$gte": 20}, "_id": {"$nin": ["k%02d" % i for i in range(0, 40, 3)]}}
    for turn in range(turns):
        db.delete(purge=True)
        for i in range(40):
            db.put("k%02d" % i, {"v": random.randrange(100)})
        assert db.explain(q)["plan"] == "index"
        always = set(k for k, d in db.items() if _right(q, k, d))
        seen = []
        for key, d in db.find(q, keys=True, sort=random.choice((None, "v", "-v"))):
            seen.append(key)
            for _ in range(3):
                k = "k%02d" % random.randrange(40)
                v = random.randrange(100)
                db.put(k, {"v": v})
                if v < 20:
                    always.discard(k)
        assert len(seen) == len(set(seen)) and not always - set(seen) and not any(int(k[1:]) % 3 == 0 for k in seen), (turn, seen, always)
    db.drop_index("v")


async def asynchronous(db):
    db.delete(purge=True)
    for i in range(30):
        db.put("k%02d" % i, {"v": i})
    assert await db.query_async({"_id": "k07"}) == [{"v": 7}] and await db.query_async({}, sort="-_id", limit=2) == [{"v": 29}, {"v": 28}]
    assert await db.count_async({"_id": {"$in": ["k07", "no", "k08"]}}) == 2
    assert await db.update_many_async({"_id": {"$lt": "k03"}}, {"v": 50}) == 3 and db.count({"v": 50}) == 3
    assert await db.delete_many_async({"_id": {"$ne": "k05"}}) == 29 and list(db) == ["k05"]
    # a step is short, whether or not there is anything to be found
    for q in ({"_id": {"$in": ["none%d" % i for i in range(1000)]}}, {"_id": {"$regex": "x$"}}):
        for i in range(100):
            db.put("k%03d" % i, {"v": i})
        steps = [m for m in Query(q).run(db, True)]
        assert steps.count(None) == len(steps) >= 50, (len(steps), steps.count(None))


danger()
db = MicroTetherDB(ram_percentage=60)
for k in KEYS:
    db.put(k, random.choice(({"n": len(k)}, {"n": [1, 2]}, 5, "text", [1], {"_id": "a"})), tags=random.choice((None, ["t"])))
operators(db)
plans(db)
planned_beside_indexes()
unparsed()
key_fields()
planned, hits = at_random(db, turns)
db.create_index("n")
db.create_index("a.n")
more, n = at_random(db, turns)
assert min(planned.get(p, 0) for p in ("key", "key range", "scan")) > turns // 12 and more.get("index", 0) > turns // 40 and hits > turns, (
    planned,
    more,
    hits,
)
db.drop_index("n")
db.drop_index("a.n")
shown(db)
updated(db)
of_010(db)
changing(db, turns // 8)
moving(db, turns // 8)
asyncio.run(asynchronous(db))
db.close()
db = MicroTetherDB("keys.db", in_memory=False)
at_random(db, turns // 5)
changing(db, turns // 25)
db.close()
print("OK")
