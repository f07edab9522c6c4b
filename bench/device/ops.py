# Time of each operation in RAM and on a file, against the same work done with `btree` and `json` directly, in one
# interleaved run: each round does both, medians over the rounds. Prints one JSON line a result.
# Arguments: documents, rounds, "ram" or "file", "synthetic" or the path of the weather readings.

import btree
import gc
import io
import json
import os
import sys
import time

import docs
from microtetherdb import MicroTetherDB

EVERY = 5  # operations between two flushes in RAM, as the library does it
BATCH = 20


def us(function, *args):
    gc.collect()
    t = time.ticks_us()
    function(*args)
    return time.ticks_diff(time.ticks_us(), t)


class Direct:
    """What one would write without the library. RAM: the tree in a BytesIO; file: pages in place."""

    def __init__(self, path, every, cachesize):
        self.path = path
        self.every = every
        self.cachesize = cachesize
        self.stream = io.BytesIO() if path is None else open(path, "w+b")
        self.tree = btree.open(self.stream, pagesize=512, cachesize=cachesize)

    def put(self, keys, documents):
        tree = self.tree
        dumps = json.dumps
        every = n = self.every
        for i, d in enumerate(documents):
            tree[keys[i]] = dumps(d)
            n -= 1
            if not n:
                n = every
                tree.flush()

    def put_batch(self, keys, documents):
        # the flush rhythm of a batch: one at its end
        tree = self.tree
        dumps = json.dumps
        n = BATCH
        for i, d in enumerate(documents):
            tree[keys[i]] = dumps(d)
            n -= 1
            if not n:
                n = BATCH
                tree.flush()

    def get(self, keys):
        tree = self.tree
        loads = json.loads
        for k in keys:
            loads(tree[k])

    def delete(self, keys):
        tree = self.tree
        every = n = self.every
        for k in keys:
            del tree[k]
            n -= 1
            if not n:
                n = every
                tree.flush()

    def reopen(self):
        self.tree.close()
        if self.path is not None:
            self.stream.close()
        return lambda: self._reopen()

    def _reopen(self):
        if self.path is not None:
            self.stream = open(self.path, "r+b")
        self.tree = btree.open(self.stream, pagesize=512, cachesize=self.cachesize)

    def close(self):
        self.tree.close()
        self.stream.close()


def put(db, keys, documents):
    put = db.put
    for i, d in enumerate(documents):
        put(keys[i], d)


def put_generated(db, keys, documents):
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


def put_batch(db, keys, documents):
    for i in range(0, len(documents), BATCH):
        db.put_batch([(keys[j], documents[j]) for j in range(i, min(i + BATCH, len(documents)))])


def put_batch_generated(db, keys, documents):
    for i in range(0, len(documents), BATCH):
        db.put_batch(documents[i : i + BATCH])


def get(db, keys):
    get = db.get
    for k in keys:
        get(k)


def delete(db, keys):
    delete = db.delete
    for k in keys:
        delete(k)


def remove(path):
    for name in (path, path + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass


def once(medium, keys, shuffled, documents, found):
    """One round: everything once, in turn directly and through the library."""

    def note(name, t):
        found.setdefault(name, []).append(t)

    ram = medium == "ram"
    cachesize = 1 << 20 if ram else 0  # RAM: as much as the library's tree has
    every = EVERY if ram else 20

    def ours(**kw):
        if ram:
            return MicroTetherDB(ram_percentage=60, **kw)
        remove("bench.db")
        return MicroTetherDB("bench.db", in_memory=False, **kw)

    for name, function, direct in (
        ("put", put, "put"),
        ("put generated", put_generated, "put"),
        ("put tags", put_tags, "put"),
        ("put ttl", put_ttl, "put"),
        ("put_batch", put_batch, "put_batch"),
        ("put_batch generated", put_batch_generated, "put_batch"),
    ):
        d = Direct(None if ram else "bench.tree", every, cachesize)
        note("direct " + name, us(getattr(d, direct), keys, documents))
        if name == "put":
            note("direct get", us(d.get, shuffled))
            if not ram:
                note("direct open", us(d.reopen()))
            note("direct delete", us(d.delete, shuffled))
        d.close()
        db = ours()
        note(name, us(function, db, keys, documents))
        if name == "put":
            note("get", us(get, db, shuffled))
            if not ram:
                db.close()
                gc.collect()
                t = time.ticks_us()
                db = MicroTetherDB("bench.db", in_memory=False)
                note("open", time.ticks_diff(time.ticks_us(), t))
            note("delete", us(delete, db, shuffled))
        if name == "put ttl":
            note("expire each", us(expire_all, db))
        db.close()
    if not ram:
        remove("bench.db")
        remove("bench.tree")


def expire_all(db):
    # As if an hour had gone by (the database's clock, not the wall clock, decides).
    db._clock._s += 3601
    db._clock._line_s += 3601
    n = db.cleanup()
    assert n, "nothing expired"


def main(n, rounds, medium, source):
    documents = docs.synthetic(n) if source == "synthetic" else docs.weather(source, n)
    keys = ["k%06d" % i for i in range(len(documents))]
    shuffled = docs.shuffled(keys)
    n = len(documents)
    found = {}
    once(medium, keys[:50], shuffled[:0] + keys[:50], documents[:50], {})  # warm up: modules loaded
    for _ in range(rounds):
        once(medium, keys, shuffled, documents, found)
    for name in found:
        if name.startswith("direct "):
            continue
        count = 1 if name == "open" else n
        t = docs.median(found[name]) / count
        direct = found.get("direct " + name)
        line = {"bench": "ops", "medium": medium, "data": source.split("/")[-1], "n": n, "op": name, "us": round(t, 2)}
        if direct:
            line["direct_us"] = round(docs.median(direct) / count, 2)
            line["ratio"] = round(docs.median([a / b for a, b in zip(found[name], direct)]), 2)
        print(json.dumps(line))


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
