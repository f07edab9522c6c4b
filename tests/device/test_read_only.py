# boards: unix unix32 m33
# heap: 8m
# qemu heap: 4m
# SPEC section 1: create=False, read_only=True and MicroTetherDB.remove(), on files, file systems and regions.
import os
import vfs
from binascii import crc32

from cutlab import Medium
from expect import raises
from flashsim import Flash
from microtetherdb import DBClosed, DBCorrupt, DBError, DBLock, MicroTetherDB
from microtetherdb.storage import places
from nightly import FEW


def image(flash):
    """What a flash holds, told from anything else."""
    return [crc32(b) for b in flash.data]


def fill(db, n):
    for i in range(n):
        db.put("k%03d" % i, {"n": i, "text": "x" * 40}, tags=["t%d" % (i % 3)], ttl=5000 if i % 5 == 0 else None)
    db.put("gone", {"n": 1}, ttl=0.001)
    db.create_index("n")


def reads(db, n, extra=0):
    """Everything that only reads."""
    wanted = [k for k in db]
    assert len(wanted) == n == len(db) == db.count() == db.count({}) and "gone" not in db, (len(wanted), len(db), n)
    assert db["k001"]["n"] == 1 and db.get("none", 5) == 5 and db.ttl("k000") > 4000 and db.ttl("k001") is None
    assert db.count({"n": {"$gte": 0}}) == n - extra and len(db.query({"tags": "t1"})) == len(
        db.query({"_id": {"$gte": "k001"}, "tags": "t1"})
    )
    assert db.explain({"n": 5})["plan"] == "index" and db.count({"n": 1}) == 1 and db.indexes() == ["n"]
    assert db.stats()["records"] == n and "%d records" % n in repr(db)
    assert db.check()["ok"], db.check()


CHANGES = (
    lambda db: db.put({"n": 1}),
    lambda db: db.put("k001", {"n": 1}),
    lambda db: db.put("k001", {"n": 1}, ttl=5, tags=["x"]),
    lambda db: db.put("k001", {"n": 1}, durable=True),
    lambda db: db.put_batch([1, 2]),
    lambda db: db.put_batch([1, 2], tags=["x"]),
    lambda db: db.write([1], ["k001"]),
    lambda db: db.delete("k001"),
    lambda db: db.delete_batch(["k001"]),
    lambda db: db.delete(purge=True),
    lambda db: db.delete_many({"n": 1}),
    lambda db: db.update("k001", {"n": 2}),
    lambda db: db.update_many({"n": 1}, {"n": 2}),
    lambda db: db.replace("k001", {"n": 2}),
    lambda db: db.expire("k001", 5),
    lambda db: db.pop_first(),
    lambda db: db.create_index("text"),
    lambda db: db.drop_index("n"),
)


def refuses(db):
    for i, change in enumerate(CHANGES):
        e = raises(DBError, "read_only", change, db)
        assert type(e) is DBError, i
    db.flush()
    assert db.cleanup() == 0 and db._store.mirror is None


def file():
    name = "ro.db"
    raises(OSError, "ro.db", MicroTetherDB, name, create=False)
    raises(OSError, "ro.db", MicroTetherDB, name, in_memory=False, create=False)
    raises(OSError, "ro.db", MicroTetherDB, name, read_only=True)
    assert name not in os.listdir() and not [n for n in places.open_files if places.open_files[n][0]]
    for kw in ({"create": False}, {"read_only": True}):
        raises(ValueError, "in_memory=True", MicroTetherDB, name, True, **kw)
        raises(ValueError, "in_memory=True", MicroTetherDB, name, in_memory=True, **kw)
    with MicroTetherDB(name, in_memory=False, create=True) as db:
        fill(db, 60)
    with MicroTetherDB(name, create=False) as db:
        assert not db._store.ram and db.put("new", {"n": 100}) == "new" and db.delete("new") == 1
    was = content(name)
    for _ in range(2):
        with MicroTetherDB(name, read_only=True, max_records=3, ttl_check_interval=0.01) as db:
            assert "ro.db" in repr(db)
            reads(db, 60)
            refuses(db)
            reads(db, 60)
            raises(DBLock, "open already", MicroTetherDB, name, in_memory=False)
            raises(DBLock, "open already", MicroTetherDB, name, read_only=True)
            raises(DBLock, "open already", MicroTetherDB.remove, name)
            assert db.backup("ro2.db") == 60 + ("gone" in [k.decode() for k in db._store.scan(b"g", b"h", 1)])
            with open("ro.txt", "w") as f:
                assert db.dump(f) == 60
        assert content(name) == was, "changed"
        raises(DBClosed, "closed", db.get, "k001")
        db.close()
    with MicroTetherDB("ro2.db", in_memory=False) as db:
        reads(db, 60)
    assert MicroTetherDB.remove("./ro2.db") is True and MicroTetherDB.remove("ro2.db") is False
    # both files, in any state, and what a backup left
    for ends in (("",), (".new",), ("", ".new"), ("", ".new", ".part", ".part.new"), (".part",), ()):
        for end in ends:
            with open("ro2.db" + end, "wb") as f:
                f.write(b"MTdb and rubbish")
        assert MicroTetherDB.remove("ro2.db") is bool(ends) and not [n for n in os.listdir() if n.startswith("ro2")], ends
    os.mkdir("ro.dir")
    raises(OSError, "ro.dir", MicroTetherDB.remove, "ro.dir")
    os.rmdir("ro.dir")
    raises(ValueError, "belongs to", MicroTetherDB.remove, "ro.db.new")
    with open("ro.txt", "w") as f:
        f.write("not a database")
    raises(DBCorrupt, "not a database", MicroTetherDB, "ro.txt", read_only=True)
    with open("ro.txt") as f:
        assert f.read() == "not a database"
    os.remove("ro.txt")
    assert MicroTetherDB.remove(name) and not [n for n in places.open_files if places.open_files[n][0]]


