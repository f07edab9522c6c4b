# boards: unix
"""SPEC 5: a flush never stalls longer than one erase block's work: at most one erase and one block of programs a call.

20,000 operations on a raw region that is filled to 80 %; and when it is nearly full, where compaction must not fall behind.
"""

import random

from flashsim import Flash
from microtetherdb import MicroTetherDB

random.seed(4)
flash = Flash(128)
db = MicroTetherDB(flash, in_memory=False, btree_cachesize=32)
capacity = db._store.log.medium.capacity()
n = 0
first = last = 0  # keys in use


def key(i):
    return "%08x" % (i * 2654435761 & 0xFFFFFFFF)  # spread, without keeping a list


def document():
    global n
    n += 1
    return {"id": n, "name": "sensor-%d" % (n % 50), "value": random.getrandbits(14), "unit": "C", "place": "north-west"}


def fill(share):
    global last
    while True:
        db.put(key(last), document())
        last += 1
        if n % 100 == 0 and db._store.log.live >= share * capacity:
            break


def measure(share, operations):
    global first, last
    erases = programs = 0
    histogram = {}
    flash.clear_counts()
    for i in range(operations):
        was = flash.erases, flash.programs
        kind = i % 10
        if kind == 0:
            db.delete(key(first))
            first += 1
        elif kind == 1:
            db.put(key(last), document())
            last += 1
        else:
            db.put(key(random.randrange(first, last)), document())
        e, p = flash.erases - was[0], flash.programs - was[1]
        erases = max(erases, e)
        programs = max(programs, p)
        histogram[p] = histogram.get(p, 0) + 1
    print("documents", last - first, "fill", db._store.log.live / capacity, "of the region", db._store.log.live / flash.size())
    print("worst call: erases", erases, "programs", programs)
    print("a call on average: erases", flash.erases / operations, "programs", flash.programs / operations)
    print(sorted(histogram.items()))
    assert erases <= 1, erases
    return programs


fill(0.8)
programs = measure(0.8, 20000)
assert programs <= 16, programs
fill(0.96)
programs = measure(0.96, 4000)
assert programs <= 20, programs
db.close()
print("OK")
