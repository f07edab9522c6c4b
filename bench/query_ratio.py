# Ratios of query times to the same query written by hand over btree and json, in one interleaved run.
# Run on the UNIX image: micropython bench/query_ratio.py [rounds]
# "By hand": iterate the tree, json.loads each record, test in Python (issue: "Figures to reach").

import btree
import io
import json
import sys
import time

from microtetherdb import MicroTetherDB

N = 1000
CITIES = ["Oslo", "Lima", "Bonn", "Kyiv", "Cork"]


def document(i):
    return {
        "sensor": "s%02d" % (i % 50),
        "n": i % 100,
        "temp": (i * 37 % 400) / 10,
        "city": CITIES[i % 5],
        "unit": i % 50,
        "ok": i % 3 == 0,
    }


def inline_equal(tree):
    # Equality with the test in the loop, iterating over items: the fastest one can write.
    out = []
    loads = json.loads
    for key, raw in tree.items():
        doc = loads(raw)
        if doc["sensor"] == "s07":
            out.append(doc)
    return out


def inline_range(tree):
    out = []
    loads = json.loads
    for key, raw in tree.items():
        doc = loads(raw)
        if doc["n"] >= 80:
            out.append(doc)
    return out


def inline_int(tree):
    out = []
    loads = json.loads
    for key, raw in tree.items():
        doc = loads(raw)
        if doc["unit"] == 7:
            out.append(doc)
    return out


def inline_tag(tree):
    out = []
    loads = json.loads
    for key, raw in tree.items():
        doc = loads(raw)
        if "t3" in doc["_tags"]:
            out.append(doc)
    return out


def inline_limit(tree):
    out = []
    loads = json.loads
    for key, raw in tree.items():
        doc = loads(raw)
        if doc["n"] >= 20:
            out.append(doc)
            if len(out) == 10:
                break
    return out


def inline_ten(tree):
    out = []
    loads = json.loads
    for key, raw in tree.items():
        d = loads(raw)
        if (
            d["n"] >= 5
            and d["n"] < 95
            and d["temp"] > 1
            and d["temp"] <= 39
            and d["city"] != "Cork"
            and d["city"] in ("Oslo", "Lima", "Bonn")
            and "sensor" in d
            and (d["ok"] == True or d["n"] > 10)
            and d["sensor"] > "s02"
        ):
            out.append(d)
    return out


TEN = {
    "n": {"$gte": 5, "$lt": 95},
    "temp": {"$gt": 1, "$lte": 39},
    "city": {"$ne": "Cork", "$in": ["Oslo", "Lima", "Bonn"]},
    "sensor": {"$exists": True, "$gt": "s02"},
    "$or": [{"ok": True}, {"n": {"$gt": 10}}],
}


def best(f, rounds):
    least = None
    for _ in range(rounds):
        t = time.ticks_us()
        r = f()
        t = time.ticks_diff(time.ticks_us(), t)
        if least is None or t < least:
            least = t
    return least, r


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    tree = btree.open(io.BytesIO(), pagesize=512, cachesize=1000000)
    tagged = btree.open(io.BytesIO(), pagesize=512, cachesize=1000000)
    db = MicroTetherDB(ram_percentage=80)
    dbi = MicroTetherDB(ram_percentage=80)
    dbt = MicroTetherDB(ram_percentage=80)
    dbi.create_index("sensor")
    dbi.create_index("n")
    for i in range(N):
        key = "k%06d" % i
        d = document(i)
        tree[key] = json.dumps(d)
        db.put(key, d)
        dbi.put(key, d)
        tags = ["t%d" % (i % 10)]
        dbt.put(key, d, tags=tags)
        d["_tags"] = tags
        tagged[key] = json.dumps(d)
    size = len(json.dumps(document(7)))
    rows = (
        ("equality, 2 % hits, no index", 0.2, lambda: inline_equal(tree), lambda: db.query({"sensor": "s07"})),
        ("equality (int), 2 % hits, no index", 0.2, lambda: inline_int(tree), lambda: db.query({"unit": 7})),
        ("equality, 2 % hits, index", 0.05, lambda: inline_equal(tree), lambda: dbi.query({"sensor": "s07"})),
        ("range, 20 % hits, no index", 1.1, lambda: inline_range(tree), lambda: db.query({"n": {"$gte": 80}})),
        ("range, 20 % hits, index", 0.35, lambda: inline_range(tree), lambda: dbi.query({"n": {"$gte": 80}})),
        ("tag, 10 % hits", 0.14, lambda: inline_tag(tagged), lambda: dbt.query({"tags": "t3"})),
        ("$limit 10 met early", 1.5, lambda: inline_limit(tree), lambda: db.query({"n": {"$gte": 20}, "$limit": 10})),
        ("ten operators", 1.3, lambda: inline_ten(tree), lambda: db.query(TEN)),
    )
    print("%d documents of %d bytes, best of %d" % (N, size, rounds))
    bad = 0
    for name, goal, hand, ours in rows:
        a = b = None
        ra = rb = None
        for _ in range(rounds):
            t, ra = best(hand, 1)
            a = t if a is None or t < a else a
            t, rb = best(ours, 1)
            b = t if b is None or t < b else b
        if len(ra) != len(rb):
            raise ValueError("%s: %d and %d results" % (name, len(ra), len(rb)))
        ratio = b / a
        bad += ratio > goal
        print("%-36s %4d hits %7d us by hand %7d us  ratio %.3f (goal %.2f)%s" % (name, len(ra), a, b, ratio, goal, "" if ratio <= goal else "  MISSED"))
    for d in (db, dbi, dbt):
        d.close()


main()
