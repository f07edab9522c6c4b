# boards: unix unix32 rp2
# Issue "library", 4: background work never takes more than 10 ms of a Pico's CPU without yielding: expiry, flush, compaction.
# The emulator keeps the chip's clock, but flash costs no time there. Elsewhere only the bounds that are counted are checked.
import gc
import sys
import time
from microtetherdb import MicroTetherDB
import microtetherdb.background as task
from nightly import FEW

PICO = sys.platform == "rp2"
LIMIT = 10000  # us
longest = {}
written = []


def pieces(name, db, work):
    n = 0
    while True:
        gc.collect()
        before = db._store.log.pages_written if not db._store.ram else 0
        t = time.ticks_us()
        more = task._piece(db, work)
        t = time.ticks_diff(time.ticks_us(), t)
        n += 1
        longest[name] = max(longest.get(name, 0), t)
        if name == "flush":
            written.append(db._store.log.pages_written - before)
        if not more:
            return n


def doc(i):
    return {"sensor": "s%02d" % i, "room": "kitchen", "n": i, "temp": i / 10, "hum": i * 7 % 100, "ok": True}


def later(db):
    db._clock._s += 61
    db._clock._line_s += 61


N = 30 if FEW else 40
for medium in ({"ram_percentage": 30}, {"filename": "flash:", "in_memory": False, "btree_cachesize": 6144}):
    db = MicroTetherDB(**medium)
    db.delete(purge=True)
    db.put("t0", doc(0), ttl=5, tags=["a"])  # loads the modules
    later(db)
    db.cleanup()
    db.put_batch([("b%04d" % (j * 7 % N), doc(j)) for j in range(N)])
    for i in range(4 if FEW else 8):
        db.put("t%04d" % (i * 7 % N), doc(i), ttl=5)
    for i in range(6 if FEW else 12):
        db.put("g%04d" % (i * 7 % N), doc(i), tags=["a", "b%d" % (i % 5)], ttl=5)
    later(db)
    assert pieces("expire", db, task._expire) > (10 if FEW else 20)
    if not db._store.ram:
        db.flush()
        db.put_batch([("b%04d" % j, doc(j + 1)) for j in range(0, N, 3)])
        for j in range(1, N, 9):
            db.put("b%04d" % j, doc(j + 2))
        assert pieces("flush", db, task._flush) > (1 if FEW else 2)
        assert not db._store.dirty()
        pieces("step", db, task._step)
    pieces("sweep", db, task._sweep)
    assert db["b0001"]["n"] >= 0 and len(db) == N
    db.close()
assert max(written[:-1]) <= 1 and written[-1] <= 3, written  # a page a piece; the last one with the clock's state
if PICO:
    print(longest)
    assert max(longest.values()) < LIMIT, longest
print("OK")
