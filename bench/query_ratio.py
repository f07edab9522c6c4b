# Ratios of query times to the same query written by hand over btree and json, in one interleaved run.
# Run on the UNIX image, with bench/device/ and the frozen modules on its path:
# MICROPYPATH=bench/device:.frozen dist/UNIX/micropython -X heapsize=32M bench/query_ratio.py [ROUNDS [DOCUMENTS ["synthetic" or READINGS]]]
# "By hand": iterate the tree, json.loads each record, test in Python. The goals are for 1,000 synthetic documents.

import btree
import gc
import io
import json
import sys
import time

import docs
from microtetherdb import MicroTetherDB

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


# name, goal, which database (plain, indexed, tagged), the test by hand on document d, most hits, filter
SYNTHETIC = (
    ("equality, 2 % hits, no index", 0.2, "plain", "d['sensor'] == 's07'", 0, {"sensor": "s07"}),
    ("equality (int), 2 % hits, no index", 0.2, "plain", "d['unit'] == 7", 0, {"unit": 7}),
    ("equality, 2 % hits, index", 0.05, "indexed", "d['sensor'] == 's07'", 0, {"sensor": "s07"}),
    ("range, 20 % hits, no index", 1.1, "plain", "d['n'] >= 80", 0, {"n": {"$gte": 80}}),
    ("range, 20 % hits, index", 0.35, "indexed", "d['n'] >= 80", 0, {"n": {"$gte": 80}}),
    ("tag, 10 % hits", 0.14, "tagged", "'t3' in d['_tags']", 0, {"tags": "t3"}),
    ("$limit 10 met early", 1.5, "plain", "d['n'] >= 20", 10, {"n": {"$gte": 20}, "$limit": 10}),
    (
        "ten operators",
        1.3,
        "plain",
        (
            "d['n'] >= 5 and d['n'] < 95 and d['temp'] > 1 and d['temp'] <= 39 and d['city'] != 'Cork' and d['city'] in ('Oslo', 'Lima', 'Bonn')"
            " and 'sensor' in d and (d['ok'] == True or d['n'] > 10) and d['sensor'] > 's02'"
        ),
        0,
        {
            "n": {"$gte": 5, "$lt": 95},
            "temp": {"$gt": 1, "$lte": 39},
            "city": {"$ne": "Cork", "$in": ["Oslo", "Lima", "Bonn"]},
            "sensor": {"$exists": True, "$gt": "s02"},
            "$or": [{"ok": True}, {"n": {"$gt": 10}}],
        },
    ),
)
WEATHER = (
    ("equality, 2 % hits, no index", None, "plain", "d['weather'] == 'snow'", 0, {"weather": "snow"}),
    ("equality (float), 2 % hits, no index", None, "plain", "d['temp_max'] == 12.2", 0, {"temp_max": 12.2}),
    ("equality, 2 % hits, index", None, "indexed", "d['weather'] == 'snow'", 0, {"weather": "snow"}),
    ("range, 20 % hits, no index", None, "plain", "d['temp_max'] >= 23.9", 0, {"temp_max": {"$gte": 23.9}}),
    ("range, 20 % hits, index", None, "indexed", "d['temp_max'] >= 23.9", 0, {"temp_max": {"$gte": 23.9}}),
    ("tag, 8 % hits", None, "tagged", "'m07' in d['_tags']", 0, {"tags": "m07"}),
    ("$limit 10 met early", None, "plain", "d['temp_max'] >= 8", 10, {"temp_max": {"$gte": 8}, "$limit": 10}),
    (
        "ten operators",
        None,
        "plain",
        (
            "d['temp_max'] >= 5 and d['temp_max'] < 35 and d['wind'] > 1 and d['wind'] <= 9 and d['weather'] != 'snow'"
            " and d['weather'] in ('sun', 'rain', 'drizzle') and 'temp_min' in d and (d['precipitation'] == 0 or d['wind'] > 2) and d['date'] > '2012-02'"
        ),
        0,
        {
            "temp_max": {"$gte": 5, "$lt": 35},
            "wind": {"$gt": 1, "$lte": 9},
            "weather": {"$ne": "snow", "$in": ["sun", "rain", "drizzle"]},
            "temp_min": {"$exists": True},
            "$or": [{"precipitation": 0}, {"wind": {"$gt": 2}}],
            "date": {"$gt": "2012-02"},
        },
    ),
)

LOOP = """
def by_hand(tree):
    out = []
    loads = json.loads
    for key, raw in tree.items():
        d = loads(raw)
        if %s:
            out.append(d)%s
    return out
"""
LIMIT = """
            if len(out) == %d:
                break"""


def loop(test, limit):
    """Return the query as one writes it by hand: the test in the loop, its constants in the code."""
    names = {"json": json}
    exec(LOOP % (test, LIMIT % limit if limit else ""), names)
    return names["by_hand"]


def us(f, x):
    t = time.ticks_us()
    r = f(x)
    return time.ticks_diff(time.ticks_us(), t), r


def main(rounds=7, n=1000, source="synthetic"):
    weather = source != "synthetic"
    documents = docs.weather(source, n) if weather else [document(i) for i in range(min(n, 600))]  # 600: they repeat
    n = len(documents) if weather else n
    tree = btree.open(io.BytesIO(), pagesize=512, cachesize=10000000)
    tagged = btree.open(io.BytesIO(), pagesize=512, cachesize=10000000)
    db = {name: MicroTetherDB(ram_percentage=60) for name in ("plain", "indexed", "tagged")}
    for path in ("weather", "temp_max") if weather else ("sensor", "n"):
        db["indexed"].create_index(path)
    for i in range(n):
        if i % 50 == 0:
            gc.collect()  # otherwise the pages are strewn over the heap, and a long list of results finds no room
        key = "k%06d" % i
        d = documents[i % len(documents)] if weather else document(i)
        tree[key] = json.dumps(d)
        db["plain"].put(key, d)
        db["indexed"].put(key, d)
        tags = ["m" + d["date"][5:7] if weather else "t%d" % (i % 10)]
        db["tagged"].put(key, d, tags=tags)
        d = dict(d)
        d["_tags"] = tags
        tagged[key] = json.dumps(d)
    print("%d documents, best of %d" % (n, rounds))
    for name, goal, which, test, limit, q in WEATHER if weather else SYNTHETIC:
        hand = loop(test, limit)
        query = db[which].query
        a = b = None
        for _ in range(rounds):
            ra = rb = None
            t, ra = us(hand, tagged if which == "tagged" else tree)
            a = t if a is None or t < a else a
            t, rb = us(query, q)
            b = t if b is None or t < b else b
        if len(ra) != len(rb):
            raise ValueError("%s: %d and %d results" % (name, len(ra), len(rb)))
        row = {
            "query": name,
            "documents": n,
            "data": source,
            "hits": len(rb),
            "by_hand_us": a,
            "us": b,
            "ratio": round(b / a, 3),
            "goal": None if n != 1000 else goal,
        }
        print(json.dumps(row))
        print(
            "%-36s %4d hits %7d us by hand %7d us  ratio %.3f%s"
            % (
                name,
                len(rb),
                a,
                b,
                b / a,
                "" if goal is None else " (goal %.2f)%s" % (goal, "  MISSED" if n == 1000 and b / a > goal else ""),
            )
        )
    for d in db.values():
        d.close()


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:3]], *sys.argv[3:4])
