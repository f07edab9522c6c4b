# boards: faults faults32
# SPEC sections 2, 6: first calls, which load modules, under Ctrl-C and lack of RAM at every place: the next call finds them whole.
import gc
import os
import sys

import faults
from nightly import COARSER, NIGHTLY

STEP = 1 if NIGHTLY else 11 * COARSER


def forget():
    for name in list(sys.modules):
        if name.startswith("microtetherdb"):
            sys.modules.pop(name)


def work(db):
    db.put("a", {"n": [1, {"deep": 2}]}, ttl=100, tags=["x"])
    db.create_index("n")
    db.update("a", {"$push": {"n": {"$each": [0], "$sort": 1}}})
    assert db.query({"n": 0}, sort="n", fields=["n"]) and db.query({"s": {"$regex": "a"}}) == [] and list(db.find('{"n": 0}'))
    assert db.explain({"tags": "x"}) and db.stats() and db.put_batch([{"k": 1}]) and db.delete_many({"k": 1}) == 1
    db.backup("copy.db")


def case(arm, n):
    """First calls with a fault; returns whether it happened."""
    forget()
    gc.collect()
    import microtetherdb

    db = None
    try:
        arm(n, 0)
        db = microtetherdb.MicroTetherDB("loading.db", in_memory=False)
        work(db)
        fired = faults.off()
    except (MemoryError, KeyboardInterrupt, microtetherdb.DBError):
        fired = faults.off()
    where = "%r, fault %d" % (arm, n)
    try:
        if db is None:
            db = microtetherdb.MicroTetherDB("loading.db", in_memory=False)
        db.delete(purge=True)
        for path in list(db.indexes()):
            db.drop_index(path)
        work(db)
        assert db.check()["ok"]
        db.close()
        with microtetherdb.MicroTetherDB("loading.db", in_memory=False) as db:
            assert len(db) == 1
    except BaseException:
        print("AT", where)
        raise
    for name in ("loading.db", "copy.db"):
        os.remove(name)
    return fired


for arm in (faults.interrupt, faults.starve):
    n = 1
    while case(arm, n):
        n += STEP
    assert n > 300, n
print("OK")
