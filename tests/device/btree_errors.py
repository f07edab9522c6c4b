# What ports/btree/README.md says of errors and flushes. Parameters come before this text: KIND, STOCK. Unix ports only.
import btree
import gc
import random

from seekable import Seekable

PAGE = 512


class Pages(Seekable):
    """A stream that keeps pages, what they were at the last commit, and fails at a chosen call."""

    def __init__(self):
        self.pages = {}
        self.size = self.pos = 0
        self.fail_read = self.fail_write = -1
        self.written = []
        self.committed = ({}, 0)

    def commit(self):
        self.committed = (dict(self.pages), self.size)

    def rollback(self):
        self.pages, self.size = dict(self.committed[0]), self.committed[1]

    def readinto(self, buf):
        if self.fail_read >= 0:
            self.fail_read -= 1
            if self.fail_read < 0:
                return -5
        n = min(len(buf), self.size - self.pos)
        if n > 0:
            buf[:n] = self.pages[self.pos // PAGE][:n]
        self.pos += n
        return n

    def write(self, buf):
        if self.fail_write >= 0:
            self.fail_write -= 1
            if self.fail_write < 0:
                return -28
        self.written.append(self.pos // PAGE)
        self.pages[self.pos // PAGE] = bytes(buf)
        self.pos += len(buf)
        self.size = max(self.size, self.pos)
        return len(buf)


def change(db, model, n):
    key = b"%05d" % random.getrandbits(9)
    if n % 3 == 2 and key in model:
        del db[key]
        del model[key]
    else:
        db[key] = model[key] = bytes([n & 255]) * random.randint(0, 226)


def failing(nth, kind, error):
    """One failing call after nth good ones; then drop the tree, roll back, go on."""
    stream = Pages()
    db = btree.open(stream, pagesize=PAGE)
    model = {}
    for n in range(200):
        change(db, model, n)
    assert db.flush() == 0
    stream.commit()
    committed = dict(model)
    if kind == "read":
        stream.fail_read = nth
    else:
        stream.fail_write = nth
    try:
        for n in range(600):
            change(db, model, n)
        return False
    except OSError as e:
        assert e.errno == error, e
    stream.rollback()
    db = btree.open(stream)
    assert dict(db.items()) == committed
    for n in range(100):
        change(db, committed, n)
    assert dict(db.items()) == committed
    db.close()
    return True


def errors():
    random.seed(7)
    for kind, error in (("read", 5), ("write", 28)):
        assert sum(failing(nth, kind, error) for nth in range(0, 90, 3)) > 25


def no_memory():
    stream = Pages()
    db = btree.open(stream, pagesize=PAGE)
    for n in range(40):
        db[b"%03d" % n] = b"x" * 100
    db.flush()
    big = []
    size = 1 << 20
    while size >= 32:
        try:
            big.append(bytearray(size))
        except MemoryError:
            size >>= 1
    error = None
    try:
        db[b"new"] = b"y" * 200
        for n in range(40):
            db[b"%03d" % n] = b"z" * 120
    except (OSError, MemoryError) as e:
        error = e
    big = None
    assert isinstance(error, MemoryError) or error.errno == 12, error
    db = btree.open(stream)
    assert len(list(db.keys())) >= 40


def dropped():
    """A tree that is dropped without close() is collected."""
    used = []
    for _ in range(40):
        stream = Pages()
        db = btree.open(stream, pagesize=PAGE, cachesize=40 * PAGE)
        for n in range(100):
            db[b"%03d" % n] = b"x" * 100
        stream = db = None
        gc.collect()
        used.append(gc.mem_alloc())
    assert max(used[5:]) - min(used[5:]) < 25000, used


def flush():
    """An overwrite that keeps the tree's shape writes one page."""
    stream = Pages()
    db = btree.open(stream, pagesize=PAGE)
    for n in range(200):
        db[b"%03d" % n] = b"x" * 80
    db.flush()
    for n in range(5):
        before = stream.pages[0]
        stream.written.clear()
        db[b"%03d" % (n * 31)] = b"y" * 80
        assert db.flush() == 0
        assert len(stream.written) == (2 if STOCK else 1), stream.written
        assert before == stream.pages[0]
    db.close()


globals()[KIND]()
print("OK")
