"""Long calls cut off after each of their steps, and two of them interleaved at each step.

Whatever happens, nothing of them stays: no open name, no file, no mirror, no entry of an index, no walk; `check()` is clean,
queries by index agree with a scan, and the database opens again with what it had.
"""

import asyncio
import io
import os
import sys

from flashsim import Flash
from microtetherdb import DBClosed, DBLock, MicroTetherDB, QueryError
import microtetherdb.steps as steps
from microtetherdb.storage import places
from microtetherdb.query import index_entries as _index
from nightly import COARSER, NIGHTLY

NAME = "calls.db"
COPY = "copy.db"
N = 34


class EachStep:
    """Stands for the module `time`, so that each step is followed by a turn of the loop."""

    ticks = 0

    def ticks_ms(self):
        self.ticks += 100
        return self.ticks

    def ticks_diff(self, a, b):
        return a - b


def remove(name):
    for end in ("", ".new", ".part", ".part.new"):
        try:
            os.remove(name + end)
        except OSError:
            pass


class Lab:
    def __init__(self, kind):
        self.kind = kind
        self.device = None

    def fresh(self):
        remove(NAME)
        remove(COPY)
        if self.kind == "region":
            self.device = Flash(48)
        db = self.open()
        db.create_index("n")
        db.put_batch([("k%02d" % i, {"n": i % 9, "m": [i, -i], "s": "x" * (i * 7 % 60)}) for i in range(N)])
        for i in range(3):
            db.put("t%d" % i, {"n": 20 + i, "m": i}, ttl=1000, tags=["tag"])
            db.put("gone%d" % i, {"n": 5}, ttl=0.001)
        db.flush()
        return db

    def open(self):
        if self.kind == "ram":
            return MicroTetherDB(ttl_check_interval=1000)
        target = NAME if self.kind == "file" else self.device
        return MicroTetherDB(target, in_memory=False, ttl_check_interval=1000, btree_cachesize=0)

    def names(self):
        return 0 if self.kind == "ram" else 1


def lines():
    return io.StringIO("".join('{"_id":"l%02d","data":{"n":%d}}\n' % (i, i) for i in range(12)))


CALLS = {
    "create": lambda db: db.create_index_async("m"),
    "drop": lambda db: db.drop_index_async("n"),
    "backup": lambda db: db.backup_async(COPY),
    "check": lambda db: db.check_async(),
    "cleanup": lambda db: db.cleanup_async(),
    "dump": lambda db: db.dump_async(io.StringIO()),
    "load": lambda db: db.load_async(lines()),
    "query": lambda db: db.query_async({"n": {"$gte": 0}}, keys=True),
    "count": lambda db: db.count_async({"n": {"$gt": 3}}),
    "delete": lambda db: db.delete_many_async({"n": {"$in": [3, 4]}}),
    "update": lambda db: db.update_many_async({"n": {"$gte": 5}}, {"$inc": {"n": 1}}),
}


async def _pops(db):
    while found := await db.pop_first_async("k"):
        n = found[1]["n"]
        await asyncio.sleep_ms(0)
        if n == 7:
            db.put("z" + found[0], {"n": 3}, tags=["tag"])


async def _chunks(db):
    n = 0
    chunks = db.dump_chunks({"n": {"$gte": 0}}, ["_id", "n"], "csv", size=40)
    try:
        async for text in chunks:
            n += len(text)
            await asyncio.sleep_ms(0)
    finally:
        chunks.close()
    return n


async def _writes(db):
    for i in range(8):
        db.write([("k%02d" % (i * 9 % N), {"n": i}), ("w%d" % i, {"n": i, "m": [i]})], ["k%02d" % (i * 10 + 1), "t%d" % i], tags=["tag"])
        await asyncio.sleep_ms(0)
        db.pop_first(tags=["tag"])
        db.replace("k%02d" % (i * 3), {"n": i})


async def _puts(db):
    # Changes before and behind the place where another call is.
    for i in range(16):
        db.put("k%02d" % (i * 14 % N), {"n": (i + 4) % 9, "m": i})
        db.put("a%d" % i, {"n": i}, tags=["tag"])
        db.delete("k%02d" % ((i * 10 + 1) % N))  # never put anew: that would be a new record
        db.delete("none")
        await asyncio.sleep_ms(0)


async def _purge(db):
    db.delete(purge=True)
    db.put("fresh", {"n": 1, "m": [1, 2]})


