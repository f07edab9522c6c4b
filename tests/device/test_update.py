# boards: unix unix32 m33 rv32
# SPEC sections 2 and 4: update and update_many, plain fields and MongoDB's operators; a failing one changes nothing.
import json

from expect import raises
from microtetherdb import MicroTetherDB, QueryError
from microtetherdb.query import ordered_json
from microtetherdb.records import record

START = '{"n":5,"f":1.5,"s":"x","t":true,"z":null,"a":[1,2,3],"d":{"x":1,"y":{"z":2}},"o":[{"k":1,"v":2},{"k":3,"v":4}],"e":[]}'

# (change, what the document becomes besides: path -> value, or the error's text)
CASES = (
    ('{"n":6}', {"n": 6}),
    ('{"new":[1]}', {"new": [1]}),
    ('{"d.x":9,"d.w.v":1}', {"d": {"x": 9, "y": {"z": 2}, "w": {"v": 1}}}),
    ("{}", {}),
    ('{"$set":{"a.1":9}}', {"a": [1, 9, 3]}),
    ('{"$set":{"a.5":9}}', {"a": [1, 2, 3, None, None, 9]}),
    ('{"$set":{"o.0.v":7}}', {"o": [{"k": 1, "v": 7}, {"k": 3, "v": 4}]}),
    ('{"$set":{"d":5}}', {"d": 5}),
    ('{"$set":{"q.0":5}}', {"q": {"0": 5}}),
    ('{"$set":{"n.x":5}}', "n.x"),
    ('{"$set":{"s.x":5}}', "s.x"),
    ('{"$set":{"a.x":5}}', "a.x"),
    ('{"$set":{"a.99999":5}}', "$set"),
    ('{"$set":{"z.x":5}}', "z.x"),
    ('{"$unset":{"n":1,"nope":1,"d.y.z":""}}', {"n": None, "d": {"x": 1, "y": {}}}),
    ('{"$unset":{"a.1":1}}', {"a": [1, None, 3]}),
    ('{"$unset":{"n.x":1}}', {}),
    ('{"$inc":{"n":2,"f":1,"new":3,"d.x":-1}}', {"n": 7, "f": 2.5, "new": 3, "d": {"x": 0, "y": {"z": 2}}}),
    ('{"$inc":{"n":0.5}}', {"n": 5.5}),
    ('{"$inc":{"s":1}}', "$inc"),
    ('{"$inc":{"t":1}}', "$inc"),
    ('{"$inc":{"z":1}}', "$inc"),
    ('{"$inc":{"n":"1"}}', "$inc"),
    ('{"$inc":{"n":true}}', "$inc"),
    ('{"$inc":{"n":1,"s":1}}', "$inc"),
    ('{"$mul":{"n":3,"new":3}}', {"n": 15, "new": 0}),
    ('{"$mul":{"a.0":3}}', {"a": [3, 2, 3]}),
    ('{"$mul":{"s":2}}', "$mul"),
    ('{"$min":{"n":3,"f":9,"new":1}}', {"n": 3, "new": 1}),
    ('{"$max":{"n":3,"f":9,"s":"y"}}', {"f": 9, "s": "y"}),
    ('{"$min":{"s":5}}', {"s": 5}),
    ('{"$max":{"s":5,"n":"x","t":"zz"}}', {"n": "x"}),
    ('{"$min":{"z":5}}', {}),
    ('{"$push":{"a":4,"new":{"x":1}}}', {"a": [1, 2, 3, 4], "new": [{"x": 1}]}),
    ('{"$push":{"a":[4,5]}}', {"a": [1, 2, 3, [4, 5]]}),
    ('{"$push":{"a":{"$each":[4,5]}}}', {"a": [1, 2, 3, 4, 5]}),
    ('{"$push":{"a":{"$each":[0],"$position":0}}}', {"a": [0, 1, 2, 3]}),
    ('{"$push":{"a":{"$each":[0],"$position":-1}}}', {"a": [1, 2, 0, 3]}),
    ('{"$push":{"a":{"$each":[9,0],"$sort":1,"$slice":-3}}}', {"a": [2, 3, 9]}),
    ('{"$push":{"a":{"$each":[9],"$sort":-1,"$slice":2}}}', {"a": [9, 3]}),
    ('{"$push":{"o":{"$each":[{"k":2}],"$sort":{"k":-1}}}}', {"o": [{"k": 3, "v": 4}, {"k": 2}, {"k": 1, "v": 2}]}),
    ('{"$push":{"n":1}}', "$push"),
    ('{"$push":{"a":{"$each":1}}}', "$each"),
    ('{"$push":{"a":{"$each":[1],"$foo":1}}}', "$foo"),
    ('{"$push":{"a":{"$each":[1],"$slice":"x"}}}', "$slice"),
    ('{"$pull":{"a":2}}', {"a": [1, 3]}),
    ('{"$pull":{"a":{"$gte":2}}}', {"a": [1]}),
    ('{"$pull":{"a":{"$in":[1,3]}}}', {"a": [2]}),
    ('{"$pull":{"o":{"k":1}}}', {"o": [{"k": 3, "v": 4}]}),
    ('{"$pull":{"o":{"k":{"$gt":0},"v":4}}}', {"o": [{"k": 1, "v": 2}]}),
    ('{"$pull":{"nope":1}}', {}),
    ('{"$pull":{"n":1}}', "$pull"),
    ('{"$pull":{"a":{"$foo":1}}}', "$foo"),
    ('{"$addToSet":{"a":2}}', {}),
    ('{"$addToSet":{"a":2.0,"e":1}}', {"e": [1]}),
    ('{"$addToSet":{"a":{"$each":[3,4,4,true]}}}', {"a": [1, 2, 3, 4, True]}),
    ('{"$addToSet":{"o":{"k":1,"v":2}}}', {}),
    ('{"$addToSet":{"o":{"v":2,"k":1}}}', {"o": [{"k": 1, "v": 2}, {"k": 3, "v": 4}, {"v": 2, "k": 1}]}),
    ('{"$addToSet":{"s":1}}', "$addToSet"),
    ('{"$rename":{"n":"m"}}', {"n": None, "m": 5}),
    ('{"$rename":{"n":"d.n"}}', {"n": None, "d": {"x": 1, "y": {"z": 2}, "n": 5}}),
    ('{"$rename":{"n":"s"}}', {"n": None, "s": 5}),
    ('{"$rename":{"nope":"m"}}', {}),
    ('{"$rename":{"n":"n"}}', "$rename"),
    ('{"$rename":{"n":5}}', "$rename"),
    ('{"$rename":{"a.0":"m"}}', "$rename"),
    ('{"$inc":{"n":1},"$set":{"s":"y"},"$push":{"e":1}}', {"n": 6, "s": "y", "e": [1]}),
    ('{"$inc":{"n":1},"$set":{"n":2}}', "conflict"),
    ('{"$set":{"d":1,"d.x":2}}', "conflict"),
    ('{"$set":{"d-":1,"d":1,"d.x":2}}', "conflict"),
    ('{"$rename":{"n":"m"},"$set":{"m":2}}', "conflict"),
    ('{"$foo":{"n":1}}', "$foo"),
    ('{"$set":5}', "$set"),
    ('{"$set":{"":5}}', "path"),
    ('{"$set":{"a..b":5}}', "path"),
    ('{"n":1,"$inc":{"f":1}}', "$inc"),
    ('{"$set":{"$x":1}}', "$"),
    ("nonsense", "JSON"),
)

