# Time of each operation in RAM, on a file and in a region, against the same work done with `btree` and `json` directly, in one
# interleaved run: each round does both, medians over the rounds. A tree of one's own cannot lie in a region: there, the library's
# time only, on a device in RAM. Prints one JSON line a result.
# Arguments: documents, rounds, "ram", "file" or "region", "synthetic" or the path of the weather readings.

import _mtdb_board
import btree
import gc
import io
import json
import os
import sys
import time

import docs
import nor
from microtetherdb import MicroTetherDB

EVERY = 5  # operations between two flushes in RAM, as the library does it
BATCH = 20
CHANGED = 10  # documents between two flushes that are timed
FLUSHES = 10
AGAIN = 5  # openings in a row, caches of the processor warm


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

    def put_batch(self, batches, _=None):
        # the flush rhythm of a batch: one at its end
        tree = self.tree
        dumps = json.dumps
        for items in batches:
            for key, d in items:
                tree[key] = dumps(d)
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

    def put_expiring(self, keys, documents, now):
        # what one would do without a library: the time in the document
        tree = self.tree
        for i, d in enumerate(documents):
            d = dict(d)
            d["exp"] = now - 1 if i % 10 == 0 else now + 7200
            tree[keys[i]] = json.dumps(d)
        tree.flush()

    def expire(self, now):
        tree = self.tree
        loads = json.loads
        gone = []
        for key, raw in tree.items():
            if loads(raw)["exp"] <= now:
                gone.append(key)
        for key in gone:
            del tree[key]
        tree.flush()

    def change(self, keys, documents):
        tree = self.tree
        for i, d in enumerate(documents):
            tree[keys[i]] = json.dumps(d)

    def flush(self):
        self.tree.flush()

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


def batches(keys, documents):
    """The items of batches, as an application has them; made before the clock starts."""
    items = list(zip(keys, documents))
    return [items[i : i + BATCH] for i in range(0, len(items), BATCH)]


def put_batch(db, batches, _=None):
    for items in batches:
        db.put_batch(items)


def put_batch_generated(db, _, documents):
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


def put_expiring(db, keys, documents):
    for i, d in enumerate(documents):
        db.put(keys[i], d, ttl=60 if i % 10 == 0 else 7200)
    db.flush()


def first(reopen, get, keys):
    """Open, and read one document: opening may put off what the first read then does."""
    reopen()
    get(keys[:1])


def expire(db):
    assert db.cleanup(), "nothing expired"
    db.flush()  # as the direct side does


def remove(path):
    for name in (path, path + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass


class Place:
    """Where the databases of a run lie, each in a fresh place."""

    def __init__(self, medium, n):
        self.medium = medium
        self.path = None
        self.blocks = 128 if n < 2000 else 512

    def database(self, **kw):
        if self.medium == "ram":
            return MicroTetherDB(ram_percentage=60, **kw)
        if self.medium == "file":
            remove("bench.db")
            self.path = "bench.db"
        else:
            self.path = None
            gc.collect()
            self.path = nor.Nor(self.blocks)
        return MicroTetherDB(self.path, in_memory=False, **kw)

    def reopen(self):
        self.opened = None
        self.opened = MicroTetherDB(self.path, in_memory=False)

    def direct(self):
        if self.medium == "ram":
            return Direct(None, EVERY, 1 << 20)  # as much cache as the library's tree has
        # as much cache as the library takes on this medium
        return Direct("bench.tree", 20, getattr(_mtdb_board, "FILE_CACHE", 0) if self.medium == "file" else 0)


def once(place, keys, shuffled, documents, found):
    """One round: everything once, in turn directly and through the library."""

    def note(name, t):
        found.setdefault(name, []).append(t)

    ram = place.medium == "ram"
    floor = place.medium != "region"
    made = batches(keys, documents)
    for name, function, direct in (
        ("put", put, "put"),
        ("put generated", put_generated, "put"),
        ("put tags", put_tags, "put"),
        ("put ttl", put_ttl, "put"),
        ("put_batch", put_batch, "put_batch"),
        ("put_batch generated", put_batch_generated, "put_batch"),
    ):
        given = made if direct == "put_batch" else keys
        if floor:
            d = place.direct()
            note("direct " + name, us(getattr(d, direct), given, documents))
            if name == "put":
                note("direct get", us(d.get, shuffled))
                if not ram:
                    note("direct open", us(d.reopen()))
                    note("direct open again", sum([us(d.reopen()) for _ in range(AGAIN)]))
                    note("direct open and get", us(first, d.reopen(), d.get, shuffled))
                note("direct delete", us(d.delete, shuffled))
            d.close()
        db = place.database()
        note(name, us(function, db, given, documents))
        if name == "put":
            note("get", us(get, db, shuffled))
            if not ram:
                db.close()
                note("open", us(place.reopen))
                t = 0
                for _ in range(AGAIN):
                    place.opened.close()
                    t += us(place.reopen)
                note("open again", t)
                place.opened.close()
                note("open and get", us(first, place.reopen, lambda keys: get(place.opened, keys), shuffled))
                db = place.opened
            note("delete", us(delete, db, shuffled))
        db.close()
    expiry(place, floor, keys, documents, note)
    flushes(place, floor, shuffled, documents, note)
    if not ram:
        remove("bench.db")
        remove("bench.tree")


def expiry(place, floor, keys, documents, note):
    # a tenth of the records expires
    if floor:
        d = place.direct()
        d.put_expiring(keys, documents, 1000)
        note("direct expire", us(d.expire, 1000))
        d.close()
    db = place.database()
    put_expiring(db, keys, documents)
    db._clock._s += 61  # the database's clock, not the wall clock, decides
    db._clock._line_s += 61
    note("expire", us(expire, db))
    assert len(db) == len(keys) - (len(keys) + 9) // 10
    db.close()


def flushes(place, floor, shuffled, documents, note):
    if floor:
        d = place.direct()
        d.put_batch(batches(shuffled, documents))
    db = place.database(flush_threshold=1000)
    put_batch(db, batches(shuffled, documents))
    db.flush()
    a = b = 0
    for i in range(FLUSHES):
        few = shuffled[i * CHANGED : (i + 1) * CHANGED]
        if floor:
            d.change(few, documents[: len(few)])
            a += us(d.flush)
        put(db, few, documents[: len(few)])
        b += us(db.flush)
    if floor:
        note("direct flush", a)
        d.close()
    note("flush", b)
    db.close()


def main(n, rounds, medium, source):
    documents = docs.synthetic(n) if source == "synthetic" else docs.weather(source, n)
    keys = ["k%06d" % i for i in range(len(documents))]
    shuffled = docs.shuffled(keys)
    n = len(documents)
    found = {}
    place = Place(medium, n)
    once(place, keys[:50], keys[:50], documents[:50], {})  # warm up: modules loaded
    for _ in range(rounds):
        once(place, keys, shuffled, documents, found)
    for name in found:
        if name.startswith("direct "):
            continue
        count = {"open again": AGAIN, "open": 1, "open and get": 1, "expire": (n + 9) // 10, "flush": FLUSHES}.get(name, n)
        t = docs.median(found[name]) / count
        direct = found.get("direct " + name)
        line = {"bench": "ops", "medium": medium, "data": source.split("/")[-1], "n": n, "op": name, "us": round(t, 2)}
        if direct:
            line["direct_us"] = round(docs.median(direct) / count, 2)
            line["ratio"] = round(docs.median([a / b for a, b in zip(found[name], direct)]), 2)
        print(json.dumps(line))


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
