# boards: unix unix32
# SPEC sections 2, 5: `preload` loads what a first call would load; first calls need little stack in a thread.
import _thread
import sys
import time

import microtetherdb
from microtetherdb import MicroTetherDB

# dir() and TAB ask for each name that the firmware knows: they must not load the package for it
assert {"MicroTetherDB", "DBFull", "QueryError", "defaults", "preload", "ota", "on_warning"} <= set(dir(microtetherdb))
loaded = [name for name in sys.modules if name.startswith("microtetherdb.")]
assert len(loaded) < 20 and "microtetherdb.query" not in loaded and "microtetherdb.storage" not in loaded, loaded

db = MicroTetherDB()
db.put("a", {"n": 1})
for bad in ("nothing", "", 3, "query_steps"):
    try:
        microtetherdb.preload("stats", bad)
        assert False, bad
    except ValueError as e:
        assert repr(bad) in str(e), e

assert not sys.modules.get("microtetherdb.query.run")
_thread.stack_size(20 * 1024)
out = []


def run():
    try:
        out.append(db.query({"n": {"$gt": 0}}))
    except Exception as e:
        out.append(e)


_thread.start_new_thread(run, ())
while not out:
    time.sleep_ms(1)
assert out == [[{"n": 1}]], out

microtetherdb.preload("put", "delete_many", "query_async", "cleanup_async", "find", "explain", "check", "update", "create_index")
loaded = set(sys.modules)
db.delete_many({"n": 2})
list(db.find({"n": 1}))
db.check()
assert loaded == set(sys.modules), set(sys.modules) - loaded
db.close()
print("OK")
