# Does an operation work on a heap whose free pieces are all of one size? Every piece of the heap is taken by a tuple of n blocks of
# 16 bytes, and every second of them given back: an operation works if its largest single allocation fits. Arguments: case, medium
# (ram, file, region), n, "synthetic" or the path of the weather
# readings. "fill" as case makes the file or region of 1,000 documents for the
# other cases. Prints what micropython.mem_info() says of the heap, and at last OK.

import gc
import micropython
import sys

import docs
import nor

BLOCK = 16
N = 1000


def holes(n):
    # A tuple is one piece: type, length and items, four bytes each. (A list or bytearray is two.)
    one = (None,)
    items = n * BLOCK // 4 - 2
    gc.collect()
    taken = [None] * (gc.mem_free() // BLOCK // n)
    gc.collect()
    gc.disable()
    i = 0
    try:
        while True:
            taken[i] = one * items
            i += 1
    except MemoryError:
        pass
    rest = None
    try:
        while True:
            rest = (rest, None)
    except MemoryError:
        pass
    for hole in range(0, i, 2):
        taken[hole] = None
    gc.collect()
    larger = None
    try:
        while True:  # where something else was freed beside a hole
            more = one * (items + 4)
            larger = (larger, more)
    except MemoryError:
        pass
    gc.enable()
    gc.collect()
    micropython.mem_info()
    return taken, rest, larger


def opened(where):
    from microtetherdb import MicroTetherDB

    if where is None:
        return MicroTetherDB(ram_percentage=50)
    return MicroTetherDB(where, in_memory=False, btree_cachesize=32)


def readings():
    return docs.synthetic(50) if source is None else docs.weather(source, 200)


def fill(db, documents):
    for i in range(N):
        db.put("k%04d" % i, documents[i % len(documents)])
    db.flush()


# Each case is done once before (`at` 1), unless it is called "first ...", and once with the holes (`at` 2).


def put(db, at):
    for i in range(40):
        db.put("n%04d" % (at + i * 7), {"n": i, "pad": "x" * 60})


def get(db, at):
    for i in range(at, N, 37):
        db.get("k%04d" % i)


def query(db, at):
    n = len(db.query({"sensor": "s07"} if source is None else {"weather": "snow"}))
    assert n >= 20, n


def find(db, at):
    n = 0
    for _ in db.find({"n": {"$gte": 80}} if source is None else {"temp_max": {"$gt": 20}}):
        n += 1
    assert n > 100, n


def flush(db, at):
    db.put("k%04d" % at, {"n": 1})
    db.flush()


def delete(db, at):
    for i in range(at, N, 37):
        assert db.delete("k%04d" % i) == 1


def expire(db, at):
    for i in range(20):
        db.put("t%d%02d" % (at, i), {"n": i}, ttl=60)
    db._clock._s += 61
    db._clock._line_s += 61
    assert db.cleanup()


def main(case, medium, n):
    device = None
    where = None if medium == "ram" else "largest.db"
    if medium == "region":
        device = where = nor.Nor(96)
    if case == "fill":
        documents = readings()
        db = opened(where)
        fill(db, documents)
        db.close()
        if device:
            device.save("region.bin")
        return
    if medium == "region":
        device.load("region.bin")
    if case == "import":
        kept = holes(n)
        import microtetherdb
    elif case == "open":
        import microtetherdb  # noqa: F401

        kept = holes(n)
        db = opened(where)
    else:
        db = opened(where)
        if medium == "ram":
            fill(db, readings())
        first = case.startswith("first ")
        run = globals()[case[6:] if first else case]
        if not first:
            run(db, 1)
            db.flush()
        kept = holes(n)  # noqa: F841
        run(db, 2)
    print("OK")


source = None if sys.argv[4] == "synthetic" else sys.argv[4]
main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
