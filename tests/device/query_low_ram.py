# A query over 5,000 records on file with 20 KB of free heap (issue "queries", 4). Arguments: make | run.
import gc
import sys

from microtetherdb import MicroTetherDB

db = MicroTetherDB("big.db", in_memory=False)
if sys.argv[1] == "make":
    for i in range(5000):
        db.put("k%05d" % i, {"sensor": "s%02d" % (i % 50), "n": i % 100, "temp": (i * 37 % 400) / 10, "city": "Oslo", "ok": i % 3 == 0})
else:
    db.count({"n": 1})
    hog = []
    for size in (1024, 256, 64, 16):
        gc.collect()
        try:
            while gc.mem_free() > 20480 + size:
                hog.append(bytearray(size))
        except MemoryError:
            pass
    gc.collect()
    print("free", gc.mem_free())
    assert gc.mem_free() < 21000
    print(
        sum(1 for d in db.find({"n": {"$gte": 50}})),
        len(list(db.find({}, sort="-temp", limit=20))),
        db.count({"sensor": "s01", "ok": False}),
    )
db.close()
