# boards: unix unix32 m33
# heap: 1m
# qemu heap: 1m
# SPEC section 2: the encoder in C (ports/record) and its twin in Python write the same bytes, and take the same documents.
import random
import sys
from collections import OrderedDict, namedtuple

import _mtdb_record
from microtetherdb import MicroTetherDB
from microtetherdb.records import encoder, plain, record

SMALL = sys.platform not in ("linux", "darwin")
STAMP = b"\x00\xed\xff\x02\x03\x04"
INF = float("inf")
assert record.plain is _mtdb_record.plain


def twin(data, tags, stamp):
    try:
        return encoder._encode(data, tags, stamp, "data")
    except (TypeError, ValueError) as e:
        return e


def both(data, tags=None, stamp=None, left=False):
    """Compare both; `left`: the one in C may leave it to its twin. Returns the record, or the twin's error."""
    quick = _mtdb_record.encode(data, tags, stamp)
    slow = twin(data, tags, stamp)
    if isinstance(slow, Exception):
        assert quick is None, (quick, slow)
        try:
            encoder.encode(data, tags, stamp)
        except type(slow) as e:
            assert str(e) == str(slow)
        else:
            assert False, slow
    else:
        assert type(slow) is bytes
        assert quick == slow or (left and quick is None), (quick, slow)
        assert encoder.encode(data, tags, stamp) == slow
    if tags is None and stamp is None:
        own = isinstance(data, dict) and ("tags" in data or "_tags" in data)
        short = _mtdb_record.plain(data)
        assert short == (None if own else quick), (short, quick)
        assert plain.plain(data) in (None, short) or left
    return slow


def taken(data, tags=None, stamp=None, left=False):
    found = both(data, tags, stamp, left)
    assert type(found) is bytes, found
    return found


def refused(data, tags=None, stamp=None):
    found = both(data, tags, stamp)
    assert isinstance(found, Exception), found


def nested(depth, make, inner=0):
    for _ in range(depth):
        inner = make(inner)
    return inner


class Derived:
    pass


class Str(str):
    pass


class Int(int):
    pass


class Dict(dict):
    pass


class List(list):
    pass


class Float(float):
    pass


POINT = namedtuple("POINT", ("x", "y"))

# Values that are no matter where: each alone, in lists, as members, with tags and with a stamp.
GOOD = [
    None, True, False, 0, -1, 7, 1 << 29, (1 << 30) - 1, 1 << 30, -(1 << 30), -(1 << 30) - 1, 1 << 31, (1 << 62) - 1, 1 << 62,
    -(1 << 62) - 1, -(1 << 63), 1 << 64, 10**40, -(10**40), 0.0, -0.0, 0.1, 1.5, -2.25, 21.53, 1e10, 1e16, 1e22, 123456789.0, 1e37,
    9.9e37, -9.9e37, 1e-5, 1e-30, 5e-324, "", "a", "ä", "\u20ac", "\ud7ff", "\ue000", "\U0001f600", "\x7f", "\x80", "a\nb\rc\td",
    '"', "\\", '\\"', "/", "".join(chr(i) for i in range(300)), "\x00", "x" * 300, "\u07ff\u0800", {}, [], (), (1,), [[]], [{}],
    {"": ""}, {"a": {}}, {"a": []}, {'"': "\n"}, OrderedDict((("b", 1), ("a", [2]))), {"tags": 1}, {"a": {"tags": 1, "_tags": 5}},
    ["_tags", {"_tags": []}], {"tags_": 1, "_tag": 2, "ta": 3, "_": 4, "t": 5}, [None, True, [1.5, {"k": (1, "x")}]],
]  # fmt: skip
BAD = [
    INF, -INF, INF - INF, b"", b"x", bytearray(1), memoryview(b"x"), object(), Derived(), Derived, Str("x"), Int(1), Dict(), List(),
    Float(1.5), POINT(1, 2), range(3), iter([]), {1, 2}, 1j, len, sys, {1: 2}, {None: 1}, {b"a": 1}, {1.5: 1}, {True: 1}, {Str("a"): 1},
    {("a",): 1}, "\ud800", "x\udbff", "\udfff", "\udc00y", {"\ud900": 1}, [[], (INF,)], {"a": {"b": [b"x"]}},
]  # fmt: skip
WHERE = (lambda x: x, lambda x: [x], lambda x: (0, x, "z"), lambda x: {"k": x, "z": 1}, lambda x: [{"a": {"b": (x, x)}}])

