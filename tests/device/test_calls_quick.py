# boards: unix unix32
# nightly: m33 rv32
# SPEC sections 2 and 3: put and delete in C (ports/record/calls.c, tags.c) do what their twins in Python do.
import random

import _mtdb_record
import microtetherdb
from microtetherdb import MicroTetherDB, database
from microtetherdb.query import index_entries

assert MicroTetherDB.put is _mtdb_record.put and database.MicroTetherDB.delete is _mtdb_record.delete


class Twin(MicroTetherDB):
    """What C leaves its calls to: `put` and `delete` with a keyword that it does not take, and what that is without it."""

    def _any_put(self, *args, **kw):
        if len(args) == 2 and not kw:
            return self._put(*args)
        return database.module("arguments").put(self, args, kw)

    def _any_delete(self, key):
        return self.delete(key, purge=False)


random.seed(7)


def outcome(call, *args, **kw):
    try:
        return call(*args, **kw)
    except Exception as e:
        return type(e), str(e)


def state(db):
    return [(k, db._store.get(k)) for k in db._store.scan(None, None, 1)], db._made, db._deletes, db._linked, len(db._expiry or ())


KEYS = ["a", "k1", "x" * 32, "x" * 33, "ü" * 16, "ü" * 17, "\x01", "\x02", "", "\x00a", None, 5, b"a", "y" * 128, "y" * 129]
DATA = [
    {"a": 1},
    {},
    {"tags": ["t"]},
    {"_tags": ["u"]},
    {"_tags": []},
    [1],
    "text",
    None,
    5,
    {"x": 1.5},
    {1: 2},
    {"x": b""},
    {"a": "z" * 9000},
]
MORE = [
    {}, {}, {"ttl": 60}, {"ttl": 0}, {"ttl": None}, {"ttl": 1.5}, {"ttl": -1}, {"ttl": True}, {"ttl": 1 << 29}, {"ttl": (1 << 29) + 1},
    {"ttl": 1 << 70}, {"ttl": "1"}, {"tags": ["a", "b"]}, {"tags": ("a",)}, {"tags": []}, {"tags": None}, {"tags": "a"}, {"tags": [""]},
    {"tags": ["a", "a"]}, {"tags": ["x" * 128]}, {"tags": ["x" * 129]}, {"tags": ['"', "\\"]}, {"tags": [str(i) for i in range(9)]},
    {"tags": ["a"], "ttl": 9}, {"ttl": 9, "tags": None}, {"tags": ["b"], "other": 1}, {"_id": "k"}, {"data": 5}, {"key": "k"},
]  # fmt: skip

# The same calls on two databases, one by C and one by Python.
quick = MicroTetherDB(ram_percentage=20)
slow = Twin(ram_percentage=20)
slow._clock = quick._clock  # the same stamps
quick._clock.seconds = lambda: 100
for _ in range(3000):
    key = random.choice(KEYS)
    if random.getrandbits(2):
        data = random.choice(DATA)
        more = random.choice(MORE)
        args = (key, data)
        if type(key) is not str:
            continue  # a generated key is another one in each database
        found = outcome(quick.put, *args, **more)
        assert found == outcome(slow._any_put, *args, **more), (args, more, found)
    else:
        found = outcome(quick.delete, key)
        assert found == outcome(slow._any_delete, key), (key, found)
    if random.getrandbits(5) == 0:
        assert state(quick) == state(slow)
assert state(quick) == state(slow)
for key in KEYS:
    assert outcome(quick.delete, key) == outcome(slow._any_delete, key)

# What does not fit: no argument, too many, another class's instance.
for wrong in ((), (quick,), (quick, "a", 1, 2, 3, 4, 5, 6)):
    assert outcome(MicroTetherDB.put, *wrong)[0] is TypeError, wrong
assert outcome(MicroTetherDB.put, 5, "a", 1)[0] in (AttributeError, TypeError)
unopened = object.__new__(MicroTetherDB) if hasattr(object, "__new__") else None
if unopened is not None:
    assert outcome(unopened.put, "a", 1)[0] is AttributeError

# A closed database says so, by each of them.
quick.close()
slow.close()
for call in (
    lambda: quick.put("a", {}),
    lambda: quick.delete("a"),
    lambda: quick.put("a", {}, ttl=5),
    lambda: quick.put("a", 1, tags=["a"]),
):
    assert outcome(call)[0] is microtetherdb.DBClosed, outcome(call)


class Derived(MicroTetherDB):
    def put(self, *args, **kw):
        self.seen = args
        return super().put(*args, **kw)


with Derived() as db:
    assert db.put("k", {"a": 1}, ttl=5) == "k" and db.seen == ("k", {"a": 1}) and db.get("k") == {"a": 1} and db.delete("k") == 1
    assert len(db.put({"a": 2})) == 12

# The entries of tags: C's and Python's.
WORDS = ["a", "b", "ü", "a" * 52, "a" * 53, "a" * 54, "a" * 55, "a" * 56, "a" * 55 + "b", "a" * 53 + "b", "]", '"', "\\", "a,b", '","', "tags", '"_tags":["', "x}"]  # fmt: skip
TEXTS = [b'{"_tags":["a"]}', b'{"a":1,"_tags":["a","b"]}  ', b'{"x_tags":["a"]}', b'{"\\"_tags":["a"]}', b'{"x":{"_tags":["a"]}}', b'{"tags":["a"]}',
         b'{"_tags":["a"],"b":1}', b'{"_tags":["a"', b'{"_tags":["a"]', b'{"a":"tags\\":","_tags":["c"]}', b'{"tags":["a"],"_tags":["b"]}', b'{"_tags":[]}', b"{}"]  # fmt: skip


class Fake:
    _indexes = _moves = None


def entries(old, new, quick):
    out = []
    if not (quick and _mtdb_record.tag_changes(old, new, b"key", out)):
        index_entries.changes(Fake, b"key", old, new, out)
    return sorted(out, key=lambda c: (c[1] is None, c[0]))


def record(i):
    if i < len(TEXTS):
        return None if b"]" not in TEXTS[i][-3:] else TEXTS[i]
    tags = [random.choice(WORDS) for _ in range(random.randrange(1, 10))]
    return database.module("records.encoder").encode(random.choice(({}, {"a": 1}, [1])), tags)


taken = 0
for i in range(2000):
    old = record(i) if i < len(TEXTS) else record(random.randrange(100))
    new = record(random.randrange(100))
    for a, b in ((old, new), (None, new), (old, None)):
        out = []
        taken += _mtdb_record.tag_changes(a, b, b"key", out)
        assert entries(a, b, True) == entries(a, b, False), (a, b)
assert taken > 500, taken

# A member whose name only ends like that of the tags is none of them.
with MicroTetherDB() as db:
    db.put("x", {}, tags=["y"])
    for i, text in enumerate(({'"_tags': ["x"]}, {"x_tags": ["x"]}, {"a": {"_tags": ["x"]}})):
        db.put("k%d" % i, text)
    assert db.query({"tags": "x"}) == [] and db.count({"tags": "y"}) == 1
print("OK")
