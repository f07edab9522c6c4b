# boards: unix unix32
# heap: 4m
# SPEC section 1: a file that cannot be is told when it is opened, by its path; a file name that is not used is told once.
import os
import vfs
import microtetherdb
from microtetherdb import MicroTetherDB, DBCorrupt
from expect import raises
from files import contents, write
from flashsim import Flash

said = []
microtetherdb.on_warning = said.append


def tree(path):
    # everything below a folder: {path: size}
    found = {}
    for entry in os.ilistdir(path):
        name = path + "/" + entry[0]
        found[name] = -1 if entry[1] == 0x4000 else os.stat(name)[6]
        if entry[1] == 0x4000:
            found.update(tree(name))
    return found


def look(where):
    os.mkdir(where + "/dir")
    write(where + "/file", b"")
    db = MicroTetherDB(where + "/open.db", in_memory=False)
    db.put("a", 1)
    db.flush()
    before = tree(where)
    for name in ("/sd/x.db", "/a/b/c.db", "/file/x.db", "/dir/no/x.db", "/dir"):
        for _ in range(2):  # the name is not left behind as open
            e = raises(OSError, where + name, MicroTetherDB, where + name, in_memory=False)
            assert e.args[0] in (2, 20, 21) and e.args[1] == where + name, e
        assert tree(where) == before, tree(where)
    for name in ("/sd/x.db", "/dir/no/x.db"):
        e = raises(OSError, where + name, db.backup, where + name)
    db.close()
    # a relative name, from a folder that is another one
    old = os.getcwd()
    os.chdir(where + "/dir")
    raises(OSError, where + "/dir/sd/x.db", MicroTetherDB, "sd/x.db", False)
    with MicroTetherDB("x.db", False) as db:
        db.put("k", 2)
    os.chdir(old)
    # a folder that comes later
    os.mkdir(where + "/sd")
    with MicroTetherDB(where + "/sd/x.db", in_memory=False) as db:
        db.put("k", 1)
    with MicroTetherDB(where + "/sd/x.db", in_memory=False) as db, MicroTetherDB(where + "/dir/x.db", in_memory=False) as other:
        assert db["k"] == 1 and other["k"] == 2


here = os.getcwd()
os.mkdir("posix")
look(here + "/posix")
flash = Flash(64)
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/lfs")
look("/lfs")
fat = Flash(512, 512)
vfs.VfsFat.mkfs(fat)
vfs.mount(vfs.VfsFat(fat), "/fat")
look("/fat")
vfs.umount("/fat")
del fat  # its memory is wanted below
raises(OSError, "/nothing/x.db", MicroTetherDB, "/nothing/x.db", in_memory=False)
assert not said, said


# x.db removed, x.db.new left: the error names it, at each attempt, and nothing is changed
def both(path):
    # a database in the middle of a compaction
    db = MicroTetherDB(path, in_memory=False)
    for i in range(3000):
        db.put("k%03d" % (i % 60), {"n": i, "pad": "x" * 60})
        try:
            os.stat(path + ".new")
        except OSError:
            continue
        db.flush()
        break
    one, two = contents(path), contents(path + ".new")
    db.close()
    for name in (path, path + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass
    return one, two


for where in ("posix/r.db", "/lfs/r.db"):
    one, two = both(where)
    write(where + ".new", two)
    for _ in range(2):
        e = raises(DBCorrupt, where + ".new", MicroTetherDB, where, in_memory=False)
        assert "missing" in str(e), e
        assert contents(where + ".new") == two
        raises(OSError, "", os.stat, where)
    # with both it opens, and the second alone does once it is whole
    write(where, one)
    db = MicroTetherDB(where, in_memory=False)
    want = dict(db.items())
    for i in range(3000):
        if db._store.log.medium._old < 0:
            break
        db.put("k%03d" % (i % 60), want["k%03d" % (i % 60)])
    db.close()
    raises(OSError, "", os.stat, where + ".new")
    os.rename(where, where + ".new")
    for _ in range(2):
        with MicroTetherDB(where, in_memory=False) as db:
            assert dict(db.items()) == want and len(want) == 60
            db.put("k000", want["k000"])
        raises(OSError, "", os.stat, where + ".new")
    os.remove(where)
assert not said, said

# a file name while in_memory is left at True: told once, when the data is in RAM indeed
for args, kw, told in (
    ((), {}, 0),
    (("data.db",), {}, 1),
    ((), {"filename": "data.db"}, 1),
    ((), {"filename": "flash:"}, 1),
    ((flash,), {}, 1),
    (("data.db",), {"flush_threshold": 5}, 1),
    (("data.db", True), {}, 0),
    (("data.db",), {"in_memory": True}, 0),
    ((), {"filename": "data.db", "in_memory": True}, 0),
    ((), {"in_memory": True}, 0),
    (("posix/data.db", False), {}, 0),
    ((), {"filename": "posix/data.db", "in_memory": False}, 0),
    ((), {"ram_percentage": 20}, 0),
):
    with MicroTetherDB(*args, **kw) as db:
        assert len(said) == told, (args, kw, said)
        if told:
            assert db._store.ram and str(args[0] if args else kw["filename"]) in said[0] and "in_memory=False" in said[0], said
        for i in range(20):
            db.put("k%d" % i, i)
        db.query({})
    assert len(said) == told, said
    said.clear()
raises(OSError, "", os.stat, "data.db")

# what is no file is neither opened nor replaced, by a backup either
assert os.system("mkfifo pipe") == 0
os.system("test -w /dev/full -a $(id -u) = 0 && mknod device c 1 7")
for name in [n for n in os.listdir() if n in ("pipe", "device")]:
    was = os.stat(name)
    raises(ValueError, name, MicroTetherDB, name, in_memory=False)
    with MicroTetherDB("data.db", in_memory=False) as db:
        db.put("a", 1)
        raises(ValueError, name, db.backup, name)
        assert db.check()["ok"] and db.backup("copy.db") == 1
    assert os.stat(name)[:3] == was[:3]
print("OK")
