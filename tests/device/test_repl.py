# boards: unix unix32
# heap: 4m
# What meets somebody at the REPL: dir(), help(), super(), calls with the wrong arguments, firmware without a module that is needed.
import builtins
import io
import sys
import microtetherdb
from microtetherdb import MicroTetherDB
from expect import raises

METHODS = (
    "close put put_batch get delete delete_batch keys values items update ttl expire cleanup flush stats check backup dump load query find count "
    "delete_many update_many explain create_index drop_index indexes cleanup_async check_async backup_async dump_async load_async query_async "
    "count_async delete_many_async update_many_async create_index_async drop_index_async distinct distinct_async collection collections aggregate aggregate_async"
).split()

# looking does not load: not the whole list, nor each name, nor bound methods that are not called
db = MicroTetherDB()
dir(db)  # loads the list itself
before = set(sys.modules)
found = dir(db)
assert sorted(n for n in found if n[0] != "_") == sorted(METHODS), found
kept = [getattr(db, n) for n in METHODS]
assert all(hasattr(db, n) for n in METHODS)
for name in ("nothing", "nothing_async", "put_async", "find_async", "query_steps", "flush_async", "_async", ""):
    assert not hasattr(db, name), name
    if name:
        raises(AttributeError, name, getattr, db, name)
assert set(sys.modules) == before, set(sys.modules) - before
assert kept[METHODS.index("count")]({}) == 0 and kept[METHODS.index("keys")]

# a class derived from the database's, at any depth, overriding any method or none: super() reaches each, also at the first call
ALL = [n for n in METHODS if n not in ("close", "put", "get", "delete")]


class Plain(MicroTetherDB):
    def through(self, name):
        return getattr(super(), name)


class Own(Plain):
    def __init__(self, *args, **kw):
        self.calls = 0
        super().__init__(*args, **kw)

    def query(self, *args, **kw):
        self.calls += 1
        return super().query(*args, **kw)

    def put(self, *args, **kw):
        self.calls += 1
        return super().put(*args, **kw)

    def keys(self, *args, **kw):
        self.calls += 1
        return super().keys(*args, **kw)


class Deep(Own):
    def query(self, *args, **kw):
        self.calls += 10
        return super().query(*args, **kw)


for kind in (Plain, Own, Deep):
    with kind() as sub:
        for i in range(9):
            sub.put("k%d" % i, {"n": i})
        assert sub.query({"n": 3}) == [{"n": 3}] and list(sub)[0] == "k0" and len(sub) == 9
        if kind is not Plain:
            assert sub.calls == 9 + 1 + 1 + 10 * (kind is Deep), sub.calls
        for name in ALL:
            assert callable(sub.through(name)), name
        assert sub.through("count")({"n": {"$gt": 3}}) == 5 and sub.through("update")("k1", {"n": 50}) == 1
        assert sub.through("stats")()["records"] == 9 and sub.through("check")()["ok"]
        assert sorted(n for n in dir(sub) if n[0] != "_" and n not in ("through", "calls")) == sorted(METHODS)
        raises(AttributeError, "nothing", getattr, sub, "nothing")
assert db.query({}) == [] and db.count({}) == 0
db.close()

# a wrong first argument is named, whatever stands beside it
db = MicroTetherDB()
DOC = {"n": 1}
for key in (1, 1.5, None, b"k", ("k",), ["k"], True, {"k": 1}):
    for args in ((key, DOC), (key, [1]), (key, "text"), (key, DOC, 60), (key, DOC, 60, ["t"])):
        for kw in ({}, {"ttl": 5}, {"tags": ["t"]}):
            if len(args) + len(kw) < 4:
                raises(TypeError, "key: str, not " + type(key).__name__, db.put, *args, **kw)
assert db.put(5, 60) and db.put(DOC, None, ["t"]) and db.put(1.5, 2.5) and len(db) == 3  # documents with a TTL, or none
db.delete(purge=True)

# an item of a batch is a document, or (key, document) and no more
for bad in ((), ("a",), ("a", DOC, 60), ("a", DOC, 60, ["t"]), (1, DOC), (None, DOC), (DOC, "a"), (DOC, 60), (b"a", DOC), ("", DOC)):
    for i in (0, 1, 5):
        for kw in ({}, {"ttls": 60}, {"tags": ["t"]}):
            items = [("k%d" % j, DOC) for j in range(6)]
            items[i] = bad
            raises((TypeError, ValueError), "items[%d]: " % i, db.put_batch, items, **kw)
            raises((TypeError, ValueError), "items[%d]: " % i, db.put_batch, tuple(items), **kw)
assert len(db) == 0

# the name in an error is the one that was called
for name in (
    "dump",
    "check",
    "backup",
    "cleanup",
    "count",
    "distinct",
    "create_index",
    "drop_index",
    "delete_many",
    "update_many",
    "query",
    "find",
    "aggregate",
    "update",
    "stats",
    "load",
):
    for suffix in ("", "_async"):
        if name + suffix in METHODS:
            e = raises(TypeError, "", lambda: getattr(db, name + suffix)(*[io.StringIO()] * 9).send(None))
            assert "_steps" not in str(e), (name, e)
            if sys.platform == "linux":
                assert name in str(e) or name == "query" and "find()" in str(e), (name, e)  # query_async gathers what find gives
e = raises(TypeError, "", db.dump, io.StringIO(), wrong=1)
assert "_steps" not in str(e), e
db.close()

# dir() and TAB on the package ask for every name that there is
assert {"MicroTetherDB", "DBFull", "QueryError", "defaults", "preload", "ota", "on_warning"} <= set(dir(microtetherdb))
raises(AttributeError, "query", getattr, microtetherdb, "query_")
for name in ("", ".", "a.b", "microtetherdb.query", "names"):
    assert not hasattr(microtetherdb, name), name

# a module that is missing is what the error says, not one of ours; a name that we do not have stays an AttributeError
raises(AttributeError, "nothing", getattr, microtetherdb, "nothing")
raises(ImportError, "nothing", __import__, "microtetherdb.nothing")
real = builtins.__import__
loading = []
for persistent in (False, True):
    for module in ("btree", "json", "uctypes", "binascii"):

        def without(name, *args):
            if name == module:
                raise ImportError("no module named '%s'" % name)
            if len(args) > 3 and args[3]:  # relative to the module that is being loaded: `real` would take this one
                path = loading[-1].split(".")
                path = path[: len(path) - args[3] + (loading[-1] in ("microtetherdb", "microtetherdb.ota"))]
                name = ".".join(path + ([name] if name else []))
            loading.append(name)
            try:
                return real(name, None, None, args[2] if len(args) > 2 else None, 0)
            finally:
                loading.pop()

        for name in [n for n in sys.modules if n.startswith("microtetherdb")]:
            del sys.modules[name]
        import microtetherdb

        builtins.__import__ = without
        try:
            microtetherdb.MicroTetherDB("repl.db", in_memory=not persistent).close()
            assert module != "btree"
        except ImportError as e:
            assert module in str(e), e
        finally:
            builtins.__import__ = real
print("OK")
