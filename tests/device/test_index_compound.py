# boards: unix unix32
# nightly: m33
# qemu heap: 4m
# SPEC section 4: indexes on several paths never change a result, give the order where they can, and have the entries of the records;
# of a unique one no two records have a value in common, in batches, updates and builds too.
import json
import random
import sys
import time

import expect
import queries
from microtetherdb import DuplicateKeyError, MicroTetherDB, QueryError
from microtetherdb.query import filter as match, ordered_json, sort
from microtetherdb.query.compound import rows
from microtetherdb.records import record
from nightly import NIGHTLY

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 5
turns = int(sys.argv[2]) if len(sys.argv) > 2 else 1500 if NIGHTLY else 90 if sys.platform == "linux" else 20
random.seed(seed)
INDEXES = (
    [("n", 1), ("s", -1)],
    [("s", 1), ("n", 1), ("b", -1)],
    [("a.n", 1), ("a.b", -1), ("n", 1)],
    [("b", -1), ("n", -1)],
    [("a", 1), ("s", 1)],
)
SORTS = (
    None, "n", "-s", ["n", "-s"], ["-n", "s"], ["n", "s"], ["s", "n", "-b"], ["-s", "-n", "b"], ["b", "n"], ["-b", "-n"], ["a.n", "-a.b", "n"], ["-b"],
)  # fmt: skip


def raises(kind, f):
    expect.raises(kind, "", f)


def by_hand(db, q, spec):
    f = match.compile(q)
    found = []
    for key, raw in db._store.scan(b"\x01"):
        doc = ordered_json.loads(raw[record.text_start(raw) :])
        if f.match(doc):
            found.append((key.decode(), doc))
    if spec is not None:
        s = sort.Sorter(sort.parse(spec), 0)
        for key, doc in found:
            s.add(doc, key)
        return s.items
    return [key for key, _ in found]


def a_filter():
    if random.random() < 0.2:
        return queries.filter()
    q = {}
    for name in random.choice((("n", "s"), ("s", "n", "b"), ("a.n", "a.b"), ("b", "n"), ("n",), ("a", "s"), ("s", "b"))):
        r = random.random()
        if r < 0.45:
            q[name] = random.choice(queries._COMMON)
        elif r < 0.6:
            q[name] = {"$in": [random.choice(queries.SCALARS) for _ in range(random.randrange(5))]}
        elif r < 0.75:
            q[name] = {random.choice(("$gt", "$gte", "$lt", "$lte")): random.choice(queries.SCALARS)}
        elif r < 0.85:
            q[name] = {"$gte": random.choice(queries.SCALARS), random.choice(("$lt", "$lte")): random.choice(queries.SCALARS)}
        elif r < 0.9:
            q[name] = queries.condition()
    return q


def check(db):
    report = db.check()
    assert report["ok"], report


def run(db, turns):
    used = ordered = 0
    for turn in range(turns):
        key = "k%d" % random.randrange(80)
        try:
            if random.random() < 0.9:
                db.put(key, queries.document())
            else:
                db.update(key, {random.choice(("n", "s", "b")): random.choice(queries.SCALARS)})
        except QueryError as e:
            assert "two arrays" in str(e), e
        for _ in range(3):
            q = a_filter()
            spec = random.choice(SORTS)
            try:
                wanted = by_hand(db, q, spec)
            except QueryError:  # sorted by two arrays
                raises(QueryError, lambda: db.query(q, sort=spec))
                continue
            e = db.explain(q, sort=spec)
            used += e["plan"] == "index"
            ordered += e["sort"] == "index"
            found = [k for k, _ in db.query(q, keys=True, sort=spec)]
            if spec is None:
                found.sort()
            assert found == wanted, "seed %d turn %d: %r sort %r: %r by hand %r, %r" % (seed, turn, q, spec, found, wanted, e)
            assert db.count(q) == len(wanted) == e["returned"], (q, e)
            assert len(list(db.find(q, sort=spec))) == len(wanted), q
    check(db)
    return used, ordered


db = MicroTetherDB(ram_percentage=80)
for i in range(40):
    db.put("k%d" % i, {"n": i % 5, "s": "s%d" % (i % 3), "b": [i % 2, 7] if i % 4 else i, "a": {"n": i}})
names = [db.create_index(spec) for spec in INDEXES]
assert names[0] == "n_1_s_-1" and db.indexes() == sorted(names), db.indexes()
used, ordered = run(db, turns)
assert used > turns, used
# scalars only: the order comes from the index too
db.delete(purge=True)
assert db.indexes() == sorted(names)
few = [s for s in queries.SCALARS if not (isinstance(s, str) and len(s) > 15)][:20]
queries.value = lambda depth=0: random.choice(few)
used, ordered = run(db, turns)
assert ordered > turns // 3, ordered
for name in names:
    assert db.drop_index(name) is True and db.drop_index(name) is False
