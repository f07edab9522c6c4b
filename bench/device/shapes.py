# Documents as people have them: what calls cost, each against the same work done with `btree` and `json` directly, in one run.
# Arguments: "instructions" (under callgrind, see bench/shapes.py: each stretch between two marks, once) or "times" (the best of some
# rounds), then the groups of rows to measure (all of them by default). Prints for each stretch its row, its side ("ours" or
# "direct") and its number of operations, with times also the microseconds.

import btree
import gc
import io
import json
import micropython
import sys
import time

import docs
import nor
from files import remove
from microtetherdb import MicroTetherDB

COUNTING = sys.argv[1] == "instructions"
ROUNDS = 1 if COUNTING else 7
N = 100 if COUNTING else 1000  # documents put
AGAIN = 4 if COUNTING else 20  # queries
FEW = 40 if COUNTING else 100  # in a region
mark = micropython.mem_current  # which the library never calls

FLAT = {"name": "sensor-0001", "age": 12, "temp": 20.5, "room": "r3", "on": True, "z": None}
SHAPES = (
    ("flat", FLAT),
    ("nested object", {"name": "sensor-0001", "age": 12, "temp": 20.5, "loc": {"room": "r3"}, "on": True}),
    ("list", {"name": "sensor-0001", "age": 12, "vals": [1, 2, 3, 4], "on": True}),
    ("four levels", {"a": {"b": {"c": {"d": 1}}}, "n": "sensor-0001"}),
    ("one field", {"t": 21}),
    ("umlauts", {"name": "Zürich", "t": 3}),
    ("three floats", {"t": 21.53, "h": 45.2, "p": 1013.25}),
)
TAGS = ["roof", "west"]
WARM = ["a%d" % i for i in range(20)]  # put before the measurement: modules are loaded, the first pages there


def measure(row, side, n, function, *args):
    """Do `function` once, for n operations; when instructions are counted, without a collection in between."""
    gc.collect()
    if COUNTING:
        gc.disable()
    t = time.ticks_us()
    mark()
    function(*args)
    mark()
    t = time.ticks_diff(time.ticks_us(), t)
    gc.enable()
    key = row, side, n
    if key not in found:
        order.append(key)
        found[key] = []
    found[key].append(t)


def tree(stream=None, cachesize=1 << 20):
    return btree.open(stream or io.BytesIO(), pagesize=512, cachesize=cachesize)


def keys(n, first=0):
    return ["k%06d" % i for i in range(first, first + n)]


def raw_put(t, names, d, every=0):
    dumps = json.dumps
    n = every
    for k in names:
        t[k] = dumps(d)
        if every:
            n -= 1
            if not n:
                n = every
                t.flush()


def put(db, names, d):
    put = db.put
    for k in names:
        put(k, d)


# With the keywords written out: MicroPython's `**kw` costs an allocation that each later one pays for.


def put_tags(db, names, d):
    put = db.put
    for k in names:
        put(k, d, tags=TAGS)


def put_ttl(db, names, d):
    put = db.put
    for k in names:
        put(k, d, ttl=3600)


def put_all(db, names, d):
    put = db.put
    for k in names:
        put(k, d, tags=TAGS, ttl=3600)


def both(row, names, d, ours):
    """A put in RAM, directly and by the library."""
    t = tree()
    raw_put(t, WARM, d)
    measure(row, "direct", len(names), raw_put, t, names, d)
    t.close()
    db = MicroTetherDB(ram_percentage=50)
    ours(db, WARM, d)
    measure(row, "ours", len(names), ours, db, names, d)
    db.close()


def puts():
    names = keys(N)
    for shape, d in SHAPES:
        both("put, " + shape, names, d, put)


def extras():
    names = keys(N)
    both("put, flat, two tags", names, FLAT, put_tags)
    both("put, flat, TTL", names, FLAT, put_ttl)
    d = SHAPES[1][1]
    d = dict(d, vals=[1, 2, 3], h=45.2)
    both("put, all together: nested, list, floats, two tags, TTL", names, d, put_all)  # fmt: skip


def batches():
    names = keys(N)
    for shape, d in SHAPES[:2]:
        made = {id(some): [[(k, d) for k in some[i : i + 20]] for i in range(0, len(some), 20)] for some in (names, WARM)}

        def ours(db, names, d):
            for items in made[id(names)]:
                db.put_batch(items)

        both("put_batch, " + shape, names, d, ours)


def raw_delete(t, names):
    n = 5  # the library's rhythm in RAM
    for k in names:
        del t[k]
        n -= 1
        if not n:
            n = 5
            t.flush()


def delete(db, names):
    delete = db.delete
    for k in names:
        delete(k)


def deletes():
    for n in (100, 1000):
        names = keys(n)
        t = tree()
        raw_put(t, names, FLAT)
        db = MicroTetherDB(ram_percentage=50)
        put(db, names, FLAT)
        names = docs.shuffled(names)
        measure("delete, %s documents" % ("1,000" if n == 1000 else n), "direct", n, raw_delete, t, names)
        measure("delete, %s documents" % ("1,000" if n == 1000 else n), "ours", n, delete, db, names)
        t.close()
        db.close()


