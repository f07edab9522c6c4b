# Berkeley DB gets no memory for a page that a scan wants (stock firmware; the library before it is malloc_fails.c): all records, or an exception.
import uctypes

from microtetherdb import DBError, MicroTetherDB
from scanfaults import READERS, fill, timed

timed()
numbers = uctypes.struct(0x10000000, {"n": (uctypes.ARRAY | 0, uctypes.INT32 | 5)}).n
numbers[0] = 512 + 24  # a page of the cache and what is before it
numbers[1] = 512 + 80

db = MicroTetherDB("scan.db", in_memory=False, ttl_check_interval=100000)
fill(db)
store = db._store
store._cachesize = 65536  # pages come into the cache, and none goes
total = 0
for i, name in enumerate(READERS):
    call = READERS[name]
    right = call(db)
    n = i % 3
    while True:
        db.flush()
        store._drop()
        db.get("none")  # opens the tree
        numbers[2] = n
        numbers[4] = 0
        numbers[3] = 1 + n % 2 * 1000
        try:
            got = call(db)
        except (DBError, MemoryError, OSError) as e:
            assert numbers[4], (name, n, e)
            got = right
        numbers[3] = 0
        assert got == right, (name, n, got, right)
        if not numbers[4]:
            break
        total += 1
        n += 1
    assert call(db) == right, name
assert db.check()["ok"]
print(total, "failed")
assert total > 300, total
print("OK")
