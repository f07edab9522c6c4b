# boards: unix unix32 m33
# heap: 190k
# SPEC section 1: opening and closing.
import os
import sys
import microtetherdb
from microtetherdb import MicroTetherDB, DBClosed, DBLock, DBCorrupt
from expect import raises

# defaults and where they came from
d = microtetherdb.defaults
assert "filename" in list(d) and d["btree_pagesize"] in (512, 1024)
assert d.source("max_retries")
assert "ttl_check_interval = " in repr(d)

# every argument is checked by name
raises(TypeError, "unknown argument: wrong", MicroTetherDB, wrong=1)
raises(TypeError, "filename", MicroTetherDB, 5)
raises(ValueError, "filename", MicroTetherDB, "")
raises(TypeError, "in_memory", MicroTetherDB, in_memory="yes")
raises(ValueError, "btree_pagesize", MicroTetherDB, btree_pagesize=500)
raises(ValueError, "ram_percentage", MicroTetherDB, ram_percentage=0)
raises(TypeError, "event_loop", MicroTetherDB, event_loop=3)

# context manager closes; close twice; any other call raises DBClosed
with MicroTetherDB() as db:
    db.put("a", 1)
    assert "RAM" in repr(db)
db.close()
for f in (
    lambda: db.get("a"),
    lambda: db.put(1),
    lambda: db.delete("a"),
    lambda: len(db),
    lambda: db.keys(),
    lambda: db.flush(),
    lambda: db.stats(),
    lambda: db.put_batch([1]),
    lambda: "a" in db,
    db.__enter__,
):
    raises(DBClosed, "closed", f)
assert "closed" in repr(db)

# leaving on an exception closes too
try:
    with MicroTetherDB("o.db", in_memory=False) as db:
        db.put("k", {"v": 1})
        raise ZeroDivisionError
except ZeroDivisionError:
    pass
raises(DBClosed, "closed", db.get, "k")

# everything flushed at close; positional arguments; one opening per file
db = MicroTetherDB("o.db", False)
assert db.get("k") == {"v": 1}
raises(DBLock, "open", MicroTetherDB, "o.db", False)
raises(DBLock, "open", MicroTetherDB, os.getcwd().rstrip("/") + "/o.db", False)
db.close()
MicroTetherDB("o.db", False).close()
os.remove("o.db")

# a relative name is that of the folder in which it was opened, whatever folder the program goes to
os.mkdir("elsewhere")
db = MicroTetherDB("o.db", False)
db.put("k", {"v": 0})
db.flush()
os.chdir("elsewhere")
for i in range(300):
    db.put("k%d" % (i % 10), {"v": i, "pad": "p" * 400})
assert db.get("k") == {"v": 0}
db.close()
assert os.listdir() == []
os.chdir("..")
os.rmdir("elsewhere")
with MicroTetherDB("o.db", False) as db:
    assert db.get("k9")["v"] == 299 and len(db) == 11
os.remove("o.db")

# not a database: DBCorrupt, left as it was
with open("t.txt", "w") as f:
    f.write("this is my diary, not a database\n" * 40)
raises(DBCorrupt, "t.txt", MicroTetherDB, "t.txt", False)
with open("t.txt") as f:
    assert f.read() == "this is my diary, not a database\n" * 40
os.remove("t.txt")

# too little RAM: falls back to the file and says so once
said = []
microtetherdb.on_warning, old = said.append, microtetherdb.on_warning
import microtetherdb.opening as opening

least, opening._MIN_QUOTA = opening._MIN_QUOTA, 1 << 30
db = MicroTetherDB("fall.db")
assert len(said) == 1 and "fall.db" in said[0], said
db.put("x", 1)
db.close()
db = MicroTetherDB("fall.db", in_memory=False)
assert db["x"] == 1
db.close()
os.remove("fall.db")
microtetherdb.on_warning = old
opening._MIN_QUOTA = least

# a percentage may be a float
with MicroTetherDB(ram_percentage=20.5) as db:
    db.put("a", 1)
    assert db.stats()["quota"].__class__ is int

# what opening forgets again may have gone already
for name in ("microtetherdb.storage", "microtetherdb.opening"):
    with MicroTetherDB() as db:
        db.put("a", 1)
    sys.modules.pop(name, None)
    with MicroTetherDB("fall.db", in_memory=False) as db:
        db.put("a", 1)
os.remove("fall.db")
print("OK")
