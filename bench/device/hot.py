# The hot operations one after the other, for bench/instructions.py: callgrind counts the instructions between two marks.
# A mark is a call of micropython.mem_current(), which the library never makes. Prints the name of each stretch and its count.
# Arguments: medium ("direct", "cached", "ram" or "file"), "synthetic" or the path of the weather readings.

import btree
import gc
import io
import json
import micropython
import os
import sys

import docs

mark = micropython.mem_current
N = 500  # records before the measurements
M = 100  # operations measured


def stretch(name, n, function, *args):
    gc.collect()
    mark()
    function(*args)
    mark()
    print(name, n)


def direct(cachesize):
    tree = btree.open(io.BytesIO(), pagesize=512, cachesize=cachesize)
    dumps = json.dumps
    loads = json.loads

    def put(keys, documents):
        n = 5
        for i, d in enumerate(documents):
            tree[keys[i]] = dumps(d)
            n -= 1
            if not n:
                n = 5
                tree.flush()

    def put_batch(keys, documents):
        n = 20
        for i, d in enumerate(documents):
            tree[keys[i]] = dumps(d)
            n -= 1
            if not n:
                n = 20
                tree.flush()

    def get(keys):
        for k in keys:
            loads(tree[k])

    def delete(keys):
        n = 5
        for k in keys:
            del tree[k]
            n -= 1
            if not n:
                n = 5
                tree.flush()

    def scan():
        for key, raw in tree.items():
            doc = loads(raw)
            if doc[FIELD] == VALUE:
                pass

    put(keys[:N], documents[:N])
    stretch("put", M, put, keys[N:], documents[N:])
    stretch("get", M, get, docs.shuffled(keys[:N])[:M])
    stretch("scan", N + M, scan)
    stretch("delete", M, delete, docs.shuffled(keys[:N])[:M])
    stretch("put_batch", M, put_batch, ["z" + k for k in keys[:M]], documents[:M])


def library(ram):
    from microtetherdb import MicroTetherDB

    def open():
        if ram:
            return MicroTetherDB(ram_percentage=60)
        return MicroTetherDB("hot.db", in_memory=False, btree_cachesize=32)  # as on boards: what a page costs

    def put(db, keys, documents):
        put = db.put
        for i, d in enumerate(documents):
            put(keys[i], d)

    def put_generated(db, documents):
        put = db.put
        for d in documents:
            put(d)

    def put_tags(db, keys, documents):
        put = db.put
        for i, d in enumerate(documents):
            put(keys[i], d, tags=("roof",))

    def put_ttl(db, keys, documents):
        put = db.put
        for i, d in enumerate(documents):
            put(keys[i], d, ttl=3600)

    def put_batch(db, documents):
        for i in range(0, len(documents), 20):
            db.put_batch(documents[i : i + 20])

    def put_batch_keys(db, keys, documents):
        for i in range(0, len(documents), 20):
            db.put_batch([(keys[j], documents[j]) for j in range(i, i + 20)])

    def get(db, keys):
        get = db.get
        for k in keys:
            get(k)

    def delete(db, keys):
        delete = db.delete
        for k in keys:
            delete(k)

    if not ram:
        try:
            os.remove("hot.db")
        except OSError:
            pass
    db = open()
    put(db, keys[:N], documents[:N])
    db.put("again", documents[0])
    db.delete("again")
    stretch("put", M, put, db, keys[N:], documents[N:])
    stretch("get", M, get, db, docs.shuffled(keys[:N])[:M])
    db.query({FIELD: "fog"})
    stretch("query", N + M, db.query, {FIELD: VALUE})
    stretch("delete", M, delete, db, docs.shuffled(keys[:N])[:M])
    db.put(documents[0])
    stretch("put generated", M, put_generated, db, documents[:M])
    db.put_batch([documents[0]])
    stretch("put_batch", M, put_batch_keys, db, ["z" + k for k in keys[:M]], documents[:M])
    stretch("put_batch generated", M, put_batch, db, documents[:M])
    db.put("again", documents[0], tags=["a"], ttl=1)
    stretch("put tags", M, put_tags, db, ["t" + k for k in keys[:M]], documents[:M])
    stretch("put ttl", M, put_ttl, db, ["u" + k for k in keys[:M]], documents[:M])
    if not ram:
        db.close()
        gc.collect()
        mark()
        db = open()
        mark()
        print("open", 1)
    db.close()


source = sys.argv[2]
FIELD, VALUE = ("sensor", "s07") if source == "synthetic" else ("weather", "snow")
documents = docs.synthetic(N + M) if source == "synthetic" else docs.weather(source, 50) * ((N + M) // 50)
keys = ["k%06d" % i for i in range(N + M)]
if sys.argv[1] == "direct":
    direct(32)
elif sys.argv[1] == "cached":
    direct(1 << 20)  # the whole tree in the page cache, as the library's in RAM
else:
    library(sys.argv[1] == "ram")
