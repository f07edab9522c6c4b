# boards: unix unix32
# heap: 2M
# SPEC sections 2, 3, 4, 8: every argument of every public call refuses what it cannot take, by name, and nothing is changed.
import os
from microtetherdb import MicroTetherDB, QueryError

NAN = float("nan")
INF = float("inf")
cyclic_list = []
cyclic_list.append(cyclic_list)
cyclic_dict = {}
cyclic_dict["a"] = {"b": cyclic_dict}
deep = 1
for _ in range(60):
    deep = [deep]


class Thing:
    pass


T = TypeError
V = ValueError
Q = QueryError
E = (TypeError, ValueError, QueryError)

NOT_STR = [(T, v) for v in (5, -1, 1.5, True, b"bytes", bytearray(b"x"), ["k"], ("k",), {"k": 1}, {"k"}, Thing(), Thing, len)]
BAD_KEY = NOT_STR + [(V, v) for v in ("", "k" * 129, "ä" * 65, "\x00" * 129, "k" * 100000)]
BAD_DATA = [
    (T, v) for v in (b"bytes", bytearray(3), {1, 2}, Thing(), Thing, len, {5: 1}, {None: 1}, {b"k": 1}, {"a": b"x"}, [[{"a": Thing()}]], {"a": 1j}, range(3))
] + [
    (V, v) for v in (NAN, INF, -INF, [NAN], {"a": {"b": INF}}, cyclic_list, cyclic_dict, deep, "x" * 8191, "ä" * 4096, "\n" * 4200,
                     ["x" * 9000], {"a": "x" * 8187}, {"k" * 8190: 1}, [0] * 5000, "x" * 60000)
]  # fmt: skip
BAD_JSON = BAD_DATA
BAD_DATA = BAD_JSON + [(E, {"_tags": v}) for v in (5, "x", [5], [""], ["t" * 129], {"a": 1}, [["x"]], None)]
BAD_TTL = [(T, v) for v in ("5", b"5", [5], (5,), {}, True, False, Thing(), len)] + [
    (V, v) for v in (-1, -0.001, NAN, INF, -INF, 1 << 29 | 1, 1 << 40, 1e30)
]
BAD_TAGS = [(T, v) for v in (5, 1.5, "x", b"x", {"x": 1}, {"x"}, True, Thing(), [5], [None], ["x", b"y"], [["x"]], ("x", 5))] + [
    (V, v) for v in ([""], ["x", ""], ["t" * 129], ["ä" * 65], ["t" * 9000], ["t%d" % i + "t" * 120 for i in range(70)])
]
BAD_BOUND = NOT_STR
BAD_FLAG = [(T, v) for v in (5, 1, 0, None, "yes", "", [], {}, Thing(), 1.0)]
BAD_CHANGES = [(E, v) for v in (None, 5, 1.5, True, b"x", ["a"], ("a", 1), "text", Thing(), "", {"": 1}, {"a..b": 1}, {"$set": 5}, {"$unknown": {"a": 1}},
                                {"$inc": {"n": "1"}}, {"$inc": {"n": NAN}}, {"n": NAN}, {"n": b"x"}, {"n": cyclic_list}, {5: 1}, {"n": "x" * 8200}, {"n": deep},
                                {"$set": {"a": 1}, "$inc": {"a": 1}}, {"n": {"a": Thing()}}, {"$rename": {"n": 5}}, {"$push": {"n": 1}})]  # fmt: skip
BAD_FILTER = [(E, v) for v in (5, 1.5, True, b"x", ["a"], ("a",), Thing(), "text", "", "[1]", {"$unknown": 1}, {"n": {"$unknown": 1}}, {"n": {"$in": 5}},
                               {"n": {"$size": -1}}, {"$and": 5}, {"$or": []}, {"n": {"$regex": "("}}, {"n": {"$mod": 0}}, {"n": {"$not": 5}},
                               {"n": {"$gt": Thing()}}, {"n": b"x"}, {"$limit": -1}, {"$limit": "x"}, {"a..b": 1}, {5: 1}, {"n": cyclic_list},
                               {"n": {"$elemMatch": 5}}, {"n": {"$type": "nothing"}}, {"n": {"$contains": Thing()}})]  # fmt: skip
