# boards: unix unix32
"""Positions in a file have 29 bits: near 512 MB the log goes on in a new file, and a change that cannot is refused."""

import os

from microtetherdb import DBFull, MicroTetherDB

LIMIT = 1 << 29


def grown(db, to):
    """As if so much had been written: a hole of a file of the host."""
    db.flush()
    medium = db._store.log.medium
    medium._close_out()
    with open("limit.db", "r+b") as f:
        f.seek(to - 1)
        f.write(b"\0")
    medium.end = medium._written = medium._seen = to
    medium._free = None
    medium._aim()


def remove():
    for end in ("", ".new"):
        try:
            os.remove("limit.db" + end)
        except OSError:
            pass


for left in (1, 100, 1000, 30000, 60000, 100000, 200000):
    remove()
    db = MicroTetherDB("limit.db", in_memory=False)
    model = {}
    for i in range(100):
        db.put("k%02d" % i, {"p": "x" * i})
        model["k%02d" % i] = {"p": "x" * i}
    grown(db, LIMIT - left)
    refused = 0
    for i in range(600):
        key = "k%02d" % (i * 7 % 120)
        try:
            db.put(key, {"n": i, "p": "y" * 400})
            model[key] = {"n": i, "p": "y" * 400}
        except DBFull:
            refused += 1
            assert db.get(key) == model.get(key)
    medium = db._store.log.medium
    assert dict(db.items()) == model, left
    if left >= 100:  # what a mark or a commit needs
        assert not refused and medium.end < 10000000, (left, refused, medium.end)
        assert db.check()["ok"]
        db.close()
        with MicroTetherDB("limit.db", in_memory=False) as db:
            assert dict(db.items()) == model
    else:
        db.close()
remove()
print("OK")
