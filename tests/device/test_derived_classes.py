# boards: unix unix32 m33
# qemu heap: 4m
# SPEC section 1: what JSON cannot carry is refused, by name, and changes nothing: derived classes print themselves in their own way,
# and half of a surrogate pair is no UTF-8.
from collections import OrderedDict, namedtuple

from microtetherdb import MicroTetherDB, QueryError

P = namedtuple("P", "x y")


class S(str):
    pass


class T(str):
    def __repr__(self):
        return "broken"


class D(dict):
    pass


class L(list):
    pass


db = MicroTetherDB(ram_percentage=30)
BAD = [
    P(1, 2),
    {"a": P(1, 2)},
    {"a": [P(1, 2)]},
    {S("f"): 1},
    {"a": {S("f"): 1}},
    {"a": S("x")},
    {"a": T("x")},
    [S("x")],
    {"a": D()},
    {"a": L()},
    D(a=1),
]
HALVES = [{"a": "\ud800"}, {"a": ["x\udfff"]}, {"\ud83d": 1}, "\ud800", {"a": {"b": "\udc00"}}]
calls = (
    lambda d: db.put("k", d),
    lambda d: db.put(d),
    lambda d: db.put("k", d, tags=["t"]),
    lambda d: db.put("k", d, ttl=100),
    lambda d: db.put_batch([("j", {"a": 1}), ("k", d)]),
    lambda d: db.put_batch([{"f": 1}, d]),
    lambda d: db.put_batch([("k", d)], ttls=60),
    lambda d: db.__setitem__("k", d),
)
db.put("k", {"good": 1})
db.create_index("a")
for bad in BAD + HALVES:
    for i, call in enumerate(calls):
        try:
            call(bad)
            assert False, (i, bad)
        except (TypeError, ValueError) as e:
            assert str(e) and "syntax" not in str(e), (i, bad, e)
            if bad in HALVES:
                assert "surrogate" in str(e), (i, bad, e)
        assert len(db) == 1 and db["k"] == {"good": 1}, (i, bad)
for tags in ([S("t")], [P(1, 2)], L(["a"]), P("a", "b"), ["\ud800"]):
    try:
        db.put("k", {"a": 1}, tags=tags)
        assert False, tags
    except (TypeError, ValueError) as e:
        assert "tags" in str(e) or "surrogate" in str(e), e
assert db.check()["ok"] and db["k"] == {"good": 1}

# all that is alike and whole is kept
for good in (
    {"a": (1, [2])},
    OrderedDict((("z", 1), ("a", 2))),
    {"k": "\ud7ff\ue000\uc740"},
    {"k": "한글"},
    [True, None, 1.5, "\xed\xa0\x80"],
):
    db.put("g", good)
    again = db["g"]
    assert again == (list(good) if isinstance(good, list) else {k: [1, [2]] if v == (1, [2]) else v for k, v in good.items()}), again
    db.put_batch([("h", good)])
    assert db["h"] == again

# an index into an array is written without leading zeros
db.put("n", {"a": [5]})
for path in ("a.00", "a.01", "a.000"):
    try:
        db.update("n", {"$set": {path: 1}})
        assert False, path
    except QueryError as e:
        assert path in str(e) or path[2:] in str(e), e
assert db["n"] == {"a": [5]} and db.update("n", {"$set": {"a.0": 6}}) == 1 and db["n"] == {"a": [6]}
db.close()
print("OK")
