# boards: unix unix32
"""SPEC 8: a full medium raises DBFull before anything is half-written; reads and deletes work on; space comes back."""

import gc
import os

import vfs
from flashsim import Flash
from microtetherdb import DBFull, MicroTetherDB


def document(i):
    return {"n": i, "text": "x" * (20 + i * 7 % 90)}


def fill(db, model, start):
    i = start
    while True:
        try:
            db.put("k%05d" % i, document(i))
        except DBFull:
            assert "k%05d" % i not in db
            return i
        model["k%05d" % i] = document(i)
        i += 1


def same(db, model):
    got = dict(db.items())
    assert got == model, (len(got), len(model))


def run(kind, flash, target, unmount):
    db = MicroTetherDB(target, in_memory=False)
    model = {}
    n = fill(db, model, 0)
    print(kind, "full with", n, "documents, live", db.stats()["live"])
    assert n > 100
    same(db, model)
    # a batch that does not fit changes nothing
    try:
        db.put_batch([("batch%d" % i, document(i)) for i in range(n // 2)])
        raise AssertionError("fitted")
    except DBFull:
        pass
    same(db, model)
    db.close()
    db = MicroTetherDB(target, in_memory=False)
    same(db, model)
    assert db.check()["ok"], db.check()
    # deletes work, all of them, and give the space back
    for turn in range(3):
        gone = sorted(model)[turn::2]
        for key in gone:
            assert db.delete(key) == 1
            del model[key]
        db.flush()
        same(db, model)
        more = fill(db, model, 10000 * (turn + 1)) - 10000 * (turn + 1)
        print(kind, "deleted", len(gone), "put again", more)
        assert more > len(gone) * 0.6
        same(db, model)
    assert db.check()["ok"]
    for key in sorted(model)[::2]:
        db.delete(key)
        del model[key]
    db.create_index("n")
    fill(db, model, 50000)
    assert db.delete(purge=True) == len(model)
    assert db.indexes() == ["n"]
    model.clear()
    assert fill(db, model, 0) > n * 0.6  # with the index
    same(db, model)
    db.close()
    db = MicroTetherDB(target, in_memory=False)
    same(db, model)
    db.close()


run("region", None, Flash(24), None)
gc.collect()
flash = Flash(40)
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/full")
run("littlefs", flash, "/full/x.db", "/full")
vfs.umount("/full")
gc.collect()
flash = Flash(320, 512, atomic=True)
vfs.VfsFat.mkfs(flash)
vfs.mount(vfs.VfsFat(flash), "/full")
run("FAT", flash, "/full/x.db", "/full")
vfs.umount("/full")


def filled_by_others(kind, where):
    """Another file takes all of the space while the database is open and believes that there is some."""
    path = where + "/x.db"
    db = MicroTetherDB(path, in_memory=False)
    model = {}
    for i in range(60):
        db.put("k%05d" % i, document(i))
        model["k%05d" % i] = document(i)
    db.flush()
    with open(where + "/other", "wb") as f:
        try:
            while True:
                f.write(bytes(512))
                f.flush()
        except OSError as e:
            assert e.args[0] == 28, e
    refused = 0
    for i in range(60, 400):
        key = "k%05d" % i
        try:
            db.put(key, document(i), tags=["t"])
            model[key] = dict(document(i), _tags=["t"])
        except DBFull:
            refused += 1
            if key in db:  # it was the flush after the put that failed: the put waits for the next one
                model[key] = dict(document(i), _tags=["t"])
            same(db, model)
        if refused > 3:
            break
    print(kind, "filled by another file: refused", refused, "after", len(model))
    assert refused > 3
    same(db, model)  # what was acknowledged before is all there, and can be read
    report = db.check()
    assert report["ok"], report
    try:
        db.backup(where + "/copy.db")
        raise AssertionError("the copy fitted")
    except (DBFull, OSError):
        pass
    same(db, model)
    os.remove(where + "/other")
    for i in range(500, 560):
        db.put("k%05d" % i, document(i))
        model["k%05d" % i] = document(i)
    same(db, model)
    db.backup(where + "/copy.db")
    with MicroTetherDB(where + "/copy.db", in_memory=False) as copy:
        same(copy, model)
    db.close()
    db = MicroTetherDB(path, in_memory=False)
    same(db, model)
    db.close()


gc.collect()
flash = Flash(40)
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/others")
filled_by_others("littlefs", "/others")
vfs.umount("/others")
gc.collect()
flash = Flash(320, 512, atomic=True)
vfs.VfsFat.mkfs(flash)
vfs.mount(vfs.VfsFat(flash), "/others")
filled_by_others("FAT", "/others")
print("OK")
