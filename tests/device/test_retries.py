# boards: unix unix32
# nightly: m33 rv32
# qemu heap: 4m
# SPEC section 5: an operation of the device that fails for a moment loses nothing, whichever it is: on littlefs, FAT and a region.
import random
import sys

import vfs
from flashsim import Flash
from microtetherdb import MicroTetherDB
from microtetherdb.storage import places
from nightly import COARSER, NIGHTLY


class Moody(Flash):
    """Fails from the operation `first` (of programs and erases) on, `length` times, by a negative errno or an exception."""

    seen = length = 0
    first = -1
    raises = False

    def _fails(self):
        self.seen += 1
        if self.first <= self.seen < self.first + self.length:
            if self.raises:
                raise OSError(5)
            return True
        return False

    def writeblocks(self, n, buf, off=None):
        return -5 if self._fails() else super().writeblocks(n, buf, off)

    def ioctl(self, op, arg):
        if op == 6 and self._fails():
            return -5
        return super().ioctl(op, arg)


mounts = 0


def mounted(kind, flash):
    global mounts
    if kind == "region":
        return flash
    mounts += 1
    where = "/moody%d" % mounts
    vfs.mount(vfs.VfsLfs2(flash, progsize=256) if kind == "lfs" else vfs.VfsFat(flash), where)
    return where + "/x.db"


def case(kind, retries, first, length, raises, rounds=60):
    """Fails at one place; returns whether it came to it."""
    flash = Moody(20 if kind == "region" else 48, atomic=kind == "fat")
    if kind == "lfs":
        vfs.VfsLfs2.mkfs(flash, progsize=256)
    elif kind == "fat":
        vfs.VfsFat.mkfs(flash)
    target = mounted(kind, flash)
    where = "%s, max_retries %d, %d from operation %d, raised %s" % (kind, retries, length, first, raises)
    db = MicroTetherDB(target, in_memory=False, flush_threshold=1, max_retries=retries, retry_delay=0)
    flash.first, flash.length, flash.raises, flash.seen = first, length, raises, 0
    model = {}
    errors = 0
    for i in range(rounds):
        key = "k%d" % (i % 12)
        value = {"n": i, "s": "x" * (i * 37 % 300)}
        try:
            db.put(key, value)
            model[key] = (value,)
        except OSError:
            errors += 1
            model[key] = model.get(key, ()) + (value,)  # it may have been done
        try:
            got = db.get(key)
            assert got in model[key] or got is None and errors, where
        except OSError:
            errors += 1
    # FatFs wants a file that failed opened anew, which may meet the rest of the failures.
    assert errors == 0 if length <= retries and (length == 1 or kind != "fat") else errors < 8, (where, errors)
    reached = flash.seen >= first
    flash.length = 0
    if kind == "region":
        places.open_files.clear()
    else:
        vfs.umount(target[:-5])  # a reset: nothing is closed
        target = mounted(kind, flash)
    with MicroTetherDB(target, in_memory=False) as db:
        assert db.check()["ok"], where
        found = dict(db.items())
        for key, values in model.items():
            assert found.get(key) in values or len(values) > 1 and key not in found, (where, key)
        db.put("after", 1)
        assert db["after"] == 1, where
    if kind != "region":
        vfs.umount(target[:-5])
    return reached


def outages(seed, blocks, length, retries):
    """A region whose device is away again and again: afterwards there is as much room as before."""
    random.seed(seed)
    flash = Moody(blocks)
    db = MicroTetherDB(flash, in_memory=False, retry_delay=0, max_retries=retries)
    model = {}
    for i in range(600):
        if not random.randrange(100):
            flash.first, flash.length = flash.seen + 1, length
        key = "k%d" % random.randrange(40)
        value = {"n": i, "s": "x" * random.choice((5, 30, 200, 400))}
        try:
            db.put(key, value)
            model[key] = (value,)
        except OSError:
            model[key] = model.get(key, ()) + (value,)
    flash.length = 0
    for key, value in db.items():
        assert value in model[key], (seed, key)
    for key in list(db):
        assert db.delete(key) == 1
    db.put("x", {"s": "x" * 400})
    db.flush()
    assert db.delete(purge=True) == 1 and db.check()["ok"]
    db.put("x", 1)
    db.close()


if sys.platform == "linux":
    stride, seeds = (1, 40) if NIGHTLY else (13 * COARSER, 2)
else:
    stride, seeds = (41, 4) if NIGHTLY else (197, 1)
for kind in ("lfs", "fat", "region"):
    if kind == "fat" and not hasattr(vfs, "VfsFat"):
        continue
    for n, (retries, length, raises) in enumerate(((3, 1, False), (0, 1, False), (3, 3, kind != "fat"), (1, 6, False))):
        first = 1 + n
        while case(kind, retries, first, length, raises):
            first += stride
        assert first > 60, (kind, first)
for seed in range(seeds):
    outages(seed, 24, 12, 3)
    outages(seed, 24, 30, 0)
    outages(seed, 64, 200, 3)
print("OK")