BAD_WHOLE = [(E, v) for v in (-1, 1.5, "5", b"5", [5], {}, NAN, Thing(), -(1 << 40), True)]
BAD_PATH = [(E, v) for v in (None, 5, 1.5, True, b"n", ["n"], {}, Thing(), "", ".", "a..b", "a.", ".a", "p" * 500)]
BAD_FIELD_LIST = [(E, v) for v in ([], [5], [""], ["n", "n"], [("n",)], [("n", 2)], [None], ["n", "a..b"])]  # of a compound index
BAD_FIELDS = [(E, v) for v in (5, True, 1.5, "", b"n", [5], {"n": "x"}, {"a..b": 1}, [""], {"a": 1, "b": 0}, Thing())]
BAD_SORT = [(E, v) for v in (5, 1.5, True, b"n", {"n": 0}, {"n": "up"}, [5], [("n", 2)], "", "a..b", {5: 1}, Thing(), [("n",)])]
# texts that MicroPython's own parser takes for something else
BAD_TEXT = [(E, v) for v in ("null", "7", '{"n":}', '{"n":1,}', '{,}', '{"n":01}', '{"n":1}x', '{"n":1}{}', '{"n" 1}', '{n:1}', '{"n":1,"n":2}', '{"n":"\\uZZZZ"}',
                             '{"n":"\\x"}', '{"n":"a\nb"}', '{"n":+1}', '{"n":1.}', '{"n":nul}', '{"n":[1 2]}', '{"n":1', "{" * 20000, '{"n":' * 70)]  # fmt: skip
BAD_CHANGES += BAD_TEXT
BAD_FILTER += BAD_TEXT
DOLLARS = [(Q, v) for v in ("$a", "a.$b", "a.$", "$.a")]
BAD_SORT += DOLLARS + [(Q, ["n", "a.$b"]), (Q, {"a.$b": 1})]
BAD_FIELDS += DOLLARS
NOT_STREAM = [(T, v) for v in (None, 5, "path.txt", b"x", [], {}, Thing())]

