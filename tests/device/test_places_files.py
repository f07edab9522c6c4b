# boards: unix
# nightly: unix32
# SPEC section 1: each file of an open database is held against other processes by what it is, behind whatever link, and no other
# file is, through compactions, what recovery makes of them, and a first commit that fails.
import os

from microtetherdb import MicroTetherDB
from microtetherdb.storage import places


def held(path):
    probe = [True]
    free = places.hold(probe, path)
    places.release(probe)
    return not free


def check(db, path, where):
    there = [p for p in (path, path + ".new") if places._stat(p) is not None]
    for p in there:
        assert held(p), (where, p, "is not held")
    n = len(db._store.log.medium.held) - 2  # a file and a socket each
    assert n == 2 * len(there), (where, there, n)


def copy(source, target):
    with open(source, "rb") as f, open(target, "wb") as t:
        t.write(f.read())


def remove(path):
    for p in (path, path + ".new"):
        if places._stat(p) is not None:
            os.remove(p)


here = os.getcwd() + "/"
x, y = here + "held.db", here + "copy.db"
remove(x)
remove(y)
db = MicroTetherDB(x, in_memory=False, flush_threshold=5)
both = 0
for i in range(900):
    db.put("k%d" % (i % 40), {"x": "y" * (i * 7 % 200), "i": i})
    if i % 5 == 4:
        if i == 4 or places._stat(x + ".new") is not None or not i % 100:
            check(db, x, i)
        if places._stat(x + ".new") is not None and both < 12:
            # what a power cut now would leave, opened and gone on with
            both += 1
            copy(x, y)
            copy(x + ".new", y + ".new")
            cut = MicroTetherDB(y, in_memory=False, flush_threshold=5)
            check(cut, y, (i, "opened"))
            for j in range(400 if both % 4 == 1 else 20):
                cut.put("k%d" % (j % 40), {"x": "z" * 150, "j": j})
                if j % 20 == 19:
                    check(cut, y, (i, j))
            cut.delete(purge=True)
            check(cut, y, (i, "purged"))
            cut.close()
            assert not held(y)
            remove(y)
assert both == 12
db.close()
assert not held(x)
remove(x)

# the first commit, and one that begins the second file, fail; then they are done again
db = MicroTetherDB(x, in_memory=False, flush_threshold=1000, max_retries=0)
medium = db._store.log.medium
for i in range(300):
    db.put("k%d" % (i % 10), {"x": "y" * 150, "i": i})
    if i % 9 == 0:
        write = medium._write_at

        def failing(*args):
            raise OSError(5)

        medium._write_at = failing
        try:
            db.flush()
        except OSError as e:
            assert e.errno == 5
        medium._write_at = write
        db.flush()
        check(db, x, i)
db.close()
remove(x)

# the number of a file that another process has lost may be that of a new one
db = MicroTetherDB(x, in_memory=False, flush_threshold=5)
taken = []
bind = places._bind


def lost(place, label):
    if "/" not in label:
        bind(taken, label)
    return bind(place, label)


places._bind = lost
for i in range(900):
    db.put("k%d" % (i % 40), {"x": "y" * (i * 7 % 200), "i": i})
places._bind = bind
assert len(taken) > 1 and len(db) == 40 and db.check()["ok"]
db.close()
for s in taken:
    s.close()
remove(x)
print("OK")
