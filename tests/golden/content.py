"""What the golden files hold. On MicroPython: `content.py make FOLDER PAGESIZE` makes them, `content.py check FILE` opens one and compares.

Never change what is here for a format version that was released: add to it with the next one.
"""

import os
import sys

from microtetherdb import MicroTetherDB
from microtetherdb.records import clock
from expect import FakeTime
from files import contents, write
from flashsim import Flash

BLOCKS = 64
Y2000 = 600  # seconds since 2000: a clock that was not set yet
MADE = 26 * 365 * 86400  # when NTP answered
OPENED = MADE + 5 * 86400  # when the files are read
TEXT = 'quote " backslash \\ line\n tab\t \x01 ä € \U0001f600'
DOCUMENTS = {
    "text": TEXT, "none": None, "true": True, "false": False, "zero": 0, "negative": -12345, "big": 1 << 40, "float": 1.25, "list": [1, [2, {"a": None}], ""],
    "empty list": [], "empty": {}, "nested": {"a": {"b": [{"c": TEXT}]}}, "large": "x" * 8190, "page": {"p": "y" * 500}, "size that kills": {"p": "z" * 211},
    "\x00low": 1, "\x01low": 2, "ä" * 64: {"long": "key"},
}  # fmt: skip


def fill(db, time):
    """Write everything; returns the generated keys. Begins before the clock is set and ends after it."""
    db.put("before", {"clock": "not set"}, ttl=30 * 86400)
    time.go(100)
    time.step(MADE)  # NTP answers
    db.flush()
    for key in sorted(DOCUMENTS):
        db[key] = DOCUMENTS[key]
    for i in range(60):
        db.put("city%02d" % i, {"city": ["Oslo", "Wien", "Bern"][i % 3], "n": i, "pad": "p" * i}, tags=["even"] if i % 2 == 0 else None)
    db.create_index("city")
    db.create_index("n")
    for i in range(0, 60, 5):
        db.delete("city%02d" % i)
    db.update("city01", {"n": 1000})
    db.put("ttl", {"expires": "later"}, ttl=20 * 86400.5, tags=["ttl", "even"])
    db.put("gone", {"expires": "before it is read"}, ttl=86400)
    db.put("moved", 5, ttl=10)
    db.expire("moved", 40 * 86400)
    db.put("bare", [1, 2], tags=["bare"])
    made = db.put_batch([{"generated": i} for i in range(3)], ttls=[None, 60 * 86400, None])
    db.put("made", made)
    return made


def compare(db):
    """Raise unless the database holds what `fill` wrote, at the time OPENED."""
    assert db.check()["ok"], db.check()
    wanted = dict(DOCUMENTS)
    for i in range(60):
        if i % 5:
            wanted["city%02d" % i] = {"city": ["Oslo", "Wien", "Bern"][i % 3], "n": 1000 if i == 1 else i, "pad": "p" * i}
            if i % 2 == 0:
                wanted["city%02d" % i]["_tags"] = ["even"]
    wanted["before"] = {"clock": "not set"}
    wanted["ttl"] = {"expires": "later", "_tags": ["ttl", "even"]}
    wanted["moved"] = 5
    wanted["bare"] = [1, 2]
    made = db["made"]
    assert len(made) == 3 and made == sorted(made)
    wanted["made"] = made
    for i, key in enumerate(made):
        wanted[key] = {"generated": i}
    found = dict(db.items())
    # of what was written after the last flush, the first ones may be there: compaction flushes too
    for i in range(40):
        if found.pop("unflushed%d" % i, None) is None:
            break
        db.delete("unflushed%d" % i)
    for key in wanted:
        assert found.get(key, db) == wanted[key], key
    assert len(found) == len(wanted) == len(db), set(found) - set(wanted)
    for key, days in (("before", 30), ("ttl", 20), ("moved", 40), (made[1], 60)):
        left = db.ttl(key) - (days - 5) * 86400
        assert -200 < left < 200, (key, left)
    assert db.ttl("text") is None and db.ttl(made[0]) is None and "gone" not in db
    assert db.indexes() == ["city", "n"] and db.explain({"city": "Wien"})["index"] == "city"
    assert sorted(k for k, _ in db.query({"city": "Wien"}, keys=True)) == sorted(
        k for k in found if isinstance(found[k], dict) and found[k].get("city") == "Wien"
    )
    assert db.count({"n": {"$gte": 58}}) == 3 and db.count({"tags": "even"}) == 25 and db.count({"tags": "bare"}) == 1
    # and it goes on
    new = db.put({"generated": 3})
    assert new > made[2]
    for i in range(200):
        db.put("more%d" % (i % 20), {"city": "Rom", "n": i}, tags=["even"], ttl=100)
    assert db.count({"city": "Rom"}) == 20 and db.delete("text") == 1
    return new


def region(image=None):
    flash = Flash(BLOCKS)
    if image is not None:
        for i in range(BLOCKS):
            data = image[i * flash.block : (i + 1) * flash.block]
            flash.data[i] = data + b"\xff" * (flash.block - len(data))
    return flash


def bytes_of(target):
    if isinstance(target, str):
        assert target.rsplit("/", 1)[1] + ".new" not in os.listdir(target.rsplit("/", 1)[0])
        return contents(target)
    used = max(i for i in range(BLOCKS) if target.data[i] != b"\xff" * target.block)
    return b"".join(target.data[: used + 1]).rstrip(b"\xff")  # erased flash at the end is not kept


def make(folder, pagesize):
    for name in ("closed.db", "cut.db", "closed.region", "cut.region"):
        time = clock.time = FakeTime(Y2000)
        path = folder + "/" + name
        target = flash = region()
        if name.endswith(".db"):
            target = path + ".tmp"
        db = MicroTetherDB(target, in_memory=False, btree_pagesize=pagesize)
        fill(db, time)
        if name.startswith("cut"):
            # as a power cut leaves it: never closed, and something after the last commit
            db.flush()
            db._fixed = db._next = 1 << 20
            for i in range(40):
                db.put("unflushed%d" % i, {"p": "u" * 300})
            write(path, bytes_of(target))
            db.close()
        else:
            db.close()
            write(path, bytes_of(target))
        if flash is not target:
            os.remove(target)


def check(path):
    target = path
    if path.endswith(".region"):
        target = region(contents(path))
    clock.time = FakeTime(OPENED)
    with MicroTetherDB(target, in_memory=False) as db:
        new = compare(db)
    with MicroTetherDB(target, in_memory=False) as db:
        assert db[new] == {"generated": 3} and "text" not in db and db["more7"]["n"] == 187 and db.check()["ok"]


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    else:
        check(sys.argv[2])
    print("OK")
