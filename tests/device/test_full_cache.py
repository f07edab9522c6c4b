# boards: unix unix32
# heap: 2m
"""SPEC 8: `DBFull` comes before anything is acknowledged that the next flush has no room for, also when a large cache holds changed pages back."""

import random

from flashsim import Flash
from microtetherdb import DBFull, MicroTetherDB

for cachesize, threshold in ((131072, 500), (16384, None)):
    random.seed(4)
    flash = Flash(32)
    db = MicroTetherDB(flash, in_memory=False, btree_cachesize=cachesize, flush_threshold=threshold)
    model = {}
    full = i = 0
    while full < 60:
        key = "%08x" % random.getrandbits(30)
        try:
            db.put(key, {"n": i, "text": "x" * 60})
            model[key] = i
        except DBFull:
            full += 1
        i += 1
    db.flush()
    print(cachesize, threshold, len(model), "documents, live", db._store.log.live, "of", db._store.log.medium.capacity())
    assert len(model) > 500
    db.close()
    with MicroTetherDB(flash, in_memory=False) as db:
        assert {key: d["n"] for key, d in db.items()} == model
print("OK")
