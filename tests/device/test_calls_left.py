# boards: unix unix32
# heap: 3m
# SPEC sections 5, 6: finds that are left, a backup whose medium fails, names that a database owns, a loop that starts later.
import asyncio
import gc
import os
import vfs

from expect import raises
from flashsim import Flash
from microtetherdb import DBClosed, DBFull, DBLock, MicroTetherDB, QueryError
import microtetherdb.backup as transfer


def remove(*names):
    for name in names:
        for end in ("", ".new", ".part", ".part.new"):
            try:
                os.remove(name + end)
            except OSError:
                pass


# Finds that are left with `break` hinder no other and cost later puts nothing, whatever changes meanwhile.
db = MicroTetherDB(ram_percentage=30)
db.create_index("a")
db.put_batch([("k%03d" % i, {"a": i}) for i in range(300)])
for left in (1, 12):
    for step in (None, "a", "-a"):
        seen = []
        turn = 0
        for key, d in db.find({"a": {"$gte": 0}}, keys=True, sort=step):
            seen.append(key)
            for i in range(left):
                for _ in db.find({"a": {"$gt": i}}):
                    break
            turn += 1
            for i in range(3):  # behind and before the walk
                n = (turn * 37 + i * 100) % 300
                db.put("k%03d" % n, {"a": (n * 7 + turn) % 300})
        assert sorted(seen) == ["k%03d" % i for i in range(300)], (left, step, len(seen), len(set(seen)))
for i in range(200):
    db.put("k%03d" % i, {"a": i + 1000})
assert db._moves is None  # nobody asks any more
found = db.find({"a": {"$gte": 0}})
next(found)
for i in range(200):
    db.put("k%03d" % i, {"a": i})
raises(QueryError, "moved", list, found)
found = db.find({"a": {"$gte": 0}})
next(found)
db.drop_index("a")
raises(QueryError, "dropped", list, found)
db.create_index("a")
found = db.find({"a": {"$gte": 0}})
next(found)
found.close()
assert db._moves is None
found = db.find({"a": {"$gte": 0}})
next(found)
db.close()
raises(DBClosed, "closed", next, found)
found.close()

# A backup that fails at any moment fails alone.
gc.collect()
flash = Flash(24)
flash.data = [bytearray(block) for block in flash.data]  # while there are large pieces of the heap
flash.own = bytearray(b"\1" * 24)
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/sd")
for kind in ("ram", "file"):
    for keys in ("a%04d", "z%04d"):  # copied at once; at the end
        remove("left.db")
        gc.collect()
        db = MicroTetherDB("left.db", in_memory=kind == "ram", ram_percentage=30)
        db.put_batch([("k%03d" % i, {"n": i}) for i in range(300)])
        steps = transfer.backup_steps(db, "/sd/copy.db")
        n = 0
        error = None
        while error is None:
            try:
                next(steps)
            except DBFull as e:
                error = e
            for i in range(40 if keys[0] == "a" else 4):
                db.put(keys % n, {"text": "x" * 400})
                n += 1
        assert n >= 40 and len(db) == 300 + n and db._store.mirror is None
        assert os.listdir("/sd") == [], os.listdir("/sd")
        assert db.check()["ok"]
        db.put("after", 1)
        db.delete(purge=True)
        db.put("few", 1)
        assert db.backup("/sd/copy.db") == 1  # its name is free
        os.remove("/sd/copy.db")
        db.close()
vfs.umount("/sd")

# Names.
remove("left.db", "copy.db")
with MicroTetherDB("left.db", in_memory=False) as db:
    db.put("a", 1)
    for name in ("left.db.new", "left.db.part", "other.new", "./left.db.part"):
        raises(ValueError, "belongs", db.backup, name)
        raises(ValueError, "belongs", MicroTetherDB, name, in_memory=False)
    for name in ("left.db", "./left.db", "../" + os.getcwd().rsplit("/", 1)[1] + "/left.db"):
        raises(ValueError, "this database", db.backup, name)
    one = transfer.backup_steps(db, "copy.db")
    db.put_batch([("k%02d" % i, 1) for i in range(20)])
    next(one)
    raises(DBLock, "going on", db.backup, "second.db")
    raises(DBLock, "open", MicroTetherDB, "copy.db", in_memory=False)
    one.close()
    assert "copy.db.part" not in os.listdir()
    with MicroTetherDB("copy.db", in_memory=False) as other:
        raises(DBLock, "open", db.backup, "copy.db")
        raises(DBLock, "open", other.backup, "left.db")
        assert not [n for n in os.listdir() if n.startswith("second") or n.endswith(".part")], os.listdir()
    assert db.backup("copy.db") == 21
remove("left.db", "copy.db")

# A database that was opened, and used, before the loop started.
db = MicroTetherDB(ttl_check_interval=0.05)
for i in range(7):
    db.put("k%d" % i, i)
db.flush()


async def main():
    assert db._task is None
    db.put("x", 1, ttl=0.1)
    assert db._task is not None
    await asyncio.sleep_ms(400)
    assert db.stats()["expired"] == 1
    db.close()
    await asyncio.sleep_ms(0)


asyncio.run(main())
print("OK")
