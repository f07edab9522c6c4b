"""What puts and gets cost in flash: erases, programs and bytes on a counting device (deterministic).

Runs on the UNIX image: MICROPYPATH=.:tests/device/lib:.frozen dist/UNIX/micropython -X heapsize=32M bench/flash_counts.py
Erase blocks of 4096 bytes, programs of 256; documents of about 80 bytes under random keys. Before
a measurement the medium has gone round at least once, so that every sector was used before.
Prints one line of JSON for each measurement, then a table. Argument: path of the weather readings, to measure with them too.
"""

import gc
import json
import random
import sys

import btree
import vfs
from flashsim import Flash
from microtetherdb import MicroTetherDB

BLOCKS = {"region": 256, "file": 512, "small file": 256, "in place": 512}  # 1 MB; file systems of 2 and 1 MB
WINDOW = 400  # puts measured


readings = None  # documents of another source


def document(i):
    if readings:
        return readings[i % len(readings)]
    return {"id": i, "name": "sensor-%d" % (i % 50), "value": (i * 7919) % 10007, "unit": "C", "place": "north-west"}


def key():
    return "%08x" % random.getrandbits(30)


class InPlace:
    """The tree overwritten in place in a file, as `btree` is used without a page log."""

    def __init__(self, path, threshold):
        self.f = open(path, "w+b")
        self.tree = btree.open(self.f, pagesize=512, cachesize=32)
        self.threshold = threshold
        self.n = 0

    def put(self, k, data):
        self.tree[k] = json.dumps(data)
        self.n += 1
        if self.n % self.threshold == 0:
            self.tree.flush()
            self.f.flush()

    def flush(self):
        self.tree.flush()
        self.f.flush()

    def close(self):
        self.tree.close()
        self.f.close()


def make(medium, threshold):
    flash = Flash(BLOCKS[medium])
    where = None
    if medium == "region":
        return flash, lambda: MicroTetherDB(flash, in_memory=False, flush_threshold=threshold, btree_cachesize=32), where
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    where = "/flash%d" % id(flash)
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), where)
    path = where + "/x.db"
    if medium == "in place":
        return flash, lambda: InPlace(path, threshold or 20), where
    return flash, lambda: MicroTetherDB(path, in_memory=False, flush_threshold=threshold, btree_cachesize=32), where


def average(*args):
    """A file that grows is compacted as a whole, now and then: the mean of windows that begin at eight places between two times."""
    found = [measure(*args, extra=300 * i) for i in range(8)]
    out = found[0]
    for name in ("erases", "programs", "bytes", "read"):
        out[name] = sum(row[name] for row in found) / len(found)
    return out


def measure(medium, documents, threshold=None, kind="new", extra=0):
    random.seed(documents)
    flash, opened, where = make(medium, threshold)
    db = opened()
    db.threshold = 100  # in place: fill quickly
    keys = []
    for i in range(documents):
        k = key()
        keys.append(k)
        db.put(k, document(i))
    window = WINDOW
    if medium == "in place":
        db.flush()
        db.threshold = threshold or 20
        window = 40
    else:
        i = 0
        while flash.erases < BLOCKS[medium]:
            db.put(random.choice(keys), document(i))
            i += 1
        for j in range(extra):
            db.put(random.choice(keys), document(i + j))
        db.flush()
    flash.clear_counts()
    if medium == "file" and documents > 1000 and threshold is None:
        window = 2000  # from one compaction to the next
    for i in range(window):
        k = random.choice(keys) if kind == "old" else key()
        db.put(k, document(i))
    db.flush()
    out = {
        "medium": medium,
        "documents": documents,
        "flush": threshold or 20,
        "keys": kind,
        "data": "weather" if readings else "synthetic",
        "erases": flash.erases / window,
        "programs": flash.programs / window,
        "bytes": flash.bytes_programmed / window,
        "read": flash.bytes_read / window,
    }
    if medium != "in place":
        before = db.stats()["pages_read"]
        for _ in range(1000):
            db.get(random.choice(keys))
        out["pages_per_get"] = (db.stats()["pages_read"] - before) / 1000
        out["live"] = db.stats()["live"]
        db.close()
        flash.clear_counts()
        db = opened()
        db.get(keys[0])
        out["opening_read"] = flash.bytes_read
        out["opening_share"] = flash.bytes_read / flash.size()
    db.close()
    if where:
        vfs.umount(where)
    print(json.dumps(out))
    gc.collect()
    return out


def main(path=None, everything=True):
    global readings
    rows = []
    for medium in ("region", "file"):
        for documents in (300, 3000):
            for threshold in (None, 1):
                rows.append(measure(medium, documents, threshold))
    rows.append(measure("region", 3000, None, "old"))
    rows.append(measure("file", 3000, None, "old"))
    rows.append(average("small file", 3000))
    rows.append(average("small file", 3000, None, "old"))
    if everything:
        for documents in (300, 3000):
            rows.append(measure("in place", documents))
    if path:
        import docs

        readings = docs.weather(path, 1461)
        for medium in ("region", "file", "in place"):
            rows.append(measure(medium, 1461))
            if medium == "region":
                rows.append(measure(medium, 1461, 1))
        readings = None
    print("%-10s %5s %5s %4s %8s %9s %8s %6s %8s" % ("medium", "docs", "flush", "keys", "erases", "programs", "bytes", "pages", "opening"))
    for r in rows:
        print(
            "%-10s %5d %5d %4s %8.3f %9.2f %8.0f %6.2f %7.2f%%"
            % (
                r["medium"], r["documents"], r["flush"], r["keys"], r["erases"], r["programs"], r["bytes"],
                r.get("pages_per_get", 0), 100 * r.get("opening_share", 0),
            )
        )  # fmt: skip
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:2])
