# boards: unix unix32 m33 rv32
# qemu heap: 4m
# SPEC section 1: a generated key is never that of a record that is there, however it came there: loaded, put with a key, in a batch.
import io
import os

from flashsim import Flash
from microtetherdb import MicroTetherDB

regions = {}


def opened(medium, name):
    if medium == "ram":
        return MicroTetherDB(ram_percentage=20)
    if medium == "region":
        regions.setdefault(name, Flash(12))
    return MicroTetherDB(regions.get(name, name), in_memory=False)


def add(db, n, old):
    """n records with generated keys, one by one, and as many in a batch."""
    keys = [db.put({"old": old}) for _ in range(n)] + list(db.put_batch([{"old": old}] * n))
    assert len(set(keys)) == 2 * n == len(keys) and keys == sorted(keys), keys
    return keys


for medium in ("ram", "file", "region"):
    source = opened(medium, "a.db")
    sessions = 3
    n = 0
    for i in range(sessions):
        add(source, 3, True)
        n += 6
        if medium != "ram":
            source.close()
            source = opened(medium, "a.db")
    text = io.StringIO()
    assert source.dump(text) == n
    source.close()

    for began in (False, True):  # whether the new one has made keys before
        db = opened(medium, "b%d.db" % began)
        there = n
        if began:
            if medium == "ram":
                db._session = "%06x" % (int(text.getvalue()[8:14], 16) - 1)  # as if it had been drawn
            add(db, 2, False)
            there += 4
        before = len(db)
        text.seek(0)
        assert db.load(text) == n
        there = len(db)
        assert there == n + before or began and medium != "ram"  # those keys were in use: load() replaces, as it says
        for _ in range(sessions + 2):
            was = db.count({"old": True})
            add(db, 2, False)
            there += 4
            assert len(db) == there and db.count({"old": True}) == was == n, (medium, began, len(db), there)
            if medium != "ram":
                db.close()
                db = opened(medium, "b%d.db" % began)
        assert db.check()["ok"]

        # a key put by hand in front of the next ones
        key = db.put({"old": False})
        for ahead in (1, 2, 9):
            db.put("%012x" % (int(key, 16) + ahead), {"mine": ahead})
        for batch in (False, True):
            for _ in range(8):
                db.put_batch([{"x": 1}] * 3) if batch else db.put({"x": 1})
        assert db.count({"mine": {"$gt": 0}}) == 3 and db.count({"x": 1}) == 32
        last = "%06xffffff" % int(db.put({"x": 2})[:6], 16)
        db.put(last, {"mine": 4})
        db._keys_made = 0xFFFFFE
        assert len({db.put({"x": 3}) for _ in range(3)} - {last}) == 3 and db[last] == {"mine": 4}
        db.close()
    for name in os.listdir():
        if ".db" in name:
            os.remove(name)
print("OK")
