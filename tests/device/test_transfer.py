# boards: unix unix32 m33
# heap: 190k
# SPEC section 5: check(), backup(), dump() and load().
import asyncio
import io
import os
import sys
import time
from microtetherdb import DBLock, MicroTetherDB
import microtetherdb.backup as transfer
from expect import raises


def fill(db):
    db.put("\x00low", {"a": 1})
    db.put("plain", {"a": "\u20ac\n"})
    db.put("tagged", {"b": [1, 2]}, tags=["x", "y"])
    db.put("list", [1, None], tags=["z"], ttl=500)
    db.put("ttl", {"c": 1.5}, ttl=1000)
    db.put("gone", 1, ttl=0.001)
    for i in range(30):
        db.put("n%02d" % i, {"n": i})
    db.create_index("n")
    time.sleep_ms(10)


def content(db):
    return {k: v for k, v in db.items()}


for ram in (True, False):
    db = MicroTetherDB("tr.db", in_memory=ram)
    fill(db)
    report = db.check()
    assert report["ok"] and report["found"] == 0 and report["records"] >= 35, report
    assert report["entries"] > 30
    assert ram or report["pages"] > 5
    want = content(db)

    # a copy, replaced when complete
    assert db.backup("copy.db") >= len(want)
    db.put("later", 1)
    assert db.backup("copy.db") >= len(want) + 1
    raises(ValueError, "path", db.backup, "tr.db" if not ram else "")
    raises(TypeError, "path", db.backup, 5)
    with MicroTetherDB("other.db", in_memory=False):
        raises(DBLock, "other.db", db.backup, "other.db")  # another one that is open
    db.backup("other.db")
    os.remove("other.db")
    with MicroTetherDB("copy.db", in_memory=False) as copy:
        want["later"] = 1
        assert content(copy) == want, (content(copy), want)
        assert 990 < copy.ttl("ttl") <= 1000 and 490 < copy.ttl("list") <= 500
        assert copy.explain({"n": 5})["index"] == "n" and len(copy.query({"n": 5})) == 1
        assert copy.check()["ok"], copy.check()
        assert copy.stats()["ttls"] in (2, 3)

    # what changes while the copy is made is in it
    steps = transfer.backup_steps(db, "copy.db")
    for _ in range(2):
        next(steps)
    db.put("\x00low", {"a": 2})
    db.delete("plain")
    db.put("zz", 1, ttl=100)
    db.put_batch([("aa", 1), ("zzz", 2)])
    for _ in steps:
        pass
    asyncio.run(db.backup_async("copy2.db"))
    with MicroTetherDB("copy2.db", in_memory=False) as copy:
        assert content(copy) == content(db)
    os.remove("copy2.db")
    with MicroTetherDB("copy.db", in_memory=False) as copy:
        a = content(copy)
        b = content(db)
        assert a == b, [(k, a.get(k), b.get(k)) for k in set(a) | set(b) if a.get(k) != b.get(k)]
        assert copy.check()["ok"], copy.check()
        assert 90 < copy.ttl("zz") <= 100

    # JSON lines
    s = io.StringIO()
    n = db.dump(s)
    assert n == len(db) == s.getvalue().count("\n")
    with MicroTetherDB() as other:
        assert other.load(io.StringIO(s.getvalue())) == n
        assert content(other) == content(db)
        assert 90 < other.ttl("zz") <= 100 and other.ttl("aa") is None
        assert len(other.query({"tags": "x"})) == len(db.query({"tags": "x"})) == 1
        raises(ValueError, "record 1", other.load, io.StringIO("nonsense\n"))
        raises(ValueError, "record 2", other.load, io.StringIO('{"_id":"ok","data":1}\n\n{"_id":5,"data":1}\n'))
        line = s.getvalue().split("\n")[0]
        for end in range(1, len(line), 1 if sys.platform != "rp2" else 11):  # a transfer that broke off
            raises(ValueError, "record 1", other.load, io.StringIO(line[:end]))
        raises(TypeError, "stream", other.load, "path")
    raises(TypeError, "stream", db.dump, "path")
    db.close()

os.remove("tr.db")
os.remove("copy.db")
print("OK")