db = MicroTetherDB(ram_percentage=40)
for change, expected in CASES:
    db.put("k", ordered_json.loads(START), tags=["tag"], ttl=100)
    before = db._store.get("k")
    if isinstance(expected, str):
        raises(QueryError, expected, db.update, "k", change)
        assert db._store.get("k") == before, change
        continue
    assert db.update("k", change) == 1
    want = ordered_json.loads(START)
    for name, v in expected.items():
        if v is None:
            del want[name]
        else:
            want[name] = v
    want["_tags"] = ["tag"]
    assert db["k"] == json.loads(json.dumps(want)), (change, db["k"])
    assert 99 < db.ttl("k") <= 100
    # what is not touched keeps its order of fields
    raw = db._store.get("k")
    raw = raw[record.text_start(raw) :].decode()
    at = [raw.find('"%s":' % n) for n in ("n", "f", "s", "t", "z", "a", "d", "o", "e") if n in want and n not in expected]
    assert at == sorted(at) and -1 not in at, raw

# arguments
assert db.update("nope", {"a": 1}) == 0
for bad in (5, None, [1]):
    raises(TypeError, "changes", db.update, "k", bad)
raises(ValueError, "$set", db.update, "k", {"$set": {"x": float("inf")}})
raises(TypeError, "$set", db.update, "k", {"x": object()})
raises(ValueError, "8192", db.update, "k", {"x": "y" * 9000})
db.put("list", [1])
raises(QueryError, "not a document", db.update, "list", {"a": 1})
change = {"$push": {"a": {"x": [1]}}, "$set": {"d.q": [1]}}
kept = {"$push": {"a": {"x": [1]}}, "$set": {"d.q": [1]}}
db.update("k", change)
assert change == kept  # the caller's objects are never modified