DOC = {"n": 1}
# (what, argument's name, call of (database, bad value), bad values)
TABLE = [
    ("put(data)", "data", lambda db, v: db.put(v), BAD_DATA),
    ("put(data, tags=)", "data", lambda db, v: db.put(v, tags=["x"]), BAD_JSON),
    ("put(key, data)", "data", lambda db, v: db.put("a", v), BAD_DATA),
    ("put(key, data, ttl)", "data", lambda db, v: db.put("a", v, 5), BAD_DATA),
    ("put(data=)", "data", lambda db, v: db.put(data=v, key="a"), BAD_DATA),
    ("db[key] = data", "data", lambda db, v: db.__setitem__("a", v), BAD_DATA),
    ("put(key, )", "key", lambda db, v: db.put(v, DOC), [i for i in BAD_KEY if isinstance(i[1], str)]),
    ("put(key=)", "key", lambda db, v: db.put(key=v, data=DOC), BAD_KEY),
    ("put(_id=)", "key", lambda db, v: db.put(DOC, _id=v), BAD_KEY),
    ("db[bad] = data", "key", lambda db, v: db.__setitem__(v, DOC), BAD_KEY + [(T, None)]),
    ("put(ttl=)", "ttl", lambda db, v: db.put("a", DOC, ttl=v), BAD_TTL),
    ("put(data, ttl)", "ttl", lambda db, v: db.put(DOC, v), BAD_TTL),
    ("put(tags=)", "tags", lambda db, v: db.put("a", DOC, tags=v), BAD_TAGS[:-1]),
    ("put(key, data, ttl, tags)", "tags", lambda db, v: db.put("a", DOC, None, v), BAD_TAGS[:-1]),
    ("put(tags=) too many bytes", "data", lambda db, v: db.put("a", DOC, tags=v), BAD_TAGS[-1:]),
    ("put, more", "put", lambda db, v: db.put(*v), [(T, ("a", DOC, 5, ["x"], 1)), (T, (DOC, 5, ["x"], "a", 1)), (T, ())]),
    ("put, unknown", "wrong", lambda db, v: db.put(DOC, wrong=v), [(T, 1)]),
    ("put, twice", "ttl", lambda db, v: db.put("a", DOC, 5, ttl=v), [(T, 1)]),
    ("put, two keys", "key", lambda db, v: db.put("a", DOC, _id=v), [(T, "a")]),
    ("get", "key", lambda db, v: db.get(v), BAD_KEY + [(T, None)]),
    ("in", "key", lambda db, v: v in db, BAD_KEY + [(T, None)]),
    ("db[]", "key", lambda db, v: db[v], BAD_KEY + [(T, None)]),
    ("del db[]", "key", lambda db, v: db.__delitem__(v), BAD_KEY + [(T, None)]),
    ("delete", "key", lambda db, v: db.delete(v), BAD_KEY + [(T, None)]),
    ("delete(purge=)", "purge", lambda db, v: db.delete(purge=v), BAD_FLAG),
    ("delete(key, purge)", "key", lambda db, v: db.delete(v, purge=True), [(T, "a"), (T, 5)]),
    ("ttl", "key", lambda db, v: db.ttl(v), BAD_KEY + [(T, None)]),
    ("expire(key, )", "key", lambda db, v: db.expire(v, 5), BAD_KEY + [(T, None)]),
    ("expire(, ttl)", "ttl", lambda db, v: db.expire("a", v), BAD_TTL),
    ("update(key, )", "key", lambda db, v: db.update(v, {"n": 2}), BAD_KEY + [(T, None)]),
    ("update(, changes)", "", lambda db, v: db.update("a", v), BAD_CHANGES),
    ("keys(start)", "start", lambda db, v: db.keys(v), BAD_BOUND),
    ("keys(end)", "end", lambda db, v: db.keys(None, v), BAD_BOUND),
    ("values(prefix)", "prefix", lambda db, v: db.values(prefix=v), BAD_BOUND),
    ("items(start)", "start", lambda db, v: db.items(start=v), BAD_BOUND),
    ("items(end)", "end", lambda db, v: db.items(end=v), BAD_BOUND),
    ("values(start)", "start", lambda db, v: db.values(v), BAD_BOUND),
    ("values(end)", "end", lambda db, v: db.values(end=v), BAD_BOUND),
    ("keys(prefix)", "prefix", lambda db, v: db.keys(prefix=v), BAD_BOUND),
    ("items(prefix)", "prefix", lambda db, v: db.items(prefix=v), BAD_BOUND),
    ("put_batch(items)", "items", lambda db, v: db.put_batch(v), [(T, v) for v in (None, 5, "x", b"x", {"a": 1}, {1}, True, Thing())]),
    ("put_batch([.. bad])", "items[1]", lambda db, v: db.put_batch([DOC, v, DOC]), BAD_DATA),
    (
        "put_batch([(bad key)])",
        "items[2]",
        lambda db, v: db.put_batch([DOC, ("a", {"n": 9}), (v, DOC)]),
        [i for i in BAD_KEY if isinstance(i[1], str)],
    ),
    ("put_batch(ttls)", "ttls", lambda db, v: db.put_batch([DOC, DOC], v), [i for i in BAD_TTL if not isinstance(i[1], (list, tuple))]),
    ("put_batch(ttls=[])", "ttls", lambda db, v: db.put_batch([DOC, DOC], [1, v]), BAD_TTL),
    ("put_batch(ttls=[])", "items[1]", lambda db, v: db.put_batch([DOC, DOC], [1, v]), BAD_TTL),
    ("put_batch(ttls) count", "ttls", lambda db, v: db.put_batch([DOC, DOC], v), [(V, v) for v in ([], [1], [1, 2, 3], (1,))]),
    ("put_batch(tags)", "tags", lambda db, v: db.put_batch([DOC, DOC], None, v), [(E, v) for _, v in BAD_TAGS[:-1]]),
    ("put_batch(tags) count", "tags", lambda db, v: db.put_batch([DOC, DOC], None, v), [(V, v) for v in ([["x"]], [["x"], None, ["y"]])]),
    (
        "put_batch(tags=[])",
        "tags",
        lambda db, v: db.put_batch([DOC, DOC], None, [["x"], v]),
        [i for i in BAD_TAGS[:-1] if not isinstance(i[1], str)],
    ),
    (
        "put_batch(tags=[])",
        "items[1]",
        lambda db, v: db.put_batch([DOC, DOC], None, [["x"], v]),
        [i for i in BAD_TAGS if not isinstance(i[1], str)],
    ),
    ("delete_batch", "keys", lambda db, v: db.delete_batch(v), [(T, v) for v in (None, 5, "a", b"a", bytearray(b"a"), True, 1.5, Thing())]),
    ("delete_batch([bad])", "keys[1]", lambda db, v: db.delete_batch(["a", v]), BAD_KEY + [(T, None)]),
    ("query(q)", "", lambda db, v: db.query(v), BAD_FILTER),
    ("find(q)", "", lambda db, v: list(db.find(v)), BAD_FILTER),
    ("count(q)", "", lambda db, v: db.count(v), BAD_FILTER),
    ("explain(q)", "", lambda db, v: db.explain(v), BAD_FILTER),
    ("delete_many(q)", "", lambda db, v: db.delete_many(v), BAD_FILTER + [(E, None)]),
    ("update_many(q, )", "", lambda db, v: db.update_many(v, {"n": 2}), BAD_FILTER + [(E, None)]),
    ("update_many(, changes)", "", lambda db, v: db.update_many({"n": 1}, v), BAD_CHANGES),
    ("query(sort=)", "sort", lambda db, v: db.query({}, sort=v), BAD_SORT),
    ("query(skip=)", "skip", lambda db, v: db.query({}, skip=v), BAD_WHOLE + [(E, None)]),
    ("query(limit=)", "limit", lambda db, v: db.query({}, limit=v), BAD_WHOLE + [(E, None)]),
    ("find(limit=)", "limit", lambda db, v: list(db.find({}, limit=v)), BAD_WHOLE),
    ("query(fields=)", "fields", lambda db, v: db.query({}, fields=v), BAD_FIELDS),
    ("find(fields=)", "fields", lambda db, v: db.find({}, fields=v), BAD_FIELDS),
    ("find(skip=)", "skip", lambda db, v: db.find({}, skip=v), BAD_WHOLE),
    ("find(sort=)", "sort", lambda db, v: db.find({}, sort=v), BAD_SORT),
    ("explain(sort=)", "sort", lambda db, v: db.explain({}, sort=v), BAD_SORT),
    ("explain(skip=)", "skip", lambda db, v: db.explain({}, skip=v), BAD_WHOLE),
    ("explain(limit=)", "limit", lambda db, v: db.explain({}, limit=v), BAD_WHOLE),
    ("query(keys=)", "keys", lambda db, v: db.query({}, keys=v), BAD_FLAG),
    ("find(keys=)", "keys", lambda db, v: db.find({}, v), BAD_FLAG),
    ("create_index", "path", lambda db, v: db.create_index(v), [c for c in BAD_PATH if c[1] != ["n"]] + DOLLARS + BAD_FIELD_LIST),
    ("create_index of an operator", "$n", lambda db, v: db.create_index(v), [(Q, "$n")]),
    ("drop_index", "path", lambda db, v: db.drop_index(v), [c for c in BAD_PATH[:-1] if c[1] != ["n"]] + BAD_FIELD_LIST),
    ("backup", "path", lambda db, v: db.backup(v), NOT_STR + [(V, ""), (V, "flash:"), (V, "bad.db"), (T, None)]),
    ("dump", "stream", lambda db, v: db.dump(v), NOT_STREAM),
    ("load", "stream", lambda db, v: db.load(v), NOT_STREAM),
]
BAD_NUMBER = [(T, v) for v in ("5", b"5", None, [], {}, True, Thing())] + [(V, v) for v in (-1, NAN, INF, -INF, 1 << 40, 1e30)]
CONSTRUCTOR = {
    "filename": [(T, v) for v in (5, None, b"x.db", ["x"], {}, True, 1.5, Thing())] + [(V, ""), (V, "a\0b.db")],
    "in_memory": BAD_FLAG,
    "adaptive_threshold": BAD_FLAG,
    "ram_percentage": BAD_NUMBER + [(V, 0), (V, 91), (V, 0.5)],
    "max_retries": BAD_NUMBER[:-5] + [(T, 1.5), (V, 101), (T, NAN)],
    "retry_delay": BAD_NUMBER + [(V, 61)],
    "lock_timeout": BAD_NUMBER + [(V, 3601)],
    "cleanup_interval": BAD_NUMBER + [(V, 0), (V, 86400 * 6 + 1)],
    "ttl_check_interval": BAD_NUMBER + [(V, 0), (V, 86400 * 6 + 1)],
    "btree_cachesize": BAD_NUMBER[:-5] + [(T, 32.5), (T, NAN), (V, 1 << 40)],
    "btree_pagesize": BAD_NUMBER[:-5] + [(V, v) for v in (0, 500, 511, 513, 256, 8192, 1 << 40)] + [(T, 512.0), (T, NAN)],
    "event_loop": [(T, v) for v in (5, "loop", True, [], {}, Thing(), b"x")],
    "flush_threshold": [(T, v) for v in ("5", b"5", [], {}, True, Thing(), 1.5)] + [(V, v) for v in (0, -1, 1001, 1 << 40)],
}

