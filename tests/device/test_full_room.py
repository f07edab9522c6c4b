# boards: unix unix32
# heap: 4m
"""SPEC 8: on a full medium reads go on, deletes make room for puts, and what other files took is used when they have gone."""

import gc
import os
import random

import vfs
from flashsim import Flash
from microtetherdb import DBFull, MicroTetherDB
from nightly import NIGHTLY

serial = 0


def made(kind, blocks):
    flash = Flash(blocks) if kind != "fat" else Flash(blocks * 8, 512, atomic=True)
    if kind == "region":
        return flash, flash, None
    if kind == "fat":
        vfs.VfsFat.mkfs(flash)
    else:
        vfs.VfsLfs2.mkfs(flash, progsize=256)
    return (flash,) + mounted(kind, flash)


def mounted(kind, flash):
    global serial
    serial += 1
    where = "/r%d" % serial
    vfs.mount(vfs.VfsFat(flash) if kind == "fat" else vfs.VfsLfs2(flash, progsize=256), where)
    return where + "/x.db", where


def content(db):
    return dict(db.items())


def fill_up(where):
    with open(where + "/other", "wb") as f:
        try:
            while True:
                f.write(bytes(256))
                f.flush()
        except OSError as e:
            assert e.args[0] == 28, e


def others(kind, seed):
    """Other files come and go; behind each flush that returned the power is cut."""
    random.seed(seed)
    r = lambda n: random.getrandbits(24) % n
    flash, target, where = made(kind, 48)
    db = MicroTetherDB(target, in_memory=False)
    model = {}
    full = 0
    for i in range(500):
        if r(12) == 0:
            try:
                with open(where + "/other", "ab") as f:
                    f.write(b"o" * (1 + r(16000)))
            except OSError:
                pass
        if r(80) == 0:
            try:
                os.remove(where + "/other")
            except OSError:
                pass
        key = "k%02d" % r(60)
        doc = {"i": i, "p": "x" * r(400)}
        try:
            if r(8):
                db.put(key, doc)
                model[key] = doc
            else:
                db.delete(key)
                model.pop(key, None)
        except DBFull:
            full += 1
            model[key] = db.get(key)  # never raises
            if model[key] is None:
                del model[key]
        if r(20) == 0:
            try:
                db.flush()
            except DBFull:
                continue
            copy = flash.copy()
            target, at = mounted(kind, copy)
            with MicroTetherDB(target, in_memory=False) as e:
                assert content(e) == model and e.check()["ok"], (kind, seed, i)
            vfs.umount(at)
    try:
        os.remove(where + "/other")
    except OSError:
        pass
    db.close()
    vfs.umount(where)
    return full


def full(kind):
    """Another file takes all: reads, `check()`, deletes as long as RAM lasts; closing keeps what there is, and goes on when there is room."""
    flash, target, where = made(kind, 40)
    db = MicroTetherDB(target, in_memory=False)
    model = {}
    for i in range(60):
        model["k%02d" % i] = d = {"i": i, "p": "x" * 300}
        db.put("k%02d" % i, d)
    db.flush()
    fill_up(where)
    refused = 0
    for i in range(90):
        key = "k%02d" % (i * 7 % 80)
        d = {"i": -i, "p": "z" * 300}
        try:
            db.put(key, d)
        except DBFull:
            refused += 1
            if db.get(key) != d:
                continue
        model[key] = d
    assert refused > 40
    for key in sorted(model):
        assert db.get(key) == model[key] and key in db
    assert content(db) == model and len(db) == len(model) == db.count({"i": {"$lt": 1000}})
    assert len(list(db.keys())) == len(model) == len(db.query({"p": {"$regex": "^[xz]"}}))
    report = db.check()
    assert report["ok"], report
    for key in sorted(model):
        try:
            db.delete(key)
        except DBFull:
            if key in db:
                break
        del model[key]
    for _ in range(3):
        assert content(db) == model
        try:
            db.close()
            raise AssertionError("closed on a full file system")
        except DBFull:
            pass
    os.remove(where + "/other")
    db.put("last", 1)
    model["last"] = 1
    db.close()
    db.close()
    with MicroTetherDB(target, in_memory=False) as db:
        assert content(db) == model and db.check()["ok"]
    vfs.umount(where)


def refill(kind, blocks, size, order, part):
    """Filled, `part` of it deleted: as much as was deleted can be written again, as new records and over old ones."""
    flash, target, where = made(kind, blocks)
    db = MicroTetherDB(target, in_memory=False)
    n = 0
    try:
        while True:
            db.put("f%05d" % n, {"p": "y" * size})
            n += 1
    except DBFull:
        pass
    what = (kind, blocks, size, order, part, n)
    keys = ["f%05d" % i for i in range(0, n, part)]
    left = n - len(keys)
    if order == "down":
        keys.reverse()
    elif order == "mixed":
        for i in range(len(keys)):
            j = random.getrandbits(20) % len(keys)
            keys[i], keys[j] = keys[j], keys[i]
    for key in keys:
        assert db.delete(key) == 1, what
    db.flush()
    assert len(db) == left, what
    small = min(size, 60)
    for i in range(len(keys) * 9 // 10):
        if part > 1 and i < left and i % 3 == 0:
            db.put("f%05d" % (part * i + 1), {"p": "w" * size})  # over an old one
        db.put("g%05d" % i, {"p": "z" * small})
    report = db.check()
    assert report["ok"], (what, report)
    db.close()
    with MicroTetherDB(target, in_memory=False) as db:
        assert len(db) == left + len(keys) * 9 // 10, what
    if where:
        vfs.umount(where)
    gc.collect()


for kind in ("littlefs", "fat"):
    n = sum([others(kind, seed) for seed in range(3, 60 if NIGHTLY else 6)])
    assert n > 20, n
    full(kind)
    print(kind, n, "refused")
random.seed(3)
orders = ("up", "down", "mixed")
i = 0
for kind, blocks in (("region", 16), ("region", 64), ("littlefs", 40), ("fat", 40)):
    for size in (100, 300, 2000, 7900):
        for part in (1, 2):
            for order in orders if NIGHTLY else (orders[i % 3],):
                refill(kind, blocks, size, order, part)
                i += 1
print("OK")