def content(name):
    out = []
    for end in ("", ".new"):
        try:
            with open(name + end, "rb") as f:
                crc = n = 0
                while data := f.read(512):
                    crc = crc32(data, crc)
                    n += len(data)
                out.append((crc, n))
        except OSError:
            out.append(None)
    return out


def media(kind, cuts):
    # After a cut at any operation, reading changes no byte of the device, and sees what an ordinary opening sees.
    medium = Medium(kind)
    flash = medium.new({"region": 16, "lfs": 40, "fat": 40}[kind])
    target, where = medium.mount(flash)
    if kind == "region":
        raises(OSError, "", MicroTetherDB, target, read_only=True)
        raises(OSError, "", MicroTetherDB, target, create=False)
    copies = []
    seen = [0]
    tears = {"region": ("prefix", "bits", "byte"), "fat": ("none",)}.get(kind, ("prefix", "bits"))

    def watch(f, n):
        seen[0] += 1
        if seen[0] % cuts == 0:
            f.watch = None
            copies.extend(copy for copy, _ in f.copies(tears))
            f.watch = watch

    flash.watch = watch
    db = MicroTetherDB(target, in_memory=False, retry_delay=0)
    for i in range(40 if FEW else 160):
        db.put("k%02d" % (i % 30), {"n": i, "text": "y" * 60}, tags=["t"])
        if i % 10 == 0:
            db.flush()
    db.close()
    flash.watch = None
    medium.unmount(where)
    n = two = 0
    while copies:
        copy = copies.pop()
        was = image(copy)
        target, where = medium.mount(copy)
        copy.ops = 0
        try:
            with MicroTetherDB(target, read_only=True, retry_delay=0) as db:
                found = dict(db.items())
                raises(DBError, "read_only", db.put, "a", 1)
                raises(DBError, "read_only", db.put, {"a": 1})
                assert db.check()["ok"] and len(db) == len(found)
                if where:
                    two += len([name for name in os.listdir(where) if name.startswith("x.db")]) == 2
        except OSError as e:  # the cut came before there was a database
            assert e.args[0] == 2, e
            found = None
        assert image(copy) == was and not copy.ops, (kind, n)
        with MicroTetherDB(target, in_memory=False, retry_delay=0) as db:
            assert dict(db.items()) == (found or {}), (kind, n)
        medium.unmount(where)
        n += 1
    assert n >= (3 if FEW else 12), n
    return n, two


def region():
    flash = Flash(16)
    with MicroTetherDB(flash, in_memory=False) as db:
        fill(db, 30)
    was = image(flash)
    with MicroTetherDB(flash, read_only=True) as db:
        reads(db, 30)
        refuses(db)
    assert image(flash) == was
    with MicroTetherDB(flash, create=False) as db:
        assert db.delete("k001") == 1
    raises(TypeError, "filename", MicroTetherDB.remove, flash)


file()
region()
for kind in ("region", "lfs", "fat") if hasattr(vfs, "VfsFat") else ("region", "lfs"):
    print(kind, media(kind, 29 if FEW else 5))
print("OK")
