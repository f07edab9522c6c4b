# boards: unix unix32 m33
# SPEC section 2: a batch is atomic; also when memory runs out in the middle of it, in RAM. Its generated keys are unique and in order.
import os
from microtetherdb import MicroTetherDB


class Failing:
    # A tree whose calls fail from the n-th on, once.
    def __init__(self, tree, n):
        self.tree = tree
        self.n = n

    def _call(self):
        self.n -= 1
        if self.n == 0:
            raise MemoryError("simulated")

    def get(self, key):
        self._call()
        return self.tree.get(key)

    def __setitem__(self, key, value):
        self._call()
        self.tree[key] = value

    def __delitem__(self, key):
        self._call()
        del self.tree[key]

    def __contains__(self, key):
        return key in self.tree

    def keys(self, *args):
        return self.tree.keys(*args)


def check(before, change, index=False):
    n = 0
    while True:
        n += 1
        db = MicroTetherDB(ram_percentage=50)
        if index:
            db.create_index("n")
        for key, doc in before:
            db.put(key, doc)
        if n < 3 and not index:
            db.put("t", {"t": 1}, tags=["x"])  # the way by change lists
        held = list(db.items())
        tree = db._store._tree
        db._store._tree = failing = Failing(tree, n // 2 + 1)
        try:
            change(db)
            failed = False
        except MemoryError:
            failed = True
        db._store._tree = tree
        failing.n = 0  # the store may have kept its calls
        if failed:
            assert list(db.items()) == held, (n, list(db.items()))
        assert db.check()["ok"], (n, db.check())
        db.close()
        if not failed:
            assert n > 5
            return


old = [("a", {"n": 1}), ("c", {"n": 3})]
# own keys: there already, new, and twice in the batch
check(old, lambda db: db.put_batch([("a", {"n": 10}), ("b", {"n": 20}), ("a", {"n": 11}), ("b", {"n": 21}), ("c", {"n": 31})]))
check(old, lambda db: db.put_batch([{"n": i} for i in range(5)]))
check(old, lambda db: db.put_batch([("a", [1]), ("d", [2]), ("a", [3])]))
# own keys, some or all of them behind what there is
check(old, lambda db: db.put_batch([("d", {"n": 4}), ("e", {"n": 5}), ("f", {"n": 6})]))
check(old, lambda db: db.put_batch([("c", {"n": 4}), ("d", {"n": 5}), ("e", {"n": 6}), ("f", {"n": 7})]))
check(old, lambda db: db.put_batch([("d", {"n": 4}), ("e", {"n": 5}), ("d", {"n": 6}), ("f", {"n": 7})]))
check(old, lambda db: db.put_batch([("d", {"n": 4}), ("a", {"n": 5}), ("e", {"n": 6})]))
check(old, lambda db: db.put_batch([(k, {"n": 4}) for k in "defgfhd"]))
check(old, lambda db: db.put_batch([(k, {"n": 4}) for k in "decgfad"]))
check([], lambda db: db.put_batch([(k, {"n": 4}) for k in "decgfad"]))
# entries of an index, put and deleted again in one batch, and behind all that there is
check([], lambda db: db.put_batch([(k, {"n": i}) for i, k in enumerate("defdedd")]), True)
check(old * 2 + [("b", 2), ("d", 4)], lambda db: db.delete_batch(["a", "b", "c", "nothing", "d"]))

# generated keys, also where the counter of a session (six digits) comes to its end within a batch
for medium in ({"ram_percentage": 50}, {"filename": "bf.db", "in_memory": False}):
    with MicroTetherDB(**medium) as db:
        made = [db.put(0)] + db.put_batch([1, {"n": 2}]) + db.put_batch([{"n": i} for i in range(3, 6)])
        for left in range(4):
            db._keys_made = 0xFFFFFF - left
            made += db.put_batch([{"n": i} for i in range(3)]) + [db.put(9)]
        assert len(set(made)) == len(made) == len(db) == 22 and all(len(k) == 12 for k in made), made
        assert made == sorted(made) == list(db), made
    if "filename" in medium:
        with MicroTetherDB(**medium) as db:
            assert db.put_batch([{"n": 1}])[0] > made[-1]
for name in ("bf.db", "bf.db.new"):
    if name in os.listdir():
        os.remove(name)
assert MicroTetherDB().put_batch([]) == []
print("OK")
