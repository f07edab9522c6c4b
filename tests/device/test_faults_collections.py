# boards: faults faults32
# SPEC sections 2, 4, 5: Ctrl-C and lack of RAM anywhere in a call on a collection leave the database as before or after it.
import faultlab
import faults
from microtetherdb.collection import DeleteMany, InsertOne, UpdateMany, UpdateOne
from nightly import COARSER


def fill(db):
    c = db.collection("c")
    c.create_index([("g", 1), ("n", -1)], unique=True)
    c.create_index("s")
    c.insert_many([{"_id": "d%d" % i, "g": i % 3, "n": i, "s": "x" * (i * 7)} for i in range(8)])
    c.insert_one({"_id": "t", "g": 9, "n": [1, 2]}, ttl=1000, tags=["tag"])


def bulk(db):
    db.collection("c").bulk_write([
        InsertOne({"_id": "b1", "g": 5, "n": 5}), UpdateMany({"g": 1}, {"$inc": {"n": 100}}), DeleteMany({"g": 2}),
        UpdateOne({"_id": "b1"}, {"$set": {"s": "y"}}), InsertOne({"_id": "b2", "g": 2, "n": 2}, ttl=50),
    ])  # fmt: skip


faultlab.COLLECTIONS.append(fill)
faultlab.MANY += ("update_many", "delete_many")
CALLS = {
    "insert_one": lambda db, m: db.collection("c").insert_one({"_id": "new", "g": 7, "s": "y" * 40}),
    "insert_one, ttl": lambda db, m: db.collection("c").insert_one({"_id": "new", "g": 7}, ttl=60, tags=["tag"]),
    "insert_one, first": lambda db, m: db.collection("other").insert_one({"_id": "new"}),
    "insert_many": lambda db, m: db.collection("c").insert_many([{"_id": "m%d" % i, "g": 7, "n": i} for i in range(4)]),
    "bulk_write": lambda db, m: bulk(db),
    "update_one": lambda db, m: db.collection("c").update_one({"g": 1}, {"$inc": {"n": 50}}),
    "update_many": lambda db, m: db.collection("c").update_many({"g": 1}, {"$inc": {"n": 50}}),
    "upsert": lambda db, m: db.collection("c").update_one({"_id": "u", "g": 4}, {"$set": {"n": 50}}, upsert=True),
    "replace_one": lambda db, m: db.collection("c").replace_one({"_id": "t"}, {"g": 8}),
    "find_one_and_update": lambda db, m: db.collection("c").find_one_and_update({"g": 2}, {"$set": {"n": 50}}),
    "delete_many": lambda db, m: db.collection("c").delete_many({"g": 1}),
    "find": lambda db, m: db.collection("c").find({"g": 1}).sort("n").to_list(),
    "create_index": lambda db, m: db.collection("c").create_index([("n", 1), ("s", 1)]),
    "drop_index": lambda db, m: db.collection("c").drop_index("s_1"),
    "drop": lambda db, m: db.collection("c").drop(),
    "purge": lambda db, m: db.delete(purge=True),
    "check": lambda db, m: db.check(),
    "stats": lambda db, m: db.stats(),
}
# Removes step by step, as the collections stay.
faultlab.MANY += ("purge",)

for kind in ("ram", "region"):
    for arm in (faults.interrupt, faults.starve):
        n = faultlab.run(kind, arm, step=503 if kind == "ram" else 1501, calls=CALLS)
        assert n > 20 // COARSER, n
print("OK")