# an error names the place and the type, and prints nothing of what is stored
db.put("secret", {"s": "secret" * 1000, "d": {"s": "secret" * 10}, "l": ["secret"], "n": 5, "o": {"secret": 1}})
CHANGES = [{op: {path: 1}} for op in ("$inc", "$mul", "$push", "$pull", "$addToSet") for path in ("s", "d", "o", "d.s", "l.0")]
CHANGES += [
    {op: {path + ".x": 1}} for op in ("$inc", "$min", "$max", "$push", "$pull", "$addToSet", "$set") for path in ("s", "d.s", "l.0")
]
CHANGES += [
    {"$rename": {"s.x": "z"}},
    {"$rename": {"n": "s.x"}},
    {"$rename": {"l.0": "z"}},
    {"$rename": {"d.s.x": "z"}},
    {"$set": {"l.x": 1}},
    {"$set": {"s.x.y": 1}},
]
for change in CHANGES:
    before = db._store.get("secret")
    e = raises(QueryError, list(change)[0], db.update, "secret", change)
    assert "secret" not in str(e) and len(str(e)) < 100, e
    assert db._store.get("secret") == before
assert db.update("secret", {"$unset": {"s.x": 1, "d.s.x": 1, "l.0.x": 1}}) == 1 and db._store.get("secret") == before
db.delete("secret")

# many: each document by itself
db.delete(purge=True)
for i in range(20):
    db.put("k%02d" % i, {"i": i, "v": i % 4 if i != 13 else "text"})
assert db.update_many({"i": {"$lt": 10}}, {"$inc": {"v": 10}, "$set": {"seen": True}}) == 10
assert db.count({"seen": True}) == db.count({"v": {"$gte": 10}}) == 10
raises(QueryError, "$inc", db.update_many, {"i": {"$gte": 10}}, {"$inc": {"v": 1}})
assert db["k13"] == {"i": 13, "v": "text"} and db["k12"]["v"] == 1
assert db.update_many({"tags": "none"}, {"x": 1}) == 0
assert db.update_many('{"i":{"$lt":3}}', '{"t":{"b":1,"a":2}}') == 3  # text keeps the order of fields
assert all(b'{"b":1,"a":2}' in db._store.get("k0%d" % i) for i in range(3))
db.close()
print("OK")
