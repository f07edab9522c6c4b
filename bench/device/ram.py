# Heap bytes, after collection, that the library takes. One case each process: ram.py CASE SOURCE, the documents being "synthetic" or
# the path of the weather readings. Prints one JSON line.

import gc
import json
import sys

import docs
from files import remove


def readings(n):
    if source is None:
        return docs.synthetic(n)
    some = docs.weather(source, 50)
    return [some[i % 50] for i in range(n)]


def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def note(case, value, **more):
    print(json.dumps(dict({"bench": "ram", "case": case, "bytes": value}, **more)))


def warm():
    # what the test itself needs is there before the first figure
    used()
    readings(1)


def database(**kw):
    from microtetherdb import MicroTetherDB

    return MicroTetherDB(**kw)


def per(case, put, n=200, skip=100):
    # the difference that `n` more records make, once everything is loaded
    db = database(ram_percentage=50)
    put(db, 0, skip)
    a = used()
    put(db, skip, skip + n)
    b = used()
    size = sum(len(json.dumps(d, separators=(",", ":"))) for d in readings(n)) / n
    note(case, round((b - a) / n, 1), json=round(size))
    return db


def _plain(db, a, b):
    documents = readings(b)
    for i in range(a, b):
        db.put("k%06d" % i, documents[i])


def _ttl(db, a, b):
    documents = readings(b)
    for i in range(a, b):
        db.put("k%06d" % i, documents[i], ttl=3600 + i)


def _expire(db, a, b):
    # the same records, written without a TTL, then given one
    for i in range(a, b):
        db.expire("k%06d" % i, 3600 + i)


def case_record():
    per("each record (RAM)", _plain)


def case_ttl():
    per("each record with a TTL (RAM)", _ttl)


def case_index():
    db = database(ram_percentage=50)
    db.create_index("n" if source is None else "wind")
    _plain(db, 0, 100)
    a = used()
    _plain(db, 100, 300)
    note("each record with one index entry (RAM)", round((used() - a) / 200, 1))


def case_file_ttl():
    remove("ram.db")
    db = database(filename="ram.db", in_memory=False, btree_cachesize=32)
    _ttl(db, 0, 100)
    db.flush()
    a = used()
    _ttl(db, 100, 300)
    db.flush()
    note("each record with a TTL (file)", round((used() - a) / 200, 1))
    db.close()


def least(case, setup, run):
    # The least free heap on which `run` works: ballast is added until it fails.
    from microtetherdb import DBFull

    full = MemoryError, DBFull  # out of RAM in Python's part, or in the tree's
    state = setup()
    run(state)
    ballast = []
    free = None
    while True:
        gc.collect()
        try:
            ballast.append(bytearray(120))
        except MemoryError:
            break
        gc.collect()
        free = gc.mem_free()
        if free > 24000:
            for _ in range((free - 24000) // 160):
                ballast.append(bytearray(120))
            continue
        try:
            run(state)
        except full:
            break
        last = free
    ballast = None
    gc.collect()
    note(case, last)


def _filled(**kw):
    db = database(**kw)
    documents = readings(200)
    for j in range(5):
        for i in range(200):
            db.put("k%04d" % (j * 200 + i), documents[i])
    return db


def _filled_file():
    remove("ram.db")
    return _filled(filename="ram.db", in_memory=False, btree_cachesize=32)


def _find(db):
    n = 0
    for d in db.find(RANGE):
        n += 1
    assert n >= 100, n


def _get(db):
    for i in range(0, 1000, 37):
        db.get("k%04d" % i)


def _put(db):
    for i in range(0, 1000, 37):
        db.put("k%04d" % i, {"n": i})
    db.flush()


def case_find():
    least("free heap needed by find() over 1,000 records (file)", _filled_file, _find)


def case_query_limit():
    least(
        "free heap needed by query(sort, limit=5) over 1,000 records (file)",
        _filled_file,
        lambda db: db.query(RANGE, sort="temp" if source is None else "wind", limit=5),
    )


def case_get():
    least("free heap needed by get (file)", _filled_file, _get)


def case_put():
    least("free heap needed by put and flush (file)", _filled_file, _put)


source = None if sys.argv[2] == "synthetic" else sys.argv[2]
RANGE = {"n": {"$gte": 80}} if source is None else {"temp_max": {"$gte": 10}}
warm()
globals()["case_" + sys.argv[1]]()
