# boards: stock
# SPEC sections 2, 5, 9: on stock firmware a delete puts a key of its own behind all others for a moment. Whatever breaks off, and
# twice, that key never stays in the tree, and each record is as before the call or as after it.
from flashsim import Flash

from microtetherdb import MicroTetherDB


class Faulty:
    # A tree whose n-th change fails, and the m-th after that: before it is done, after it, or between a page and the one above it.
    def __init__(self, tree, n, m, how, error):
        self.tree = tree
        self.left = [n] if m is None else [n, m]
        self.how = how
        self.error = error
        self.lost = None  # a key that a scan finds, and no look-up
        self.items = tree.items
        self.keys = tree.keys

    def _change(self, key, change):
        if self.left:
            self.left[0] -= 1
            if not self.left[0]:
                self.left.pop(0)
                if self.how != "before":
                    change()
                    if self.how == "between" and key in self.tree:
                        self.lost = key
                raise self.error
        if key == self.lost:
            raise KeyError
        change()

    def __setitem__(self, key, value):
        def change():
            self.tree[key] = value

        self._change(key, change)

    def __delitem__(self, key):
        def change():
            del self.tree[key]

        self._change(key, change)

    def __contains__(self, key):
        return key != self.lost and key in self.tree


def raw(db):
    return list(db._store._tree.keys())


def sound(db, where):
    assert not [k for k in raw(db) if k >= b"\xf8"], where
    report = db.check()
    assert report["ok"], (where, report)


def one(ram, call, n, m, how, error):
    where = (ram, n, m, how, error)
    db = MicroTetherDB(ram_percentage=50) if ram else MicroTetherDB(Flash(32), in_memory=False, flush_threshold=1000)
    for i in range(30, 0, -1):
        db.put("k%02d" % i, {"n": i}, tags=["t"] if i % 3 == 0 else None, ttl=900 if i % 4 == 0 else None)
    before = dict(db.items())
    tree = db._store._tree
    faulty = tree._tree = Faulty(tree._tree, n, m, how, error)
    failed = False
    try:
        call(db)
    except BaseException as e:
        if not isinstance(e, (KeyboardInterrupt, OSError, MemoryError)) and not (e.__class__.__name__ == "DBFull" and error.args == (12,)):
            raise
        failed = True
    reached = len(faulty.left) < (1 if m is None else 2)
    for _ in range(3):  # recovery may fail as well, once
        try:
            there = dict(db.items())
            break
        except BaseException as e:
            if m is None or isinstance(e, AssertionError):
                raise
    after = dict(before)
    for key in GONE[call]:
        after.pop(key, None)
    assert there == before and failed or there == after, (where, failed, sorted(there))
    faulty.left = []
    sound(db, where)
    # and it goes on
    call(db)
    assert dict(db.items()) == after, where
    db.put("k00", {"n": 0})
    for i in range(30, 0, -1):
        db.put("k%02d" % i, {"n": i})
    assert len(db) == 31
    sound(db, where)
    db.close()
    return reached


def smallest(db):
    db.delete("k01")


def tagged(db):
    db.delete("k12")


def batch(db):
    db.delete_batch(["k01", "k02", "k03", "none", "k30"])


GONE = {smallest: ["k01"], tagged: ["k12"], batch: ["k01", "k02", "k03", "k30"]}
for ram in (True, False):
    for call in (smallest, tagged, batch):
        for i, how in enumerate(("before", "after", "between")):
            for j, m in enumerate((None, 1, 3)):
                n = 1
                while one(ram, call, n, m, how, (KeyboardInterrupt(), OSError(12))[(i + j) & 1]):
                    n += 1 if n < 7 else 3
                assert n > 3, (call, n)
print("OK")
