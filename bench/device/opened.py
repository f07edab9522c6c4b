# Heap bytes of import and opening, in a script as small as it gets: names of a script's own make MicroPython extend its table
# of names now and then, which would be counted here. Argument: ram, file or region.

import gc
import sys


def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def opened(**kw):
    a = used()
    import microtetherdb

    b = used()
    db = microtetherdb.MicroTetherDB(**kw)
    return a, b, used(), db


which = sys.argv[1]
if which == "ram":
    a, b, c, db = opened(ram_percentage=50)
elif which == "file":
    a, b, c, db = opened(filename="opened.db", in_memory=False, btree_cachesize=32)
else:
    a, b, c, db = opened(filename="flash:", in_memory=False)
db.put("k", {"n": 1})
db.get("k")
db.delete("k")
d = used()
if which == "file":
    db.put_batch([("k%04d" % i, {"n": i, "pad": "x" * 60}) for i in range(200)])
    for i in range(200, 1000):
        db.put("k%04d" % i, {"n": i, "pad": "x" * 60})
db.close()
db = None
e = used()
if which == "ram":
    print('{"bench": "ram", "case": "import", "bytes": %d}' % (b - a))
print('{"bench": "ram", "case": "open, %s", "bytes": %d}' % (which, c - b))
print('{"bench": "ram", "case": "open, %s, after put, get, delete", "bytes": %d}' % (which, d - b))
print('{"bench": "ram", "case": "closed, %s", "bytes": %d}' % (which, e - b))
