# boards: unix
"""SPEC 5: a flush never stalls longer than one erase block's work: at most one erase and one block of programs a call.

20,000 operations on a raw region that is filled to 80 %.
"""

import random

from flashsim import Flash
from microtetherdb import MicroTetherDB

random.seed(4)
flash = Flash(128)
db = MicroTetherDB(flash, in_memory=False)
capacity = db._store.log.medium.capacity()
n = 0
keys = []


def document():
    global n
    n += 1
    return {"id": n, "name": "sensor-%d" % (n % 50), "value": random.getrandbits(14), "unit": "C", "place": "north-west"}


while True:
    key = "%08x" % random.getrandbits(30)
    keys.append(key)
    db.put(key, document())
    if n % 100 == 0 and db.stats()["live"] >= 0.8 * capacity:
        break

worst = erases = programs = 0
histogram = {}
flash.clear_counts()
for i in range(20000):
    was = flash.erases, flash.programs
    kind = i % 10
    at = random.randrange(len(keys))
    if kind == 0:
        db.delete(keys[at])
        keys[at] = keys[-1]
        keys.pop()
    elif kind == 1:
        keys.append("%08x" % random.getrandbits(30))
        db.put(keys[-1], document())
    else:
        db.put(keys[at], document())
    e, p = flash.erases - was[0], flash.programs - was[1]
    erases = max(erases, e)
    programs = max(programs, p)
    histogram[p] = histogram.get(p, 0) + 1
print("documents", len(keys), "fill", db.stats()["live"] / capacity, "of the region", db.stats()["live"] / flash.size())
print("worst call: erases", erases, "programs", programs)
print("a call on average: erases", flash.erases / 20000, "programs", flash.programs / 20000)
print(sorted(histogram.items()))
assert erases <= 1, erases
assert programs <= 16, programs
db.close()
print("OK")