failed = []
tried = 0


def short(v, depth=0):
    if depth > 3:
        return "..."
    if isinstance(v, dict):
        return "{%s}" % ", ".join("%s: %s" % (short(k, depth + 1), short(v[k], depth + 1)) for k in v)
    if isinstance(v, (list, tuple)):
        return "[%s]" % ", ".join(short(x, depth + 1) for x in v[:3])
    if isinstance(v, str) and len(v) > 20:
        return "%r... (%d)" % (v[:10], len(v))
    return repr(v)[:60]


def attempt(what, name, call, kind, value):
    global tried
    tried += 1
    try:
        got = call(value)
    except Exception as e:
        if not isinstance(e, kind):
            failed.append("%s with %s: %s: %s" % (what, short(value), type(e).__name__, e))
        elif name not in str(e) or not str(e):
            failed.append("%s with %s does not name %r: %s: %s" % (what, short(value), name, type(e).__name__, e))
        elif len(str(e)) > 400:
            failed.append("%s with %s: a text of %d characters" % (what, short(value), len(str(e))))
    else:
        failed.append("%s takes %s and gives %s" % (what, short(value), short(got)))


def state(db):
    return list(db.items()), [db.ttl(k) is None for k in db], db.indexes(), [i for i in db._store.scan() if i[0] != b"\0m"], len(db)