for where in WHERE:
    for value in GOOD:
        taken(where(value))
        taken(where(value), ["a", "ü\n"], STAMP)
    for value in BAD:
        refused(where(value))
        refused(where(value), ("t",), STAMP)

# Large floats are the twin's.
for x in (1e38, -1e38, 1.5e38, 3.3e38, 1.7e308, -1.7e308, 1e300):
    both(x, left=True)
    both({"a": [x]}, ["t"], left=True)

# Depth: 24 lists or dicts, and what is in the innermost.
for make in (lambda x: [x], lambda x: (x,), lambda x: {"a": x}, lambda x: OrderedDict((("a", x),))):
    taken(nested(24, make))
    taken(nested(24, make), ["t"], STAMP)
    refused(nested(25, make))
    refused(nested(25, make), ["t"])
    refused(nested(200, make))
    taken(nested(23, make, []))
    refused(nested(24, make, []))
    refused(nested(24, make, {}))

# A document in itself.
a = []
a.append(a)
refused(a)
a = [1] * 500
for i in range(500):
    a[i] = a
for stamp in (None, STAMP):  # the twin in Python takes ages
    assert _mtdb_record.encode(a, ["t"], stamp) is None and _mtdb_record.plain(a) is None
a = {}
a["a"] = {"b": [a]}
refused(a)
a["a"] = a = None

# Size: 8,192 bytes of text, its header apart.
for n in (8190, 8191):
    found = both("x" * n)
    assert (n == 8190) is (type(found) is bytes)
    assert isinstance(both({"": "x" * (n - 5)}), Exception) is (n == 8191)
    assert isinstance(both({"": "x" * (n - 5)}, None, STAMP), Exception) is (n == 8191)
    assert isinstance(both({"": "x" * (n - 5 - 14)}, ["a"], STAMP), Exception) is (n == 8191)
    assert isinstance(both("x" * (n - 25), ["a"], STAMP), Exception) is (n == 8191)
    assert isinstance(both("x" * (n - 6) + "\x01"), Exception) is (n == 8191)
for n in range(8180, 8196):
    both("x" * n)
    both("x" * (n - 4) + "\U0001f600")
    both("x" * (n - 3) + "\n\n")
    both(["x" * (n - 10), 1.5])
    both(["x" * (n - 10), 123456])
    both(["x" * (n - 10), 1 << 70], left=True)
    both(["x" * (n - 10), None, {}])
    both({"a": ["x" * (n - 20)]}, ("b", "c"))
refused("x" * 20000)
refused(["x" * 5000, "y" * 5000])
refused([0] * 5000)
refused(10**9000)

# Tags, given and its own.
for tags in ([], (), ["a"], ("a", "b"), ["x" * 128], ["ü" * 64], ['"', "\n"], [str(i) for i in range(40)]):
    for data in (
        {},
        {"a": 1},
        {"_tags": ["q"]},
        {"_tags": []},
        {"_tags": (), "b": 2},
        {"a": 1, "_tags": ["q", "r"], "b": 2},
        5,
        "s",
        [1],
        [],
    ):
        taken(data, tags)
        taken(data, tags, STAMP)
        if tags:
            taken({"_tags": tags, "a": 1})
            taken(OrderedDict((("z", 1), ("_tags", tags), ("a", 2))), None, STAMP)
for tags in (
    "a",
    b"a",
    5,
    [5],
    [""],
    ["a", ""],
    ["x" * 129],
    ["ü" * 65],
    [b"a"],
    [None],
    [Str("a")],
    {"a": 1},
    {"a"},
    List(["a"]),
    True,
    ["\ud800"],
):
    refused({"a": 1}, tags)
    refused("text", tags, STAMP)
    if tags != ["\ud800"]:
        refused({"a": 1, "_tags": tags})
        both({"_tags": tags}, ["other"])  # its own are left out, if JSON could carry them