async def _steps(db):
    for i in range(12):
        with db._lock:
            if db._store.log is not None:
                db._store.log.step()
        db.flush()
        await asyncio.sleep_ms(0)


async def _close(db):
    db.close()


async def _at_once(db, call):
    call(db)


CALLS["pop"] = _pops
CALLS["chunks"] = _chunks
OTHERS = {
    "writes": _writes,
    "puts": _puts,
    "purge": _purge,
    "steps": _steps,
    "close": _close,
    "create at once": lambda db: _at_once(db, lambda db: db.create_index("m")),
    "drop at once": lambda db: _at_once(db, lambda db: db.drop_index("n")),
    "drop m": lambda db: db.drop_index_async("m"),
    "create n": lambda db: db.create_index_async("n"),
}


def held():
    return [name for name in places.open_files if places.open_files[name][0]]


def content(db):
    return {k: repr(v) if not isinstance(v, dict) else repr(sorted(v.items())) for k, v in db.items()}


def entries(db):
    """The numbers of indexes that have entries or are in the catalogue as not finished."""
    found = set(key[2] for key in db._store.scan(b"\0x", b"\0y", 1))
    return found | set(value[1] for _, value in db._store.scan(b"\0c", b"\0d") if value[0] != _index.READY)


def sound(db, lab, where, clean=True):
    assert not db._lock.locked(), where + ": the lock is held"
    assert len(held()) == lab.names(), "%s: open are %r" % (where, held())
    assert db._store.mirror is None, where + ": a mirror is left"
    assert db._moves is None, where + ": changes are kept for a query that has ended"
    for path, i in (db._indexes or {}).items():
        assert i.ready and not i.builders, "%s: the index on %s is kept up to date and not used" % (where, path)
    if clean:
        used = set([0] + [i.number for i in (db._indexes or {}).values()])
        assert not entries(db) - used, "%s: entries of an index that is not there: %r" % (where, entries(db))
    report = db.check()
    assert report["ok"], "%s: %r" % (where, report)
    for part in (".part", ".part.new"):
        assert COPY + part not in os.listdir(), "%s: %s is left" % (where, COPY + part)
    for key, low in (("n", 4), ("m", 0)):
        hits = sorted(k for k, _ in db.query({key: {"$gte": low}}, keys=True))
        scan = sorted(
            k
            for k, d in db.items()
            if any(isinstance(e, int) and e >= low for e in (d.get(key) if isinstance(d.get(key), list) else [d.get(key)]))
        )
        assert hits == scan, "%s: by index %r, by a scan %r" % (where, hits, scan)
    assert sorted(k for k, _ in db.query({"tags": "tag"}, keys=True)) == sorted(k for k, d in db.items() if "_tags" in d), where


def reopened(db, lab, where):
    """Close the database and open it again; what was left of an index goes at the next chance."""
    if lab.kind == "ram":
        db.close()
        return
    was = content(db)
    db.close()
    again(lab, where, was)


def again(lab, where, was=None):
    assert not held(), "%s: open are %r" % (where, held())
    db = lab.open()
    db.cleanup()
    assert was is None or content(db) == was, where + ": other records after reopening"
    sound(db, lab, where + ", reopened")
    db.close()


def copied(want, where):
    """The copy is complete, and what the database was at the end of the call."""
    with MicroTetherDB(COPY, in_memory=False) as copy:
        copy.cleanup()
        found = content(copy)
        assert found == want, "%s: the copy has %r" % (where, [k for k in set(list(found) + list(want)) if found.get(k) != want.get(k)])
        report = copy.check()
        assert report["ok"], "%s: the copy: %r" % (where, report)
        numbers = set([0] + [i.number for i in (copy._indexes or {}).values()])
        assert not entries(copy) - numbers, where + ": the copy has entries of no index"


async def _result(db, name, coro, was):
    try:
        out = await coro
    except (DBClosed, DBLock, QueryError) as e:
        return e
    if name == "backup":
        return content(db)
    if name == "query":
        keys = [k for k, _ in out]
        assert len(keys) == len(set(keys)), "a record twice"
        now = content(db)
        assert not [k for k in was if now.get(k) == was[k] and k not in keys], "a record is missed"
    return out


async def _turns(n, t):
    while n and not t.done():
        await asyncio.sleep_ms(0)
        n -= 1
    return not t.done()


