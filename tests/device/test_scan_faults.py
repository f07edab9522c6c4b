# boards: unix unix32
# SPEC section 4: a query returns the whole result or raises, whatever fails while it reads; so does every call that reads many records.
import os

from microtetherdb import MicroTetherDB
from nightly import COARSER
from scanfaults import IN_RAM, READ, READERS, backed, fill, prepared, readers, timed

timed()
db, _ = prepared()()
n = readers(db, READ, READERS)
n += readers(db, READ, {"backup": backed})
db.close()

try:
    os.remove("scan.db")
except OSError:
    pass
db = MicroTetherDB("scan.db", in_memory=False, btree_cachesize=0, max_retries=0, retry_delay=0, ttl_check_interval=100000)
fill(db)
n += readers(db, READ[:3], READERS)
db.close()

# In RAM: a tree whose pages were pushed out.
db = MicroTetherDB(ram_percentage=50, ttl_check_interval=100000)
fill(db)
store = db._store
store._cachesize = 0
store._rebuild()
n += readers(db, IN_RAM, READERS)
db.close()
print(n, "faults")
assert n > 500 // COARSER, n
print("OK")