assert db.indexes() == [] and not list(db._store.scan(b"\x00x\x01", b"\x00y"))
db.close()

# what explain says: prefix rule, ranges behind equality, the order from the index, both ways
db = MicroTetherDB(ram_percentage=50)
for i in range(60):
    db.put("k%02d" % i, {"room": "r%d" % (i % 3), "t": 60 - i, "v": i % 4})
db.create_index([("room", 1), ("t", -1)])
for q, spec, plan, examined, source in (
    ({"room": "r1"}, None, "index", 20, None),
    ({"room": "r1", "t": 59}, None, "index", 1, None),
    ({"room": "r1", "t": {"$gt": 30}}, None, "index", 10, None),
    ({"room": "r1", "t": {"$gt": 20, "$lte": 29}}, None, "index", 3, None),
    ({"room": {"$in": ["r0", "r2"]}, "t": {"$lt": 10}}, None, "index", 6, None),
    ({"room": {"$gt": "r1"}}, None, "index", 20, None),
    ({"t": 5}, None, "scan", 60, None),
    ({"room": "r1"}, ["t"], "index", 20, "index"),
    ({"room": "r1"}, ["-t"], "index", 20, "index"),
    ({"room": "r1"}, ["room", "-t"], "index", 20, "index"),
    ({"room": "r1", "t": {"$gt": 30}}, ["t"], "index", 10, "index"),
    ({"room": "r1", "v": 1}, ["t"], "index", 20, "index"),
    ({}, ["room", "-t"], "index", 60, "index"),
    ({}, ["-room", "t"], "index", 60, "index"),
    ({}, ["room", "t"], "scan", 60, "memory"),
    ({}, ["room"], "scan", 60, "memory"),
    ({"room": {"$in": ["r0", "r1"]}}, ["t"], "index", 40, "memory"),
):
    e = db.explain(q, sort=spec)
    assert (e["plan"], e["examined"], e["sort"]) == (plan, examined, source), (q, spec, e)
    assert [k for k, _ in db.query(q, keys=True, sort=spec)] == by_hand(db, q, spec) or spec is None, (q, spec)
assert db.explain({"room": "r1"}, sort="t", limit=3)["examined"] == 3
found = [d["t"] for d in db.query({"room": "r1"}, sort="-t", limit=3)]
assert found == [59, 56, 53], found
for bad in ([], [("a", 1), ("a", -1)], [("a", 2)], [("a", 1), ("b.0", 1)], [("a", 1), ("_id", 1)], [("p%d" % i, 1) for i in range(9)], 5,
            [("a" * 95, 1), ("b" * 95, 1)], {"a": 1, "b": 1}):  # fmt: skip
    raises(QueryError, lambda: db.create_index(bad))
assert db.create_index([("v", -1)]) == "v" and db.drop_index("v")
db.close()

# one array: each condition may be met by another element; long values are not in the order of their entries
db = MicroTetherDB(ram_percentage=50)
db.create_index([("a.n", 1), ("a.b", 1)])
db.create_index([("s", 1), ("n", 1)])
db.put("k", {"a": [{"n": 1, "b": 9}, {"n": 5, "b": 2}]})
assert len(db.query({"a.n": 1, "a.b": 2})) == len(db.query({"a.n": 1, "a.b": {"$lt": 3}})) == 1
assert db.query({"a": {"$elemMatch": {"n": 1, "b": 2}}}) == []
db.delete("k")
for i in range(6):
    db.put("k%d" % i, {"s": "x" * 60 + "cabfed"[i], "n": i})
assert [k for k, _ in db.query({}, keys=True, sort=["s", "n"])] == ["k1", "k2", "k0", "k5", "k4", "k3"]
# what moves in an index on several paths: more records than a walk through it remembers
db.delete(purge=True)
db.put_batch([{"s": "x", "n": i} for i in range(300 if sys.platform == "linux" else 20)])
assert db.update_many({"s": "x"}, {"$inc": {"n": 1000}}) == len(db) and len(db.query({"s": "x", "n": {"$gte": 1000}})) == len(db)
db.close()

