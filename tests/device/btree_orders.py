# A bare btree against a dict, its keys coming and going in orders, each page looked at. Parameters come before this text
# (tests/test_btree.py): PAGE, CACHE (bytes), FILE (a path or None for RAM), STEPS, SAFE (with the library's own mend for stock
# firmware), STOCK (without our mends of the module).
import btree
import io
import os
import random

from treepages import verify

HALF = (PAGE - 20) // 2 - 14  # the size that kills the stock build
KINDS = ("ascending", "descending", "stack", "queue", "deque", "edges", "lowest", "same", "random")


class Order:
    # Numbers of the keys that come and go.
    def __init__(self, kind):
        self.kind = kind
        self.low = self.high = 50000
        self.there = []

    def comes(self):
        kind = self.kind
        if kind == "same":
            return 50000 + random.randint(0, 2)
        if kind == "random":
            return random.randint(0, 99999)
        if kind in ("ascending", "queue") or kind in ("deque", "edges") and random.getrandbits(1):
            self.high += 1
            return self.high
        if kind == "lowest" and self.there and not random.getrandbits(2):
            return min(self.there)
        self.low -= 1
        return self.low

    def goes(self):
        kind = self.kind
        there = self.there
        if kind == "queue":
            return there[0]
        if kind in ("stack", "descending"):
            return there[-1]
        if kind in ("ascending", "lowest"):
            return min(there)
        if kind == "edges":
            return min(there) if random.getrandbits(1) else max(there)
        return random.choice(there)


def opened():
    global stream
    if FILE:
        try:
            stream = open(FILE, "r+b")
        except OSError:
            stream = open(FILE, "w+b")
    else:
        stream = io.BytesIO(stream.getvalue() if stream is not None else b"")
    tree = btree.open(stream, pagesize=PAGE, cachesize=CACHE)
    if SAFE:
        from microtetherdb.storage.stock import Tree

        tree = Tree(tree)
    return tree


def pages():
    if not FILE:
        return stream.getvalue()
    stream.seek(0)
    return stream.read()


def name(n):
    return b"%05d" % n + b"k" * (n % 7 * 9)


def content(n, i):
    kind = i % 13
    size = (
        random.randint(0, 40)
        if kind < 9
        else HALF - len(name(n)) - 1 - random.getrandbits(2)
        if kind < 12
        else random.randint(HALF, 3 * PAGE)
    )
    if STOCK and size + len(name(n)) == HALF:
        size += 1
    return bytes([i & 255]) * size


def sequence(kind, most):
    global stream
    stream = None
    tree = opened()
    order = Order(kind)
    there = order.there
    model = {}
    growing = True
    for i in range(STEPS):
        where = "%s, most %d, step %d" % (kind, most, i)
        if len(there) > most:
            growing = False
        elif not there:
            growing = True
        if not there or random.randint(0, 3) != 0 and growing:
            n = order.comes()
            if n in there:
                there.remove(n)
            there.append(n)
            value = content(n, i)
            tree[name(n)] = value
            model[n] = value
        elif random.getrandbits(4):
            n = order.goes()
            there.remove(n)
            del model[n]
            del tree[name(n)]
        else:  # not there, below and above all
            for n in (order.low - 9, order.high + 9, 0, 99999):
                if n not in model:
                    try:
                        del tree[name(n)]
                        assert False, where
                    except KeyError:
                        pass
        for n in {order.low, order.high, there[0] if there else 0, there[-1] if there else 0}:
            assert tree.get(name(n)) == model.get(n), "%s: %d" % (where, n)
        if there and not random.getrandbits(2):  # a cursor, which splits and deletes then have to move
            n = random.choice(there)
            for key in tree.keys(name(n)):
                assert key == name(n), where
                break
        if not random.getrandbits(5):
            keys = [name(n) for n in sorted(model)]
            assert list(tree.keys()) == keys, where
            assert list(tree.keys(None, None, btree.DESC)) == keys[::-1], where
            assert tree.flush() == 0
            if not random.getrandbits(1):
                assert verify(pages()) == keys, where
            if not random.getrandbits(2):
                tree.close()
                tree = opened()
    for n in model:
        assert tree.get(name(n)) == model[n], (kind, n)
    while there:
        n = order.goes()
        there.remove(n)
        del tree[name(n)]
    assert list(tree.keys()) == []
    tree.flush()
    assert verify(pages()) == []
    tree.close()
    if FILE:
        stream.close()
        os.remove(FILE)


random.seed(STEPS + PAGE)
for kind in KINDS:
    for most in (3, 60):
        sequence(kind, most)
print("OK")
