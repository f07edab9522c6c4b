# boards: unix
# nightly: unix32
"""SPEC 5, 8: transient errors are retried, failing sectors retired without loss, flipped bits reported, never returned."""

import gc
import os

from expect import raises
from flashsim import Flash
from microtetherdb import DBCorrupt, MicroTetherDB
from microtetherdb.storage import file_medium, region_medium
from nightly import COARSER


def document(i):
    return {"n": i, "text": "x" * (i * 7 % 90)}


def same(db, model):
    got = dict(db.items())
    assert got == model, (len(got), len(model))


# Pages that are in the tree's cache only, and on no medium yet, are no problem of the medium's.
for target in (Flash(16), "new.db"):
    db = MicroTetherDB(target, in_memory=False)
    for i in range(3):
        db.put("k%d" % i, {"pad": "p" * 1200})
    report = db.check()
    assert report["ok"] and report["records"] == 3, report
    db.close()
os.remove("new.db")

# Transient errors of every kind, fewer in a row than max_retries.
flash = Flash(16)
db = MicroTetherDB(flash, in_memory=False, max_retries=3, retry_delay=0)
model = {}
for i in range(900):
    flash.fail_reads = i % 3
    flash.fail_programs = i % 4
    flash.fail_erases = i % 2
    k = "k%d" % (i * 31 % 97)
    db.put(k, document(i))
    model[k] = document(i)
assert flash.erases > 20
flash.fail_reads = flash.fail_programs = flash.fail_erases = 0
same(db, model)
db.close()

# More in a row: the call fails with what the device said, and nothing acknowledged is lost.
db = MicroTetherDB(flash, in_memory=False, max_retries=2, retry_delay=0)
failed = 0
for i in range(400):
    if i % 40 == 7:
        flash.fail_programs = 5
    k = "k%d" % (i * 31 % 97)
    try:
        db.put(k, document(-i))
        model[k] = document(-i)
    except OSError:
        failed += 1
        flash.fail_programs = 0
        got = db.get(k)
        assert got in (model.get(k), document(-i)), got
        model[k] = got
print("calls that failed:", failed)
assert failed
same(db, model)
db.close()
db = MicroTetherDB(flash, in_memory=False)
same(db, model)
assert db.check()["ok"]
db.close()

# Sectors that never erase.
flash = Flash(20)
flash.bad = {5, 11}
db = MicroTetherDB(flash, in_memory=False, max_retries=1, retry_delay=0)
model = {}
for i in range(1500):
    k = "k%d" % (i * 31 % 97)
    db.put(k, document(i))
    model[k] = document(i)
    if i % 500 == 499:
        db.close()
        db = MicroTetherDB(flash, in_memory=False, max_retries=1, retry_delay=0)
same(db, model)
assert db.stats()["bad"] <= 2 and db.check()["ok"]
db.close()

# Sectors whose programs come out wrong: found by reading back, and left, without an error.
flash = Flash(20)
flash.bad_programs = {6, 12}
db = MicroTetherDB(flash, in_memory=False, max_retries=0)
model = {}
for i in range(2000):
    k = "k%d" % (i * 31 % 97)
    db.put(k, document(i), tags=["t%d" % (i % 3)])
    model[k] = dict(document(i), _tags=["t%d" % (i % 3)])
    if i % 700 == 699:
        assert db.stats()["bad"] == 2 and db._store.log.medium.bad == flash.bad_programs
        same(db, model)
        assert db.check()["ok"]
        db.close()
        db = MicroTetherDB(flash, in_memory=False, max_retries=0)
same(db, model)
db.close()

# Two such sectors anywhere, neighbours too, found again after each opening: no call fails, nothing is lost.
for a, b in ((2, 17), (5, 38), (6, 5), (9, 26), (13, 14), (21, 30), (26, 25), (30, 13), (33, 34), (36, 15)):
    gc.collect()
    flash = Flash(40)
    flash.bad_programs = {a, b}
    size, tags, reopen = ((120, True, 350), (250, False, 211), (250, True, 97))[a % 3]
    db = MicroTetherDB(flash, in_memory=False, max_retries=0)
    model = {}
    for i in range(1300):
        k = "k%d" % (i * 31 % 97)
        model[k] = {"n": i, "pad": "x" * (i * 7 % size)}
        db.put(k, model[k], tags=["t%d" % (i % 3)] if tags else None)
        if tags:
            model[k]["_tags"] = ["t%d" % (i % 3)]
        if i % reopen == reopen - 1:
            db.close()
            db = MicroTetherDB(flash, in_memory=False, max_retries=0)
    same(db, model)
    assert db.check()["ok"]
    db.close()


# `max_retries` and `retry_delay`: so often, so long apart, on a region and on a file.
class Clock:
    """Stands in for the module `time`."""

    def __init__(self):
        self.slept = []
        self.sleep = self.slept.append


