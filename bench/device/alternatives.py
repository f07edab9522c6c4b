# What one would write or install instead: n readings stored durably one by one in a file, one looked up, all searched; one kind a
# process. Arguments: kind, n, "synthetic" or the path of the weather readings, "disk" (the host's; times and RAM) or "flash" (littlefs
# on the counting NOR device; counts). Prints one JSON line. The installed ones lie in folders beside the script.

import gc
import json
import os
import sys
import time

import docs


def matches(d):
    return d[FIELD] == VALUE


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
        return [v for v in self.d.values() if matches(v)]


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
        return [v for k, v in self._lines() if matches(v)]


class Tree:
    name = "btree directly, in place"

    def __init__(self):
        global btree
        import btree

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
        return [d for d in (json.loads(raw) for raw in self.t.values()) if matches(d)]


class Ours:
    name = "MicroTetherDB, flush_threshold=1"
    threshold = 1

    def __init__(self):
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
        return self.db.query({FIELD: VALUE})


class Rhythm(Ours):
    name = "MicroTetherDB, default flush rhythm"
    threshold = None


class Microdbx:
    name = "microdbx 0.1.1"

    def __init__(self):
        from microdbx import FlashDB

        self.open = lambda: FlashDB("alt.flashdb")
        self.reopen()

    def reopen(self):
        self.db = self.open()
        self.put = self.db.set
        self.get = self.db.get

    def search(self):
        return [v for v in (self.db.get(k) for k in self.db.keys()) if matches(v)]


class KvStore:
    name = "chumicro-kvstore 0.3.6"

    def __init__(self):
        from chumicro_kvstore import KVStore
        from chumicro_kvstore._backends.mp_littlefs import MpLittlefsBackend

        self.open = lambda: KVStore(MpLittlefsBackend("alt.msgpack", capacity=0))
        self.reopen()

    def reopen(self):
        self.db = self.open()
        self.get = self.db.get

    def put(self, k, v):
        self.db[k] = v
        self.db.commit()

    def search(self):
        return [v for v in self.db.values() if matches(v)]


class Region(Ours):
    name = "MicroTetherDB in a region, flush_threshold=1"

    def __init__(self):
        from microtetherdb import MicroTetherDB

        self.db = MicroTetherDB(device, in_memory=False, flush_threshold=self.threshold)
        self.put = self.db.put


class RegionRhythm(Region):
    name = "MicroTetherDB in a region, default flush rhythm"
    threshold = None


KINDS = {
    "json": JsonFile,
    "lines": JsonLines,
    "tree": Tree,
    "microdbx": Microdbx,
    "kvstore": KvStore,
    "ours": Ours,
    "rhythm": Rhythm,
    "region": Region,
    "region rhythm": RegionRhythm,
}


def us(function, *args):
    gc.collect()
    t = time.ticks_us()
    r = function(*args)
    return time.ticks_diff(time.ticks_us(), t), r


def puts(store, documents):
    for i, d in enumerate(documents):
        store.put("k%06d" % i, d)


def counts(kind, n, documents):
    """Erases, programs and bytes per put, from an empty file system or region on."""
    global device
    import flashsim

    device = flashsim.Flash(512)
    if not kind.startswith("region"):
        import vfs

        vfs.VfsLfs2.mkfs(device, progsize=256)
        vfs.mount(vfs.VfsLfs2(device, progsize=256), "/flash")
        os.chdir("/flash")
    store = KINDS[kind]()
    device.clear_counts()
    puts(store, documents)
    out = {"erases": device.erases / n, "programs": device.programs / n, "bytes": device.bytes_programmed / n}
    print(json.dumps(dict(out, bench="alternatives flash", kind=kind, n=n, data=sys.argv[3], what=store.name)))


def main(kind, n, source, place):
    documents = docs.synthetic(n) if source == "synthetic" else docs.weather(source, n)
    if place == "flash":
        counts(kind, n, documents)
        return
    gc.collect()
    gc.collect()
    before = gc.mem_alloc()
    store = KINDS[kind]()
    t, _ = us(puts, store, documents)
    o, _ = us(store.reopen)
    gc.collect()
    gc.collect()
    out = {
        "bench": "alternatives",
        "kind": kind,
        "n": n,
        "data": source,
        "what": store.name,
        "put_us": round(t / n, 1),
        "open_us": o,
        "ram": gc.mem_alloc() - before,
    }
    g, found = us(store.get, "k%06d" % (n // 2))
    if found is None:
        out["what"] += " (found nothing after it was opened again)"
    else:
        assert found[FIELD] == documents[n // 2][FIELD] and len(found) == len(documents[0]), found
        out["get_us"] = g
        out["search_us"], hits = us(store.search)
        assert len(hits) == sum(matches(d) for d in documents)
    print(json.dumps(out))


sys.path += [os.getcwd() + "/" + name for name in ("", "installed-microdbx", "installed-chumicro-kvstore", "installed-chumicro-msgpack")]
FIELD, VALUE = ("sensor", "s07") if sys.argv[3] == "synthetic" else ("weather", "snow")
main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
