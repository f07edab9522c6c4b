# boards: unix unix32
"""SPEC 8: each program, erase, write, flush and rename of a workload fails, once or until there is room again, with EIO and ENOSPC.

What was acknowledged stays, in this process and after a power cut behind any flush that returned; reads go on on a full medium.
"""

import gc
import os
import random
import sys

import vfs
from failing import FailingFlash, FailingFS
from files import restarted
from microtetherdb import DBFull, MicroTetherDB
from nightly import COARSER, NIGHTLY

EIO = 5
ENOSPC = 28
CALLS = 110


class Medium:
    serial = 0

    def __init__(self, kind):
        self.kind = kind
        Medium.serial += 1
        self.where = "/f%d" % Medium.serial
        if kind == "region":
            self.flash = FailingFlash(12)
            self.target = self.flash
        elif kind == "host":
            for name in ("ff.dir/x.db", "ff.dir/x.db.new", "ff.dir/c.db", "ff.dir/c.db.new"):
                try:
                    os.remove(name)
                except OSError:
                    pass
            self.flash = FailingFS("ff.dir")
            vfs.mount(self.flash, self.where)
        else:
            self.flash = FailingFlash(40) if kind == "littlefs" else FailingFlash(320, 512, True)
            if kind == "littlefs":
                vfs.VfsLfs2.mkfs(self.flash, progsize=256)
            else:
                vfs.VfsFat.mkfs(self.flash)
            self.fs = vfs.VfsLfs2(self.flash, progsize=256) if kind == "littlefs" else vfs.VfsFat(self.flash)
            vfs.mount(self.fs, self.where)
        if kind != "region":
            self.target = self.where + "/x.db"
        self.faults = self.flash.faults
        self.faults.count = 0

    def copy(self):
        """What a power cut would leave: (target, mounted or None)."""
        if self.kind == "region":
            return self.flash.copy(), None
        if self.kind == "host":
            for end in ("", ".new"):
                try:
                    os.remove("ff.dir/c.db" + end)
                except OSError:
                    pass
                try:
                    with open("ff.dir/x.db" + end, "rb") as f:
                        data = f.read()
                except OSError:
                    continue
                with open("ff.dir/c.db" + end, "wb") as f:
                    f.write(data)
            return "ff.dir/c.db", None
        flash = self.flash.copy()
        where = self.where + "c"
        vfs.mount(vfs.VfsLfs2(flash, progsize=256) if self.kind == "littlefs" else vfs.VfsFat(flash), where)
        return where + "/x.db", where

    def done(self):
        if self.kind != "region":
            vfs.umount(self.where)


def document(r, i):
    return {"i": i, "p": "x" * (1300 if r(9) == 0 else r(300))}


def content(db):
    return {k: (v["i"], len(v["p"])) for k, v in db.items()}


class Run:
    """The workload, with one spell of faults from operation `first` on: `times` of them, or as many as come in `times` calls of the database."""

    def __init__(self, kind, first, times, calls, errno):
        self.what = "%s: %s of error %d from operation %d on" % (kind, "%d calls" % calls if calls else "%d times" % times, errno, first)
        self.medium = Medium(kind)
        self.calls = calls
        self.failed = 0
        self.model = {}
        self.faults = self.medium.faults
        self.faults.arm(first, -1 if calls else times, errno)
        restarted()
        while True:
            try:
                self.db = MicroTetherDB(self.medium.target, in_memory=False, max_retries=1, retry_delay=0, lock_timeout=0)
                break
            except (DBFull, OSError):
                assert self.faults.failed, self.what
                if first < 0 or calls or self.faults.failed > 20:
                    self.faults.clear()
        try:
            self.work(random.getrandbits)
        except BaseException:
            print(self.what, "|", self.failed, "calls failed")
            raise
        self.medium.done()

    def call(self, done, call, *args):
        # An operation of the database; `done()` tells afterwards whether it was done although it raised.
        if self.calls and self.faults.failing():
            self.failed += 1
            if self.failed > self.calls:
                self.faults.clear()
        try:
            call(*args)
            return True
        except (DBFull, OSError) as e:
            assert self.faults.failed or self.failed or self.faults.failing(), (self.what, repr(e))
            if isinstance(e, OSError):
                assert self.faults.errno == EIO, (self.what, repr(e))  # no room is DBFull
            if self.faults.errno == EIO and self.calls:
                self.faults.clear()
        return done() if done is not None else False

    def read(self, call, *args):
        if self.faults.errno == EIO:
            while True:
                try:
                    return call(*args)
                except OSError:
                    assert self.faults.failed, self.what
                    if self.calls:
                        self.faults.clear()
        return call(*args)  # goes on on a full medium

    def work(self, bits):
        random.seed(7)
        r = lambda n: random.getrandbits(20) % n
        db = self.db
        model = self.model
        for i in range(CALLS):
            kind = r(16)
            key = "k%02d" % r(26)
            if kind < 9:
                d = document(r, i)
                is_there = lambda: (self.read(db.get, key) or {}).get("i") == i
                if self.call(is_there, db.put, key, d) if kind else self.call(is_there, lambda: db.put(key, d, ttl=9999)):
                    model[key] = d["i"], len(d["p"])
            elif kind < 12:
                if self.call(lambda: self.read(db.get, key) is None, db.delete, key):
                    model.pop(key, None)
            elif kind < 13:
                items = [("b%d" % j, document(r, i)) for j in range(4)]
                if self.call(lambda: (self.read(db.get, "b3") or {}).get("i") == i, db.put_batch, items):
                    for k, d in items:
                        model[k] = d["i"], len(d["p"])
            elif kind < 15:
                got = self.read(db.get, key)
                assert (got and (got["i"], len(got["p"]))) == model.get(key), (self.what, key, got)
            elif self.call(None, db.flush):
                self.cut()
            if i % 12 == 5:
                assert self.read(content, db) == model, self.what
        self.faults.clear()
        assert content(db) == model, self.what
        db.flush()
        self.cut()
        for i in range(12):
            db.put("k%02d" % i, {"i": -i, "p": ""})
            model["k%02d" % i] = -i, 0
        report = db.check()
        assert report["ok"], (self.what, report)
        self.compacted = db._store.log.medium.seq > (12 if self.medium.kind == "region" else 1)
        db.close()
        self.cut()

    def cut(self):
        target, where = self.medium.copy()
        with MicroTetherDB(target, in_memory=False) as copy:
            assert content(copy) == self.model, self.what
            report = copy.check()
            assert report["ok"], (self.what, report)
        if where:
            vfs.umount(where)


try:
    os.mkdir("ff.dir")
except OSError:
    pass
n = 0
for kind in sys.argv[1:] or ("host", "littlefs", "fat", "region"):
    run = Run(kind, -1, 0, 0, EIO)
    total = run.faults.count
    assert run.compacted, kind
    stride = 1 if NIGHTLY else total * COARSER // 5
    plain = n
    for errno in (EIO, ENOSPC) if kind in ("host", "littlefs") else (EIO,):
        for times, calls in ((1, 0), (2, 0), (5, 0), (0, 1), (0, 6), (0, 40)):
            for first in range(n % stride, total, stride):
                run = Run(kind, first, times, calls, errno)
                run = None
                n += 1
                if not n % 4:
                    gc.collect()
    print(kind, total, "operations,", n - plain, "runs")
for name in os.listdir("ff.dir"):
    os.remove("ff.dir/" + name)
os.rmdir("ff.dir")
print("OK")
