# boards: unix unix32
# nightly: m33 rv32
"""SPEC 3, 4: whatever gives a database its first TTL, tags or index, the changes after it keep the other entries in step, also once opened again."""

import os

from files import restarted
from microtetherdb import MicroTetherDB

KEY = "key"

FIRST = {
    "put ttl": lambda db: db.put(KEY, {"n": 1}, ttl=500),
    "expire": lambda db: (db.put(KEY, {"n": 1}), db.expire(KEY, 500)),
    "expire, in a batch": lambda db: (db.put_batch([(KEY, {"n": 1})]), db.expire(KEY, 500)),
    "put tags": lambda db: db.put(KEY, {"n": 1}, tags=["a"]),
    "tags by update": lambda db: (db.put(KEY, {"n": 1}), db.update(KEY, {"_tags": ["a"]})),
    "tags by update_many": lambda db: (db.put(KEY, {"n": 1}), db.update_many({"n": 1}, {"_tags": ["a"]})),
    "batch ttls": lambda db: db.put_batch([(KEY, {"n": 1})], ttls=500),
    "batch tags": lambda db: db.put_batch([(KEY, {"n": 1})], tags=["a"]),
    "_tags": lambda db: db.put(KEY, {"n": 1, "_tags": ["a"]}),
    "index": lambda db: (db.put(KEY, {"n": 1}), db.create_index("n")),
}
THEN = {
    "put": lambda db: db.put(KEY, {"n": 2}),
    "batch": lambda db: db.put_batch([(KEY, {"n": 2})]),
    "delete": lambda db: db.delete(KEY),
    "delete_batch": lambda db: db.delete_batch([KEY]),
    "expire": lambda db: db.expire(KEY, 9),
    "no expiry": lambda db: db.expire(KEY, 0),
    "update": lambda db: db.update(KEY, {"n": 3}),
    "purge": lambda db: db.delete(purge=True),
}


def sound(db, what):
    report = db.check()
    assert report["ok"], (what, report)
    assert db.stats()["ttls"] == sum(1 for k in db.keys() if db.ttl(k) is not None), what
    assert db.count({"n": 2}) == sum(1 for _, d in db.items() if d.get("n") == 2), what
    assert db.count({"tags": "a"}) == sum(1 for _, d in db.items() if "a" in d.get("_tags", ())), what


for file in (False, True):
    for first, begin in FIRST.items():
        for then, change in THEN.items():
            for between in ("", "flush", "reopen") if file else ("",):
                what = (file, first, then, between)
                restarted()
                db = MicroTetherDB("link.db", in_memory=not file)
                try:
                    begin(db)
                except (ValueError, TypeError) as e:
                    assert "tags" in first, (what, e)  # not to be changed in this way
                if between:
                    db.flush()
                if between == "reopen":
                    db.close()
                    db = MicroTetherDB("link.db", in_memory=False)
                change(db)
                sound(db, what)
                if file:
                    db.close()
                    db = MicroTetherDB("link.db", in_memory=False)
                    sound(db, what)
                    db.put(KEY, {"n": 2})
                    sound(db, what)
                db.close()
                if file:
                    os.remove("link.db")
print("OK")
