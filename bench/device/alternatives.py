# What one would write instead, in the same run on the same image: n readings stored durably one by one in a file, one looked up, all
# searched. Argument: n. Prints one JSON line for each.

import btree
import gc
import json
import os
import sys
import time

import docs


class JsonFile:
    name = "a dict saved as one JSON file"

    def __init__(self):
        self.d = {}

    def put(self, k, v):
        self.d[k] = v
        with open("alt.new", "w") as f:
            json.dump(self.d, f)
        os.rename("alt.new", "alt.json")

    def reopen(self):
        with open("alt.json") as f:
            self.d = json.load(f)

    def get(self, k):
        return self.d[k]

    def search(self):
        return [v for v in self.d.values() if v["sensor"] == "s07"]


class JsonLines:
    name = "JSON lines appended"

    def __init__(self):
        self.f = open("alt.jsonl", "w")

    def put(self, k, v):
        self.f.write(json.dumps([k, v]) + "\n")
        self.f.flush()

    def reopen(self):
        self.f.close()

    def _lines(self):
        with open("alt.jsonl") as f:
            for line in f:
                yield json.loads(line)

    def get(self, k):
        for key, v in self._lines():
            if key == k:
                found = v
        return found

    def search(self):
        return [v for k, v in self._lines() if v["sensor"] == "s07"]


class Tree:
    name = "btree directly, in place"

    def __init__(self):
        self.f = open("alt.tree", "w+b")
        self.t = btree.open(self.f, pagesize=512)

    def put(self, k, v):
        self.t[k] = json.dumps(v)
        self.t.flush()
        self.f.flush()

    def reopen(self):
        self.t.close()
        self.f.close()
        self.f = open("alt.tree", "r+b")
        self.t = btree.open(self.f, pagesize=512)

    def get(self, k):
        return json.loads(self.t[k])

    def search(self):
        return [d for d in (json.loads(raw) for raw in self.t.values()) if d["sensor"] == "s07"]


class Ours:
    name = "MicroTetherDB, flush_threshold=1"
    threshold = 1

    def __init__(self):
        for name in os.listdir():
            if name.startswith("alt.db"):
                os.remove(name)
        self._open()

    def _open(self):
        from microtetherdb import MicroTetherDB

        self.db = MicroTetherDB("alt.db", in_memory=False, flush_threshold=self.threshold)
        self.put = self.db.put
        self.get = self.db.get

    def reopen(self):
        self.db.close()
        self._open()

    def search(self):
        return self.db.query({"sensor": "s07"})


class Rhythm(Ours):
    name = "MicroTetherDB, default flush rhythm"
    threshold = None


def close(store):
    for name in ("db", "t", "f"):
        if hasattr(store, name):
            getattr(store, name).close()


def us(function, *args):
    gc.collect()
    t = time.ticks_us()
    r = function(*args)
    return time.ticks_diff(time.ticks_us(), t), r


def puts(store, documents):
    for i, d in enumerate(documents):
        store.put("k%06d" % i, d)


def main(n):
    documents = docs.synthetic(n)
    for kind in (JsonFile, JsonLines, Tree, Ours, Rhythm):
        store = found = hits = None
        gc.collect()
        before = gc.mem_alloc()
        store = kind()
        t, _ = us(puts, store, documents)
        o, _ = us(store.reopen)
        gc.collect()
        ram = gc.mem_alloc() - before
        g, found = us(store.get, "k%06d" % (n // 2))
        assert found["n"] == documents[n // 2]["n"]
        s, hits = us(store.search)
        assert len(hits) == sum(d["sensor"] == "s07" for d in documents)
        close(store)
        print(json.dumps({"bench": "alternatives", "n": n, "what": store.name, "put_us": round(t / n, 1), "open_us": o, "get_us": g, "search_us": s, "ram": ram}))


main(int(sys.argv[1]))
