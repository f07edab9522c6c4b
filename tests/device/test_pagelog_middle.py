# boards: unix unix32
"""SPEC 5, 8: a change that fails in its middle (device, space, RAM) is undone wholly; the database works on.

At each call of the tree into the page log, and at each operation of the device, one failure is
put in; after it every record, index entry and expiry must be that of before the call or of after it.
Every 22nd place, on 32 bits every 66th; all of them with MTDB_NIGHTLY.
"""

import gc

import micropython
import vfs
from flashsim import Flash
from microtetherdb import DBFull, MicroTetherDB
from microtetherdb.storage import page_log as pagelog
from nightly import COARSER, NIGHTLY

STRIDE = 1 if NIGHTLY else 11 * COARSER


def document(i, long=0):
    return {"n": i, "room": "r%d" % (i % 4), "text": "x" * (i * 7 % 60 + long)}


class Place:
    """Counts the places at which something may fail, and lets it fail in the n-th."""

    def __init__(self):
        self.n = -1
        self.fail = None

    def __call__(self, *args):
        if self.fail is not None:
            self.n -= 1
            if self.n == -1:
                fail = self.fail
                self.fail = None
                fail()


def eio():
    raise OSError(5)


def no_space():
    raise OSError(28)


def interrupt():
    raise KeyboardInterrupt()


def no_ram():
    raise MemoryError()


# Made now: the heap may be locked then. RuntimeError: MicroPython has one exception object for that case, which may change its kind.
ERRORS = (OSError, DBFull, MemoryError, RuntimeError, KeyboardInterrupt)
place = Place()
locked = 0


def lock_heap():
    global locked
    locked = 1
    micropython.heap_lock()


def unlock_heap():
    global locked
    if locked:
        locked = 0
        micropython.heap_unlock()


class Log(pagelog.PageLog):
    """The tree's calls are places."""

    def _get(self, page, out):
        place()
        pagelog_get(self, page, out)

    def put(self, page, data):
        place()
        pagelog_put(self, page, data)

    def append(self, *args):
        place()
        at = pagelog_append(self, *args)
        place()
        return at


pagelog_append = pagelog.PageLog.append
pagelog_get = pagelog.PageLog._get
pagelog_put = pagelog.PageLog.put


def work(db):
    """Yield (operation, the keys that it sets, or None: removes); for a key, None: deletes)."""
    yield lambda: db.put("new", document(1), ttl=1000, tags=["a", "b"]), {"new": dict(document(1), _tags=["a", "b"])}
    yield lambda: db.put("k10", document(2, 900)), {"k10": document(2, 900)}
    batch = {"b%d" % i: document(i, 90) for i in range(8)}
    yield lambda: db.put_batch(list(batch.items()), ttls=500), batch
    yield lambda: db.delete("k11"), {"k11": None}
    yield lambda: db.delete_batch(["k%d" % i for i in range(20, 30)]), {"k%d" % i: None for i in range(20, 30)}
    yield lambda: db.update("k12", {"room": "hall"}), {"k12": dict(document(12), room="hall")}
    yield lambda: db.expire("k13", 777), {}
    yield db.flush, {}
    yield lambda: db.delete(purge=True), None
    yield lambda: db.put("first", document(3), ttl=300), {"first": document(3)}
    for i in range(30, 42):
        yield lambda i=i: db.put("k%d" % i, document(i + 1)), {"k%d" % i: document(i + 1)}


def contents(db):
    """Read everything; nothing fails meanwhile."""
    fail, place.fail = place.fail, None
    got = dict(db.items())
    place.fail = fail
    return got


def attempt(target, model):
    """Run the work with the failure that is set; returns how many calls raised, and whether it came to the failure."""
    raised = 0
    fail, place.fail = place.fail, None
    db = MicroTetherDB(target, in_memory=False, max_retries=0, retry_delay=0)
    place.fail = fail
    for operation, changes in work(db):
        after = dict(model) if changes is not None else {}
        for k, v in (changes or {}).items():
            if v is not None:
                after[k] = v
            elif k in after:
                del after[k]
        try:
            operation()
            unlock_heap()
        except ERRORS as e:
            unlock_heap()
            raised += 1
            got = contents(db)
            if got == model != after:
                after = model
            elif got != after:
                raise AssertionError("split: %r" % e)
        model = after
    fail, place.fail = place.fail, None
    for _ in range(2):
        assert contents(db) == model
        report = db.check()
        assert report["ok"], report
        db.close()
        db = MicroTetherDB(target, in_memory=False)
    assert contents(db) == model
    db.close()
    return raised, fail is None


def build(target, n):
    with MicroTetherDB(target, in_memory=False) as db:
        db.create_index("room")
        for i in range(n):
            try:
                db.put("k%d" % i, document(i))
            except DBFull:
                break
        return dict(db.items())


serial = 0


class Returns:
    """A device that returns its errors, as littlefs wants it: an exception through its C code leaves it in disorder."""

    def __init__(self, flash):
        self.flash = flash

    def _call(self, call, *args):
        try:
            return call(*args)
        except OSError as e:
            return -e.args[0]

    def readblocks(self, *args):
        return self._call(self.flash.readblocks, *args)

    def writeblocks(self, *args):
        return self._call(self.flash.writeblocks, *args)

    def ioctl(self, *args):
        return self._call(self.flash.ioctl, *args)


def mounted(kind, flash):
    global serial
    if kind == "region":
        return flash, None
    serial += 1
    where = "/m%d" % serial
    vfs.mount(vfs.VfsFat(flash) if kind == "FAT" else vfs.VfsLfs2(Returns(flash), progsize=256), where)
    return where + "/x.db", where


def new(kind):
    if kind == "FAT":
        flash = Flash(400, 512, atomic=True)
        vfs.VfsFat.mkfs(flash)
    else:
        flash = Flash(24 if kind == "region" else 40)
        if kind == "littlefs":
            vfs.VfsLfs2.mkfs(flash, progsize=256)
    return flash


for kind in ("region", "littlefs", "FAT"):
    for n in (60, 330):
        if n > 60 and kind != "region":
            continue
        flash = new(kind)
        target, where = mounted(kind, flash)
        model = build(target, n)
        if where:
            vfs.umount(where)
        for name, fail in (("device", eio), ("space", no_space), ("RAM", no_ram), ("locked heap", lock_heap), ("Ctrl-C", interrupt)):
            at = raised = 0
            while True:
                copy = flash.copy()
                target, where = mounted(kind, copy)
                place.n = at
                place.fail = fail
                if name == "device" or (name == "space" and where):
                    copy.watch = place
                else:
                    pagelog.PageLog = Log
                try:
                    r, fired = attempt(target, model)
                except BaseException:
                    unlock_heap()
                    print(kind, n, name, "place", at)
                    raise
                pagelog.PageLog = Log.__bases__[0]
                copy.watch = None
                if where:
                    vfs.umount(where)
                raised += r
                assert r <= 3, "%d calls failed of one failure" % r  # the batch does not fit when there is little room
                if not fired:
                    break
                at += STRIDE
            print(kind, len(model), "documents,", name, "places", at // STRIDE, "calls that raised", raised)
            gc.collect()
print("OK")
