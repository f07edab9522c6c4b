# boards: unix m33
# SPEC section 4: what nests deeper than a chip's stack allows is a QueryError, and the database goes on.
import sys

from microtetherdb import MicroTetherDB, QueryError

deep = 1
for _ in range(21):
    deep = [deep]
nested = {"a": 2}
for _ in range(12):
    nested = {"$or": [nested, {"a": 3}, {"a": 4}]}
pattern = "(" * 9 + "a" + "b*)*" * 9

db = MicroTetherDB()
db.put("k", {"a": 1, "n": 5, "b": deep})
refused = 0
for call in (
    lambda: db.query(nested),
    lambda: list(db.find(nested)),
    lambda: db.count({"b": deep}),
    lambda: db.explain({"b": deep}),
    lambda: db.update("k", {"$addToSet": {"b": deep}}),
    lambda: db.query({"n": {"$regex": pattern}}),
):
    try:
        call()
    except QueryError as e:
        assert "stack" in str(e), e
        refused += 1
    assert db.count({"n": 5}) == 1
assert refused == (6 if sys.platform == "rp2" else 0), refused
assert len(db.query({}, sort="b")) == 1
db.close()
print("OK")
