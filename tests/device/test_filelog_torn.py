# boards: unix unix32
"""SPEC 5: a torn end that was passed over, and later lies in the older of two files, is passed over again."""

import os

from expect import raises
from microtetherdb import DBCorrupt, MicroTetherDB


def copy(a, b):
    with open(a, "rb") as f, open(b, "wb") as g:
        g.write(f.read())


def clean():
    for name in ("torn.db", "torn.db.new", "cut.db", "cut.db.new"):
        try:
            os.remove(name)
        except OSError:
            pass


both = 0
for torn in (11, 700):
    clean()
    model = {}
    with MicroTetherDB("torn.db", in_memory=False) as db:
        for i in range(40):
            db.put("k%d" % i, {"n": i, "text": "x" * 100})
            model["k%d" % i] = i
    with open("torn.db", "r+b") as f:
        f.seek(60)
        frame = f.read(torn)
        f.seek(0, 2)
        f.write(frame)  # frames, the last of them torn
    db = MicroTetherDB("torn.db", in_memory=False)
    for i in range(400):
        key = "k%d" % (i * 7 % 40)
        db.put(key, {"n": i, "text": "x" * 100})
        model[key] = i
        db.flush()
        try:
            os.stat("torn.db.new")
        except OSError:
            continue
        both += 1
        copy("torn.db", "cut.db")
        copy("torn.db.new", "cut.db.new")
        with MicroTetherDB("cut.db", in_memory=False) as cut:
            assert {k: d["n"] for k, d in cut.items()} == model, (torn, i)
        if both % 20 == 0:
            break
    # the second file alone is no database, not even at the second attempt, which finds it renamed
    copy("torn.db.new", "cut.db.new")
    os.remove("cut.db")
    for _ in range(2):
        raises(DBCorrupt, "cut.db continues a file that is missing", MicroTetherDB, "cut.db", in_memory=False)
    db.close()
clean()
assert both > 20, both
print(both, "cuts")
print("OK")