def files():
    import _mtdb_board

    names = keys(N)
    for what, more in (("tags", put_tags), ("TTL", put_ttl)):
        row = "put, flat, %s, file, against in place" % what
        with open("shapes.tree", "w+b") as f:
            t = tree(f, _mtdb_board.FILE_CACHE)
            raw_put(t, WARM, FLAT, 20)
            measure(row, "direct", len(names), raw_put, t, names, FLAT, 20)
            t.close()
        remove("shapes.db", "shapes.db.new")
        with MicroTetherDB("shapes.db", in_memory=False) as db:
            more(db, WARM, FLAT)
            measure(row, "ours", len(names), more, db, names, FLAT)
    remove("shapes.tree", "shapes.db", "shapes.db.new")


def region(n):
    """The database region with n records that have a TTL, made once."""
    blocks = 512 if n > 1000 else 128
    name = "region-%d.bin" % n
    try:
        device = nor.Nor(blocks, name)
    except OSError:
        device = nor.Nor(blocks)
        with MicroTetherDB(device, in_memory=False, btree_cachesize=65536) as db:
            for i in range(0, n, 100):
                db.put_batch([(k, FLAT) for k in keys(100, i)], ttls=3600)
        device.save(name)
    return device


def regions():
    # "direct" is the small database here
    for n, side in ((100, "direct"), (5000, "ours")):
        device = region(n)
        for cache, row in ((32, "put, TTL, region: 5,000 documents against 100"), (12 * 512, "the same with a Pico's cache")):
            db = MicroTetherDB(device, in_memory=False, btree_cachesize=cache)
            put_ttl(db, WARM, FLAT)
            measure(row, side, FEW, put_ttl, db, keys(FEW, n), FLAT)
            db.close()
        device = db = None
        gc.collect()


def equality_by_hand(t):
    out = []
    loads = json.loads
    for key, raw in t.items():
        d = loads(raw)
        if d["sensor"] == "s07":
            out.append(d)
    return out


def limit_by_hand(t):
    out = []
    loads = json.loads
    for key, raw in t.items():
        d = loads(raw)
        if d["n"] >= 20:
            out.append(d)
            if len(out) == 10:
                break
    return out


def again(function):
    for _ in range(AGAIN):
        function()


def queries():
    documents = docs.synthetic(1000)
    for row, n, q, hand, index in (
        ("query by equality, 100 documents", 100, {"sensor": "s07"}, equality_by_hand, False),
        ("query by index, 100 documents", 100, {"sensor": "s07"}, equality_by_hand, True),
        ("$limit 10 met early", 1000, {"n": {"$gte": 20}, "$limit": 10}, limit_by_hand, False),
    ):
        t = tree()
        db = MicroTetherDB(ram_percentage=50)
        for k, d in zip(keys(n), documents):
            t[k] = json.dumps(d)
            db.put(k, d)
        if index:
            db.create_index("sensor")
        db.query({"sensor": "none"})
        assert len(hand(t)) == len(db.query(q)) > 1
        measure(row, "direct", AGAIN, again, lambda: hand(t))
        measure(row, "ours", AGAIN, again, lambda: db.query(q))
        t.close()
        db.close()


def finds():
    import asyncio  # here: while it is loaded and no loop runs, each call looks for one

    # "direct" is query()
    n = 300 if COUNTING else 1000
    remove("find.db", "find.db.new")
    with MicroTetherDB("find.db", in_memory=False) as db:
        db.put_batch([(k, {"n": i}) for i, k in enumerate(keys(n))])
        q = {"n": {"$gte": 0}}
        drain = lambda: sum(1 for _ in db.find(q))
        row = "find(), a record, against query()"
        assert db.count(q) == drain() == n == len(db.query(q))
        measure(row, "direct", n, db.query, q)
        measure(row, "ours", n, drain)
        for name, work in (("query()", lambda: db.query(q)), ("find()", drain)):
            gc.collect()
            gc.disable()
            free = gc.mem_free()
            kept = work()  # what is counted besides garbage
            print("%s\tgarbage\t%d\t%d" % (name, n, (free - gc.mem_free()) // n))
            del kept
            gc.enable()
        q = {"n": {"$gte": n // 2}}
        loop = asyncio.new_event_loop()
        loop.run_until_complete(db.query_async(q))
        row = "query_async against query, loop idle"
        measure(row, "direct", n, db.query, q)
        measure(row, "ours", n, lambda: loop.run_until_complete(db.query_async(q)))
    remove("find.db", "find.db.new")


GROUPS = (puts, extras, batches, deletes, files, regions, queries, finds)
found = {}
order = []
if sys.argv[1] == "prepare":
    for n in (100, 5000):
        region(n)
else:
    for group in GROUPS:
        if not sys.argv[2:] or group.__name__ in sys.argv[2:]:
            for _ in range(ROUNDS):
                group()
    for key in order:
        print("%s\t%s\t%d\t%.2f" % (key + (min(found[key]) / key[2],)))