# unique: against a model
for spec in ("n", [("n", 1), ("s", -1)], "a.n", "s", [("a.n", 1), ("a.b", 1)], [("s", 1), ("s2", 1)]):
    db = MicroTetherDB(ram_percentage=50)
    db.create_index(spec, unique=True)
    pairs = [(spec, False)] if isinstance(spec, str) else [(p, d < 0) for p, d in spec]
    model = {}
    values = [1, 2.0, 2, None, "x", "y" * 60 + "a", "y" * 60 + "b", [1, 3], [], [4], {"n": 1}, 9007199254740993]
    seen = 0

    def document():
        d = {}
        for name in ("n", "s", "s2"):
            if random.random() < 0.8:
                d[name] = random.choice(values) if name != "s2" else random.choice(values[:7])
        if random.random() < 0.7:
            d["a"] = random.choice(
                ({"n": 1}, {"n": 2, "b": 1}, [{"n": 1, "b": 1}, {"n": 3}], [{"n": 3}], [], 5, {"n": random.choice(values[:7])})
            )
        return json.loads(json.dumps(d))  # arrays that are one object would count as one

    def fits(docs):
        # Whether these documents may come to the others, one after the other.
        after = model.copy()
        for new in docs:
            after[new] = docs[new]
            mine = rows(pairs, docs[new])
            for key in after:
                if key != new and any(row in mine for row in rows(pairs, after[key])):
                    return False
        return True

    for turn in range(turns // 3):
        docs = {}
        for _ in range(random.choice((1, 1, 1, 3))):
            docs["k%d" % random.randrange(30)] = document()
        try:
            good = fits(docs)
        except QueryError:
            good = None
        try:
            if len(docs) > 1:
                db.put_batch(list(docs.items()))
            else:
                for key in docs:
                    db.put(key, docs[key])
            assert good, (spec, docs, model)
            model.update(docs)
        except DuplicateKeyError:
            assert not good, (spec, docs, model)
            seen += 1
        except QueryError:
            assert not good, docs
        if random.random() < 0.3:
            key = "k%d" % random.randrange(30)
            assert db.delete(key) == (1 if model.pop(key, None) is not None else 0)
    assert seen > turns // 30 or turns < 60, (spec, seen)
    assert len(db) == len(model)
    check(db)
    db.close()

# expired records do not count, a batch may swap values, builds and other indexes
db = MicroTetherDB(ram_percentage=50)
assert db.create_index("u", unique=True) == "u" and db.create_index("u", unique=True) == "u"
raises(QueryError, lambda: db.create_index("u"))
db.put("a", {"u": 1}, ttl=0.05)
raises(DuplicateKeyError, lambda: db.put("b", {"u": 1.0}))
assert "b" not in db
time.sleep(0.1)
db.put("b", {"u": 1})
db.put("c", {"u": 2})
raises(DuplicateKeyError, lambda: db.update("c", {"$inc": {"u": -1}}))
raises(DuplicateKeyError, lambda: db.update_many({}, {"u": 7}))
assert db["c"] == {"u": 2} and db["b"] == {"u": 7}
db.put_batch([("b", {"u": 9}), ("c", {"u": 7}), ("b", {"u": 2})])
assert db["c"] == {"u": 7} and db["b"] == {"u": 2}
raises(DuplicateKeyError, lambda: db.put_batch([("d", {"u": 5}), ("e", {"u": 5})]))
raises(DuplicateKeyError, lambda: db.put_batch([{"u": 5}, {"u": 5.0}] + [{"u": 100 + i} for i in range(20)]))
raises(DuplicateKeyError, lambda: db.put_batch([{"u": 100 + i} for i in range(20)] + [{"u": 101}]))
assert len(db) == 2
db.put("b", {"u": 2, "x": 1})
db.put("n1", {})
raises(DuplicateKeyError, lambda: db.put("n2", {"u": None}))
db.delete("n1")
db.put("n2", {"u": None})
db.put_batch([("l1", {"u": "y" * 60 + "a"}), ("l2", {"u": "y" * 60 + "b"})])
raises(DuplicateKeyError, lambda: db.put("l2", {"u": "y" * 60 + "a"}))
db.delete_batch(["l1", "l2"])
db.drop_index("u")
db.put("x", {"u": 2})
raises(DuplicateKeyError, lambda: db.create_index("u", unique=True))
assert db.indexes() == [] and not list(db._store.scan(b"\x00x\x01", b"\x00y")) and not list(db._store.scan(b"\x00c", b"\x00d"))
db.delete("x")
db.create_index("u", unique=True)
raises(DuplicateKeyError, lambda: db.put("x", {"u": 2}))
raises(TypeError, lambda: db.create_index("z", unique=1))
check(db)
db.close()

# on file: flags and directions are there again
db = MicroTetherDB("compound.db", in_memory=False)
db.create_index([("a", 1), ("b", -1)], unique=True)
db.create_index("c", unique=True)
db.put("k", {"a": 1, "b": [1, 2], "c": "x" * 60})
db.close()
db = MicroTetherDB("compound.db", in_memory=False)
assert db.indexes() == ["a_1_b_-1", "c"]
raises(DuplicateKeyError, lambda: db.put("l", {"a": 1, "b": 2, "c": 1}))
raises(DuplicateKeyError, lambda: db.put("l", {"a": 1, "b": 3, "c": "x" * 60}))
db.put("l", {"a": 1, "b": 3, "c": "x" * 60 + "y"})
db.delete(purge=True)
db.put("l", {"a": 1, "b": 3, "c": 1})
raises(DuplicateKeyError, lambda: db.put("m", {"a": 1, "b": 3, "c": 2}))
raises(DuplicateKeyError, lambda: db.put("m", {"a": 1, "b": 4, "c": 1}))
check(db)
db.close()
print("OK")
