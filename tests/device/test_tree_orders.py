# boards: unix unix32 stock rv32
# nightly: m33
# qemu heap: 4m
# SPEC sections 2, 5: no record is lost, whatever the order in which keys come and go; RAM and file, with TTLs, tags and indexes,
# changes that break off, long documents, and what expires.
import os
from expect import FakeTime
from microtetherdb import MicroTetherDB
from microtetherdb.records import clock
from nightly import FEW

NAME = "orders.db"
seed = 1


def rand(n):
    global seed
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return (seed >> 8) % n


def remove():
    for path in (NAME, NAME + ".new"):
        try:
            os.remove(path)
        except OSError:
            pass  # a compaction was not going on


class Order:
    # Which key comes, which one goes: numbers, made keys by `name`.
    def __init__(self, kind):
        self.kind = kind
        self.low = self.high = 5000
        self.there = []  # in the order in which they came

    def next(self):
        kind = self.kind
        up = kind in ("ascending", "queue") or kind in ("deque", "edges") and rand(2)
        if kind == "same":
            return 5000 + rand(3)
        if kind == "random":
            return rand(10000)
        if kind == "down" and not rand(4):
            return self.low - 1
        if up:
            self.high += 1 + rand(3)
            return self.high
        self.low -= 1 + rand(3)
        return self.low

    def put(self, n):
        if n in self.there:
            self.there.remove(n)
        self.there.append(n)

    def go(self):
        kind = self.kind
        there = self.there
        if kind == "queue":
            return there[0]
        if kind in ("stack", "descending"):
            return there[-1]
        if kind == "edges":
            return min(there) if rand(2) else max(there)
        if kind == "ascending":
            return min(there)
        if kind == "down":
            return min(there)
        return there[rand(len(there))]


KINDS = ("ascending", "descending", "stack", "queue", "deque", "edges", "down", "same", "random")


def name(n):
    return "k%05d" % n


def shape(n, i):
    kw = {}
    if i % 3 == 0:
        kw["tags"] = ["t%d" % (n % 4), "even"][: 1 + i % 2]
    if i % 5 == 0:
        kw["ttl"] = 3600 - n % 100
    doc = {"n": i % 11, "text": "x" * (n * 7 % 90)}
    if i % 7 == 0:
        doc["n"] = [n, -n, str(n)]
    if i % 17 == 0:
        doc["text"] = "x" * (n % 1500)
    return doc, kw


class Failing:
    # A tree whose n-th change fails, once, before it or after it.
    def __init__(self, tree, n):
        self.tree = tree
        self.left = n
        for name in ("get", "keys", "values", "items", "flush", "close"):
            setattr(self, name, getattr(tree, name))

    def _change(self, change, *args):
        self.left -= 1
        if self.left == 0:
            if seed & 16:
                change(*args)
            raise (MemoryError, KeyboardInterrupt)[seed & 1]
        change(*args)

    def _set(self, key, value):
        self.tree[key] = value

    def _delete(self, key):
        del self.tree[key]

    def __setitem__(self, key, value):
        self._change(self._set, key, value)

    def __delitem__(self, key):
        self._change(self._delete, key)

    def __contains__(self, key):
        return key in self.tree

    def clean(self):  # of stock firmware
        self.tree.clean()


def broken(db, n, change):
    # Whether the change was done: with a tree whose n-th change fails it may not have been.
    store = db._store
    tree = store._tree
    store._tree = failing = Failing(tree, n)
    try:
        change()
        return True
    except (MemoryError, KeyboardInterrupt):
        return False
    finally:
        failing.left = 0
        len(db)  # recovers
        if store._tree is failing:
            store._tree = tree


def forget(db, order, model, keys):
    for key in keys:
        del model[key]
        order.there.remove(int(key[1:]))