for file in (False, True):
    db = MicroTetherDB("bad.db", in_memory=not file, ram_percentage=50)
    db.put("a", {"n": 1, "s": "text"}, tags=["x"])
    db.put("b", {"n": 2}, ttl=10000)
    db.put("c", [1, 2], tags=["y"])
    db.put("d", "text")
    db.put({"n": 5, "tags": ["own"]}, ttl=5000, tags=["x", "y"])
    db.create_index("n")
    db.put("e", {"n": 3})
    db.flush()
    was = state(db)
    for what, name, call, bad in TABLE:
        for kind, value in bad:
            if isinstance(value, str) and value == "bad.db" and not file:
                continue
            attempt(("file: " if file else "RAM: ") + what, name, lambda v: call(db, v), kind, value)
            if state(db) != was:
                failed.append("%s with %s changed the database" % (what, short(value)))
                was = state(db)
    # the longest that is allowed
    for key in ("k" * 128, "ä" * 64, "\x00" * 128):
        assert db.put(key, "x" * 8190, 1 << 29) == key and db[key] == "x" * 8190
        assert db.put(key, 1, 1 << 29, ["t" * 128]) == key and db.delete(key) == 1
    db.put("a", {"k" * 8186: 1})
    assert db.check()["ok"], db.check()
    db.close()
os.remove("bad.db")
for name, bad in CONSTRUCTOR.items():
    for kind, value in bad:
        attempt("MicroTetherDB(%s=)" % name, name, lambda v: MicroTetherDB(**{name: v}).close(), kind, value)
        if name != "filename" or isinstance(value, str):
            attempt(
                "MicroTetherDB(%s=), file" % name,
                name,
                lambda v: MicroTetherDB(**dict({"filename": "bad.db", "in_memory": False}, **{name: v})).close(),
                kind,
                value,
            )
        assert "bad.db" not in os.listdir("."), (name, short(value))
attempt("MicroTetherDB", "wrong", lambda v: MicroTetherDB(wrong=v), TypeError, 1)
attempt("MicroTetherDB", "filename", lambda v: MicroTetherDB("a", filename=v), TypeError, "a")
attempt("MicroTetherDB", "13", lambda v: MicroTetherDB(*v), TypeError, list(range(14)))
for line in failed:
    print(line)
print(tried, "tried,", len(failed), "failed")
assert not failed
print("OK")