class Flaky:
    """A file to which nothing can be written for a while."""

    left = 0

    def __init__(self, path, mode):
        self._f = open(path, mode)

    def __getattr__(self, name):
        call = getattr(self._f, name)

        def may_fail(*args):
            if Flaky.left and name in ("write", "flush"):
                Flaky.left -= 1
                raise OSError(5)
            return call(*args)

        return may_fail


def fails(flash, n):
    flash.fail_programs = Flaky.left = n
    if not n:
        flash.fail_erases = 0


for module in (region_medium, file_medium):
    real_time, module.time = module.time, Clock()
    file_medium.open = Flaky
    flash = Flash(16)
    db = MicroTetherDB(
        flash if module is region_medium else "retry.db", in_memory=False, max_retries=3, retry_delay=0.25, flush_threshold=1
    )
    db.put("a", 0)
    for n in range(1, 4):
        module.time.slept.clear()
        fails(flash, n)
        db.put("a", n)
        assert module.time.slept == [0.25] * n, module.time.slept
        assert db["a"] == n and 0 in (flash.fail_programs, Flaky.left)
    module.time.slept.clear()
    fails(flash, 100)
    try:
        db.put("a", 4)
        raise AssertionError("the device did not fail")
    except OSError as e:
        assert e.args[0] == 5
    assert module.time.slept[:3] == [0.25] * 3 and len(module.time.slept) % 3 == 0, module.time.slept
    fails(flash, 0)  # the device is well again
    db.put("b", 5)
    assert db["b"] == 5 and db["a"] in (3, 4)
    db.close()
    module.time = real_time
    del file_medium.open
os.remove("retry.db")


# Flipped bits in what a page is read from: the page is named, and nothing is taken for the end of the data.
def damaged(target, model, page):
    """Open what has a flipped bit in a frame of `page`; returns what was noticed."""
    try:
        db = MicroTetherDB(target, in_memory=False)
    except DBCorrupt:
        return "refused"
    try:
        report = db.check()
        lost = 0
        for k in model:
            try:
                if db.get(k) != model[k]:
                    raise AssertionError("wrong data for " + k)
            except DBCorrupt as e:
                assert "page %d " % page in str(e), e
                lost += 1
        try:
            same(db, model)
        except DBCorrupt as e:
            assert "page %d " % page in str(e), e
            lost += 1
        assert not report["ok"] and "page %d " % page in report["problems"][0], (page, report)
        return "records" if lost else "page"
    finally:
        try:
            db.close()
        except DBCorrupt:
            pass


def flipped_file(path, pos, bit):
    with open(path, "rb") as f, open("flipped.db", "wb") as copy:
        while data := f.read(1024):
            copy.write(data)
    with open("flipped.db", "r+b") as f:
        f.seek(pos)
        byte = f.read(1)[0]
        f.seek(pos)
        f.write(bytes([byte ^ 1 << bit]))
    return "flipped.db"


def flipped_region(flash, pos, bit):
    copy = flash.copy()
    copy.flip(pos, bit)
    return copy


for original, flipped in ((Flash(16), flipped_region), ("flip.db", flipped_file)):
    model = {}
    with MicroTetherDB(original, in_memory=False) as db:
        for i in range(400):
            k = "k%d" % (i * 7 % 300)
            db.put(k, document(i))
            model[k] = document(i)
    with MicroTetherDB(original, in_memory=False) as db:
        log = db._store.log
        frames = []
        for page in range(log.pages):
            pos = log.table[page >> 7][page & 127]
            word, size, good = log.load(pos)
            frames.append((page, pos & 0x1FFFFFFF, size))
    noticed = {}
    frames = frames[::COARSER]
    for page, pos, size in frames:
        for at in (3 * (page % 2), size // 2 if page % 2 else size - 1):
            result = damaged(flipped(original, pos + at, (page + at) % 8), model, page)
            noticed[result] = noticed.get(result, 0) + 1
        gc.collect()
    print("pages", len(frames), "flips noticed", noticed)
    assert noticed["records"] > len(frames)  # the tree's own pages are refused at opening
for name in ("flip.db", "flipped.db"):
    os.remove(name)
# background work failed, and so does the recovery that the next calls try: they say why, not that the log is broken
db = MicroTetherDB(Flash(32), in_memory=False)
for i in range(60):
    db.put("k%02d" % i, {"n": i})
log = db._store.log
real = log.rollback


def no_ram():
    raise MemoryError("no RAM")


log.rollback = no_ram
log.broken = True
raises(MemoryError, "no RAM", lambda: [db.put("k%02d" % i, {"n": i, "more": "x" * 50}) for i in range(60)])
raises(MemoryError, "no RAM", db.flush)
raises(MemoryError, "no RAM", db.get, "k00")
log.rollback = real
assert [db["k%02d" % i]["n"] for i in range(60)] == list(range(60)) and db.check()["ok"]
db.close()
print("OK")