async def cut(lab, name, how, stride=1, first=0):
    """Cancel a call, or close the database under it, or leave it and close, after each of its steps; returns how often."""
    n = first
    count = 0
    while True:
        count += 1
        db = lab.fresh()
        db._task.cancel()  # nothing happens but what is tried
        db._task = ()
        where = "%s: %s %s after step %d" % (lab.kind, name, how, n)
        t = asyncio.create_task(CALLS[name](db))
        going = await _turns(n + 1, t)
        if how == "cancelled":
            t.cancel()
        elif how == "closed":
            db._task = None
            db.close()
        else:
            asyncio.core._task_queue.remove(t)  # nobody ever goes on with it
            db._task = None
            db.close()
        if how != "left":
            try:
                await t
                assert not going or how == "cancelled" or name in ("load", "chunks"), where + ": it went on"
            except (asyncio.CancelledError, DBClosed) as e:
                assert isinstance(e, DBClosed) == (how == "closed"), where + ": %r" % e
        if how == "cancelled":
            sound(db, lab, where)
            db.put("after", {"n": 3, "m": 4})
            db._task = None
            reopened(db, lab, where)
        else:
            assert not held(), "%s: open are %r" % (where, held())
            assert COPY + ".part" not in os.listdir(), where + ": a part is left"
            if lab.kind != "ram":
                again(lab, where)
        if not going:
            return count
        n += stride


async def pair(lab, a, b, stride=1, first=0):
    """Begin `b` after each step of `a`; both go on to the end. Returns how often."""
    n = first
    count = 0
    while True:
        count += 1
        db = lab.fresh()
        db._task.cancel()
        db._task = ()
        where = "%s: %s, after step %d %s" % (lab.kind, a, n, b)
        was = {k: v for k, v in content(db).items()}
        try:
            s = asyncio.create_task(_result(db, a, CALLS[a](db), was))
            going = await _turns(n + 1, s)
            if b == "close":
                db._task = None
            t = asyncio.create_task(_result(db, b, (OTHERS.get(b) or CALLS[b])(db), was))
            ra = await s
            rb = await t
        except BaseException:
            print("AT", where)
            raise
        for r in (ra, rb):
            if isinstance(r, DBClosed):
                assert b == "close", where + ": %r" % r
            if isinstance(r, DBLock):
                assert a == b == "backup" or a == "backup" and b == "backup", where + ": %r" % r
            if isinstance(r, QueryError):
                assert "dropped" in str(r) and ("drop" in a or "drop" in b), where + ": %r" % r
            if isinstance(r, dict) and "problems" in r:
                assert r["ok"], "%s: %r" % (where, r)
        db._task = None
        if b == "close":
            if lab.kind != "ram":
                again(lab, where)
        else:
            sound(db, lab, where)
            if "create" in a and "drop" not in b:
                assert "m" in db.indexes(), where + ": no index"
            if b == "create n" and a != "drop":
                assert "n" in db.indexes(), where
            for name, r in ((a, ra), (b, rb)):
                if name == "backup" and not isinstance(r, Exception):
                    want = r
            if "backup" in (a, b) and (a != b or not going):
                copied(want, where)
            reopened(db, lab, where)
        if not going:
            return count
        n += stride


HOLDING = ("create", "drop", "backup", "query", "check", "update")  # more than a place in the tree between two steps


async def _run(kind, stride):
    stride = 1 if NIGHTLY else stride * COARSER
    lab = Lab(kind)
    real = steps.time
    for name in CALLS:  # all modules are there
        db = lab.fresh()
        await CALLS[name](db)
        db.close()
    sys.modules["time"] = steps.time = EachStep()
    n = 0
    try:
        for i, name in enumerate(CALLS):
            holds = NIGHTLY or name in HOLDING
            for j, how in enumerate(("cancelled", "closed", "left")):
                if holds or how != "left":
                    n += await cut(lab, name, how, stride, (i + j) % stride)
            for j, other in enumerate(list(CALLS) + list(OTHERS)):
                if holds and (NIGHTLY or other in HOLDING or other in OTHERS):
                    n += await pair(lab, name, other, 4 * stride, (3 * i + j) % (4 * stride))
    finally:
        steps.time = real
        del sys.modules["time"]
        remove(NAME)
        remove(COPY)
    return n


def run(kind, stride):
    """`stride`: of the steps after which a call is cut off; four times that of those after which a second call begins."""
    return asyncio.run(_run(kind, stride))
