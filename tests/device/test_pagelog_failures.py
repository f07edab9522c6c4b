# boards: unix unix32
"""SPEC 5, 8: transient errors are retried, failing sectors retired without loss, flipped bits reported, never returned."""

import btree
from flashsim import Flash
from microtetherdb import DBCorrupt, MicroTetherDB, pagelog


def document(i):
    return {"n": i, "text": "x" * (i * 7 % 90)}


def same(db, model):
    got = dict(db.items())
    assert got == model, (len(got), len(model))


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

# Sectors whose programs come out wrong: found by reading back (verify=True), and left.
flash = Flash(20)
flash.bad_programs = {6, 12}
log = pagelog.open(flash, 512, verify=True, retry_delay=0)
tree = btree.open(log, pagesize=512, cachesize=32)
model = {}
redo = {}
failed = 0


def commit():
    if tree.flush():
        raise OSError(5)
    log.commit()
    model.update(redo)
    redo.clear()


log.before_compaction = commit
i = 0
while i < 2000:
    k = b"k%d" % (i * 31 % 97)
    v = b"%d " % i * 12
    try:
        log.reserve(1200)
        tree[k] = v
        redo[k] = v
        if i % 10 == 9:
            commit()
        log.step()
        i += 1
    except OSError:
        # as `store` does: back to the last commit, and do again what came after it
        failed += 1
        log.dead = True
        tree.close()
        log.dead = False
        log.error = None
        log.rollback()
        tree = btree.open(log, pagesize=512, cachesize=32)
        assert {k: v for k, v in tree.items()} == model
        for a, b in redo.items():
            tree[a] = b
        assert failed < 20
print("programs that came out wrong:", failed, "retired:", log.medium.bad)
assert log.medium.bad == flash.bad_programs
commit()
assert {k: v for k, v in tree.items()} == model
assert not list(log.check())

# Flipped bits.
flash = Flash(16)
db = MicroTetherDB(flash, in_memory=False)
model = {}
for i in range(300):
    db.put("k%d" % i, document(i))
    model["k%d" % i] = document(i)
db.close()
lost = refused = reported = 0
for turn in range(60):
    copy = flash.copy()
    copy.flip(turn * 997 % 60000 + 28, turn % 8)
    try:
        db = MicroTetherDB(copy, in_memory=False)
        report = db.check()
        reported += not report["ok"]
        for k in model:
            try:
                if db.get(k) != model[k]:
                    raise AssertionError("wrong data for " + k)
            except DBCorrupt as e:
                assert "page" in str(e), e
                lost += 1
                assert not report["ok"]
        db.close()
    except DBCorrupt:
        refused += 1
print("flips:", turn + 1, "refused", refused, "reported", reported, "records that could not be read", lost)
assert reported and lost
print("OK")
