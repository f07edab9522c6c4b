"""Microseconds an operation in a small database; where the clock counts instructions (QEMU with -icount), thousands of those.

Prints JSON: {"MEDIUM operation": microseconds}.
"""

import gc
import json
import time

from microtetherdb import MicroTetherDB, preload

N = 60
FLAT = {"id": 17, "room": "kitchen", "temp": 21.5, "hum": 40, "ok": True, "note": "window open"}
NESTED = {"id": 17, "at": {"room": "kitchen", "floor": 2}, "temps": [21.5, 22, 20], "ok": True}
out = {}


def timed(name, work, n=N):
    """Do `work(i)` n times after two others, without a collection in between; keep the microseconds of one."""
    work(n)
    work(n + 1)
    gc.collect()
    gc.disable()
    t = time.ticks_us()
    for i in range(n):
        work(i)
    t = time.ticks_diff(time.ticks_us(), t)
    gc.enable()
    out[name] = round(t / n, 3)


def fill(db):
    for i in range(N):
        db.put("k%03d" % i, {"n": i, "g": i % 6, "text": "text %d" % (i * i)})


def first_query():
    """What the first query of a program costs: modules are loaded, by the warm-up here, and nothing is left to do then."""
    with MicroTetherDB(ram_percentage=40) as db:
        for i in range(20):
            db.put("k%03d" % i, {"n": i, "g": i % 6})
        t = []
        for work in (lambda: preload("query"), lambda: db.query({"g": 3}), lambda: db.query({"g": 3})):
            gc.collect()
            gc.disable()
            a = time.ticks_us()
            work()
            t.append(time.ticks_diff(time.ticks_us(), a))
            gc.enable()
        out["preload of query"] = t[0]
        out["first query after preload, beyond the second"] = max(0, t[1] - t[2])


first_query()
MEDIA = (("ram", {"ram_percentage": 40}), ("region", {"filename": "flash:", "in_memory": False}))

for medium, how in MEDIA:
    db = MicroTetherDB(**how)
    db.delete(purge=True)
    timed(medium + " put flat", lambda i: db.put("k%03d" % i, FLAT))
    timed(medium + " put nested", lambda i: db.put("k%03d" % i, NESTED), 30)
    timed(medium + " get", lambda i: db.get("k%03d" % i))
    timed(medium + " delete", lambda i: db.delete("k%03d" % i))
    db.delete(purge=True)
    timed(medium + " put tags", lambda i: db.put("k%03d" % i, FLAT, tags=["a", "b"]), 20)
    timed(medium + " put ttl", lambda i: db.put("k%03d" % i, FLAT, ttl=60), 20)
    db.delete(purge=True)
    fill(db)
    if medium == "region":
        timed("region flush of 5", lambda i: (db.put_batch([("k%03d" % (i + k), FLAT) for k in range(5)]), db.flush()), 5)
        fill(db)
    for name, q in (
        ("equality", {"g": 3}),
        ("range", {"n": {"$gt": 50}}),
        ("regex", {"text": {"$regex": "1$"}}),
        ("or", {"$or": [{"n": 3}, {"g": 1}]}),
    ):
        timed("%s query %s of %d" % (medium, name, N), lambda i: db.query(q), 3)
    timed("%s count of %d" % (medium, N), lambda i: db.count({}), 3)
    db.create_index("n")
    timed(medium + " query by index", lambda i: db.query({"n": 7}), 5)
    db.drop_index("n")
    for i in range(12):
        db.put("t%d" % i, FLAT, ttl=0.001)
    time.sleep_ms(20)
    t = time.ticks_us()
    assert db.cleanup() == 12
    out[medium + " cleanup of 12"] = round(time.ticks_diff(time.ticks_us(), t), 3)
    db.close()
    gc.collect()
    t = time.ticks_us()
    db = MicroTetherDB(**how)
    out[medium + " open"] = round(time.ticks_diff(time.ticks_us(), t), 3)
    db.close()
for medium, how in MEDIA:  # last, as what an opening costs depends on what else is in RAM
    db = MicroTetherDB(**how)
    fill(db)
    timed(medium + " query by key", lambda i: db.query({"_id": "k007"}), 5)
    db.close()
print(json.dumps(out))
