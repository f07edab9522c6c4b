# Random operations on a bare btree against a dict. Parameters come before this text (tests/test_btree.py):
# SEED, OPS, PAGE, FILE (a path or None for RAM), KEYS (how many keys), STOCK (Berkeley DB without our mends).
import btree
import io
import os
import random

random.seed(SEED)
HALF = (PAGE - 20) // 2 - 14  # the largest record that stays in a leaf; kills the stock build
LONGEST = HALF - 1 - 8  # longest key that the glue takes beside a long value


def key_of(i):
    # Sizes from 1 byte to the library's limit for keys in the tree (200), and up to the glue's.
    size = (1, 6, 6, 6, 6, 20, 60, 128, 200, 201, LONGEST - 1, LONGEST)[i % 12]
    head = b"%04d" % i
    return (head + b"k" * size)[:size] if size > 4 else head + b"s" * size


def value_for(key):
    kind = random.getrandbits(3)
    if kind < 4:
        size = random.getrandbits(6)
    elif kind < 6:
        size = HALF - len(key) + random.getrandbits(3) - 5  # around the threshold
    else:
        size = random.randint(0, 3 * PAGE)
    if STOCK and size + len(key) == HALF:
        size += 1
    return bytes([random.getrandbits(8)]) * max(0, size)


class Tree:
    def __init__(self):
        self.stream = open(FILE, "w+b") if FILE else io.BytesIO()
        self.db = btree.open(self.stream, pagesize=PAGE, cachesize=1)

    def reopen(self):
        self.db.close()
        if FILE:
            self.stream.close()
            self.stream = open(FILE, "r+b")
        self.db = btree.open(self.stream, cachesize=1)


def main():
    tree = Tree()
    model = {}
    keys = [key_of(i) for i in range(KEYS)]
    for n in range(OPS):
        db = tree.db
        op = random.getrandbits(8)
        key = random.choice(keys)
        if op < 110:
            value = value_for(key)
            if op & 1:
                db[key] = value
            else:
                assert db.put(key, value) == 0
            model[key] = value
        elif op < 170:
            if key in model:
                del db[key]
                del model[key]
            else:
                try:
                    del db[key]
                    assert False, "deleted what was not there"
                except KeyError:
                    pass
        elif op < 240:
            assert db.get(key) == model.get(key), (n, key)
            assert (key in db) == (key in model), (n, key)
        elif op < 250:
            low, high = sorted((key, random.choice(keys)))
            inside = sorted(k for k in model if low <= k < high)
            assert list(db.keys(low, high)) == inside, n
            if low < high and high in model:  # descending from a key that is not there begins one above it
                inside = sorted((k for k in model if low < k <= high), reverse=True)
                assert list(db.keys(high, low, btree.DESC)) == inside, n
        elif op < 251:
            assert dict(db.items()) == model, n
        elif op < 255:
            assert db.flush() == 0
        else:
            tree.reopen()
        if not STOCK and op == 7:
            # One byte above: refused, nothing changed.
            try:
                db[b"9" * (LONGEST + 1)] = b"12345678"
                assert False, "took a key that spills to overflow pages"
            except OSError as e:
                assert e.errno == 22
    tree.reopen()
    assert dict(tree.db.items()) == model
    assert list(tree.db.keys()) == sorted(model)
    tree.db.close()
    if FILE:
        tree.stream.close()
        os.remove(FILE)
    print("OK", len(model))


main()
