# boards: unix unix32 m33
# qemu heap: 4m
# SPEC section 4: nothing that comes from an untrusted source crashes the interpreter or hangs it; limits say which.

from expect import raises
from microtetherdb import MicroTetherDB, QueryError
from nightly import FEW

db = MicroTetherDB(ram_percentage=60)
db.put("a", {"a": "a" * 4000, "b": [[[[1]]]], "n": 5})


def nest(levels, make):
    q = {"a": 1}
    for _ in range(levels):
        q = make(q)
    return q


def nested_operator(levels, op):
    x = {"$gt": 5}
    for _ in range(levels):
        x = {op: x}
    return {"n": x}


for op in ("$and", "$or", "$nor"):
    assert db.query(nest(10, lambda q: {op: [q]})) in ([], [db["a"]])
    raises(QueryError, op, db.query, nest(13, lambda q: {op: [q]}))
    raises(QueryError, op, db.query, nest(2000, lambda q: {op: [q]}))
for op in ("$not", "$elemMatch"):
    db.query(nested_operator(10, op))
    raises(QueryError, op, db.query, nested_operator(13, op))
    raises(QueryError, op, db.query, nested_operator(2000, op))
deep = 1
for _ in range(2000):
    deep = [deep]
raises(QueryError, "deep", db.query, {"a": deep})
raises(QueryError, "deep", db.query, {"a": {"$in": [deep]}})
raises(QueryError, "", db.query, {".".join(["a"] * 100): 1})
assert db.query({".".join(["a"] * 20): 1}) == []
raises(QueryError, "400", db.query, {"$or": [{"n": i} for i in range(1000)]})
raises(QueryError, "400", db.query, {"f%d" % i: {"$exists": False} for i in range(500)})
assert len(db.query({"$or": [{"n": i} for i in range(300)]})) == 1
assert len(db.query({"n": {"$in": list(range(1000))}})) == 1
raises(QueryError, "1000", db.query, {"n": {"$in": list(range(1001))}})
raises(QueryError, "32", db.query, {}, sort=["a"] * 33)
raises(ValueError, "", db.update, "a", {"x": deep})
# texts and cycles that end the stack before any limit of ours
for text in ('{"a":%s}' % ("[" * 3000 + "]" * 3000), '{"x":' * 3000 + "1" + "}" * 3000):
    for call in (db.query, db.find, db.count, db.explain, db.delete_many):
        raises(QueryError, "", call, text)
    for op in ("$set", "$push", "$pull"):
        raises(QueryError, "stack", db.update, "a", '{"%s":{"b":%s}}' % (op, text))
        raises(QueryError, "stack", db.update_many, {}, '{"%s":{"b":%s}}' % (op, text))
loop = {}
loop["a"] = loop
for call in (
    db.query,
    db.count,
    lambda q: db.query({"a": {"$in": [q]}}),
    lambda q: db.query({}, fields=q),
    lambda q: db.update_many({}, {"$pull": q}),
):
    raises(QueryError, "", call, loop)

# regular expressions that hang or overflow a backtracking matcher
for pattern in ("(a+)+$", "(a*)*b", "(a|a)*b", "(a|aa)+$x", "a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)[^a]", "^(a?){50}a{50}c"):
    assert db.query({"a": {"$regex": pattern}}) == [] or pattern == "(a+)+$"
assert db.count({"a": {"$regex": "(a+)+$"}}) == 1
for pattern in ("(" * 50 + ")" * 50, "a" * 300, "(a{90}){90}", "x{5000}", "\\p{L}", "(?<=a)b", "(a)\\1", "(?=a)", "a++"):
    raises(QueryError, "$regex", db.query, {"a": {"$regex": pattern}})

# so does the work that a pattern makes: of compiling, and of a text with more states at a time than can be remembered
for pattern in (
    "((((({300}){300}){300}){300}){300})",
    "(((((){300}){300}){300}){300}){300}",
    "((((|){5}){300}){300}){300}",
    "((((a{0}){300}){300}){300}){300}",
):
    raises(QueryError, "$regex", db.query, {"a": {"$regex": pattern.replace("({", "(){")}})
db.put("b", {"a": ("a" * 59 + "b") * 60})
raises(QueryError, "$regex", db.query, {"a": {"$regex": "(a?){60}a{60}c|^b"}})
assert db.count({"a": {"$regex": "(a?){30}a{30}b"}}) == 1  # and the next query has a budget of its own
for i in range(60):  # many texts, each too short to be refused by itself
    db.put("c%02d" % i, {"c": ("a" * (1 + i) + "b") * 4})
raises(QueryError, "$regex", db.query, {"c": {"$regex": "(a?){60}(a|b){60}a{60}"}})
for i in range(60):
    db.delete("c%02d" % i)
db.delete("b")

# sums of rubbish: an answer or a QueryError, nothing else
import random

random.seed(9)
for _ in range(150 if FEW else 3000):
    pattern = "".join(random.choice("ab()[]{}|*+?^$\\.-1,:dwsbAZnx#") for _ in range(random.randrange(12)))
    try:
        db.count({"a": {"$regex": pattern, "$options": random.choice(("", "i", "m", "sx"))}})
    except QueryError as e:
        assert "$regex" in str(e), e
ATOMS = (
    "$and",
    "$or",
    "$not",
    "$elemMatch",
    "$in",
    "$gt",
    "$size",
    "$mod",
    "$all",
    "$type",
    "$regex",
    "$options",
    "a",
    "b.0",
    "$x",
    "$limit",
    "",
)


def rubbish(depth):
    r = random.random()
    if depth > 4 or r < 0.3:
        return random.choice((1, -1, "a", None, True, 1.5, "", "int", b"x", (), 1e300))
    if r < 0.5:
        return [rubbish(depth + 1) for _ in range(random.randrange(3))]
    return {random.choice(ATOMS): rubbish(depth + 1) for _ in range(random.randrange(3))}


# JSON text that was cut off is no shorter filter (MicroPython's own parser takes it)
text = '{"a":{"$gt":[1,"]}"]},"$limit":1}'
db.count(text)
n = len(db)
for end in range(len(text)):
    raises(QueryError, "whole JSON", db.delete_many, text[:end])
    raises(QueryError, "whole JSON", db.update_many, {}, text[:end])
assert len(db) == n

good = 0
for _ in range(300 if FEW else 6000):
    q = rubbish(0)
    try:
        db.count(q)
        good += 1
    except QueryError:
        pass
    try:
        db.update("a", q)
    except (QueryError, TypeError, ValueError):
        pass
assert good > (2 if FEW else 50), good
db.close()
print("OK")