refused({"_tags": None})
refused({"_tags": {}}, [])
refused(Dict(a=1), ["a"])

# Dicts with holes, and keys that are no interned names.
d = {"key %d" % i: i for i in range(40)}
for i in range(0, 40, 3):
    del d["key %d" % i]
taken(d)
d["_" + "tags"] = ["a"]
taken(d)
taken(d, ["b"])
assert _mtdb_record.plain({"".join(("_ta", "gs")): ["a"]}) is None and _mtdb_record.plain({"".join(("ta", "gs")): 1}) is None

# What is refused, and why, is what the database says.
with MicroTetherDB() as db:
    for value in BAD:
        error = twin({"a": value}, None, None)
        for put in (lambda: db.put("k", {"a": value}), lambda: db.put({"a": value}, ttl=5), lambda: db.put("k", {"a": value}, tags=["t"])):
            try:
                put()
            except (TypeError, ValueError) as e:
                assert str(e) == str(error), (e, error)
            else:
                assert False, value
    assert len(db) == 0


# Any documents.
TEXT = 'abz019 _."\\/\n\r\t\x00\x1f\x7fäü\u20ac\ud7ff\ue000\U0001f600'
KEYS = ("a", "temp", "tags", "_tags", "", "ü", 'q"', "tag", "_tag", "a longer name of a field")
pick = random.getrandbits


def text():
    return "".join([TEXT[pick(8) % len(TEXT)] for _ in range(pick(3))])


def number():
    k = pick(2)
    if k == 0:
        return pick(8) - 128
    if k == 1:
        return (pick(30) << 30 | pick(30)) * (1 - pick(1) * 2) << pick(4)
    if k == 2:
        return (pick(20) - 500000) / 100
    return (pick(30) - (1 << 29)) * 10.0 ** (pick(6) - 36)


def value(depth):
    k = pick(4)
    if k < 5:
        return number()
    if k < 9:
        return text()
    if k == 9:
        return (None, True, False, 1.0)[pick(2)]
    if k == 15 and pick(4) == 0:
        return BAD[pick(8) % len(BAD)]
    if depth == 0:
        return k
    return dictionary(depth - 1) if k < 13 else [value(depth - 1) for _ in range(pick(2))] if k < 15 else (value(depth - 1),)


def dictionary(depth):
    out = OrderedDict() if pick(4) == 0 else {}
    for _ in range(pick(2)):
        out[KEYS[pick(8) % len(KEYS)] if pick(2) else text()] = value(depth)
    if out and pick(3) == 0:
        del out[list(out)[0]]
    return out


def tags():
    k = pick(3)
    return None if k < 4 else [] if k == 4 else [text() for _ in range(pick(2))] if k == 5 else ("t", "ü")


random.seed(16)
good = 0
n = 1500 if SMALL else 100000 if sys.maxsize > 1 << 31 else 20000
for i in range(n):
    data = dictionary(3) if pick(2) else value(4)
    t = tags()
    stamp = STAMP if pick(1) else None
    quick = _mtdb_record.encode(data, t, stamp)
    slow = twin(data, t, stamp)
    if type(slow) is bytes:
        # Half a surrogate pair within "_tags" that are left out is the twin's.
        assert quick == slow or (quick is None and t and "_tags" in data), (data, t, quick, slow)
        good += 1
    else:
        assert quick is None, (data, t, quick, slow)
    if i % 8 == 0:
        short = _mtdb_record.plain(data)
        assert (
            short is None
            if isinstance(data, dict) and ("tags" in data or "_tags" in data)
            else short == _mtdb_record.encode(data, None, None)
        )
assert n * 6 // 10 < good < n * 99 // 100, (good, n)


# A stack that is nearly used up.
deep = nested(12, lambda x: {"a": [x]}, 5)
whole = _mtdb_record.plain(deep)


def down(n):
    try:
        assert _mtdb_record.plain(deep) == whole
    except RuntimeError:
        return n
    return down(n + 1)


assert down(0) > 5
print("OK")