def sequence(kind, ram, steps, **options):
    where = "%s, %s, %r" % (kind, "RAM" if ram else "file", options)
    order = Order(kind)
    model = {}
    dying = set()  # keys with a TTL
    time = clock.time = FakeTime(26 * 365 * 86400)
    db = MicroTetherDB(NAME, in_memory=ram, **options) if not ram else MicroTetherDB(ram_percentage=50, **options)
    growing = True
    for i in range(steps):
        there = order.there
        if len(there) > 45:
            growing = False
        if not there:
            growing = True
        what = rand(40)
        if what == 0 and i > 10:
            (db.drop_index if "n" in db.indexes() else db.create_index)("n")
        elif what == 1:
            fresh = []
            for _ in range(1 + rand(9)):
                n = order.next()
                order.put(n)
                fresh.append((name(n), {"n": i % 11}))
                dying.discard(name(n))
                model[name(n)] = {"n": i % 11}
            db.put_batch(fresh)
        elif what == 2 and there:
            gone = list({name(order.go()), name(there[0]), name(there[-1])})
            assert db.delete_batch(gone + ["none"]) == len(gone), where
            forget(db, order, model, gone)
        elif what == 3:
            hit = i % 11
            gone = [k for k in model if model[k]["n"] == hit or isinstance(model[k]["n"], list) and hit in model[k]["n"]]
            assert db.delete_many({"n": hit}) == len(gone), where
            forget(db, order, model, gone)
        elif what == 4 and there:
            gone = list({name(order.go()), name(there[0]), name(there[-1])})
            if broken(db, 1 + rand(7), lambda: db.delete_batch(gone)):
                forget(db, order, model, gone)
        elif what == 5:
            n = order.next()
            fresh = [(name(n), {"n": 1}), (name(n + 20000), {"n": 1}), (name(n - 2000), {"n": 1})]
            if broken(db, 1 + rand(7), lambda: db.put_batch(fresh)):
                for key, doc in fresh:
                    order.put(int(key[1:]))
                    model[key] = doc
                    dying.discard(key)
        elif what == 6:
            time.go(4000)
            db.cleanup()
            forget(db, order, model, list(dying))
            dying.clear()
        elif what == 7 and there:
            key = name(there[rand(len(there))])
            assert db.update(key, {"n": i % 5}) == 1, where
            model[key] = dict(model[key], n=i % 5)
        elif growing and rand(3) or not there:
            n = order.next()
            doc, kw = shape(n, i)
            db.put(name(n), doc, **kw)
            order.put(n)
            model[name(n)] = doc
            (dying.add if "ttl" in kw else dying.discard)(name(n))
        else:
            n = order.go()
            assert db.delete(name(n)) == 1, "%s: %s is not there" % (where, name(n))
            forget(db, order, model, [name(n)])
        gone = [key for key in dying if key not in model]
        for key in gone:
            dying.remove(key)
        for key in (name(order.low), name(order.high), name(there[rand(len(there))]) if there else "none"):
            found = db.get(key)
            if found is not None:
                found.pop("_tags", None)
            assert found == model.get(key), "%s, step %d: %s is %r instead of %r" % (where, i, key, found, model.get(key))
    assert list(db) == sorted(model), "%s: %s" % (where, set(db) ^ set(model))
    report = db.check()
    assert report["ok"], "%s: %r" % (where, report)
    assert len(db.query({"n": {"$gte": 0}})) == len(model), where
    db.close()
    if not ram:
        db = MicroTetherDB(NAME, in_memory=False, **options)
        assert list(db) == sorted(model) and db.check()["ok"], where + ", opened again"
        db.close()
        remove()


SHARE = 4 if FEW else 1
for kind in KINDS:
    for pagesize in (512, 1024, 4096):
        sequence(kind, True, (400 if pagesize == 512 else 150) // SHARE, btree_pagesize=pagesize)
    for pagesize, cachesize in ((512, 32), (512, 16384), (1024, 32)):
        sequence(kind, False, (150 if cachesize == 32 else 80) // SHARE, btree_pagesize=pagesize, btree_cachesize=cachesize)
print("OK")
