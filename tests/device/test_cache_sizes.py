# boards: unix unix32
"""SPEC 1: `btree_cachesize` bounds the cache's RAM and spares page reads; `btree_pagesize` is the tree's, kept by what exists."""

import gc
import os
import random
from struct import unpack

from expect import raises
from flashsim import Flash
from microtetherdb import MicroTetherDB

N = 700


def name(i):
    return "%08x" % (i * 2654435761 & 0xFFFFFFFF)


def document(i):
    return {"id": i, "name": "sensor-%d" % (i % 50), "value": i * 7 % 100}


def measure(flash, cachesize):
    """Return (bytes of RAM that the open database keeps, pages read in 500 random gets)."""
    random.seed(1)
    gc.collect()
    before = gc.mem_alloc()
    db = MicroTetherDB(flash, in_memory=False, btree_cachesize=cachesize)
    for i in range(N):
        assert db.get(name(i)) == document(i)
    read = db.stats()["pages_read"]
    for _ in range(500):
        db.get(name(random.randrange(N)))
    read = db.stats()["pages_read"] - read
    gc.collect()
    ram = gc.mem_alloc() - before
    db.close()
    return ram, read


for pagesize in (512, 1024):
    flash = Flash(64)
    with MicroTetherDB(flash, in_memory=False, btree_pagesize=pagesize) as db:
        for i in range(N):
            db.put(name(i), document(i))
        assert db._store.pagesize == pagesize
    measure(flash, 0)  # modules are loaded now
    # the smallest of three: the collector takes a stale word on the stack for a reference now and then
    least, most_reads = min(measure(flash, 0) for _ in range(3))
    ram, same_reads = min(measure(flash, 32) for _ in range(3))
    assert same_reads == most_reads and abs(ram - least) < 512, "five pages at least: %d, %d" % (ram, least)
    reads = most_reads
    for pages in (16, 32, 64):
        ram, fewer = measure(flash, pages * pagesize)
        # five pages are in `least`; a page has a header of ten words in the cache
        more = (pages - 5) * (pagesize + 80)
        print("page size", pagesize, "cache", pages, "RAM", ram - least, "of", more, "pages read", fewer)
        assert 0.7 * more < ram - least <= more + 1024, (ram, least, more)
        assert fewer < 0.97 * reads, (fewer, reads)
        reads = fewer
    assert measure(flash, 400 * pagesize)[1] == 0  # all of the tree fits

# An existing database keeps its page size, on every medium; `load` into a new one changes it.
for medium in (Flash(64), "size.db"):
    with MicroTetherDB(medium, in_memory=False, btree_pagesize=2048) as db:
        db.put("a", document(1))
        for i in range(100):
            db.put(name(i), document(i))
    if medium == "size.db":
        with open(medium, "rb") as f:
            header = f.read(28)
    else:
        header = bytes(medium.data[0][:28])
    assert unpack("<H", header[6:8])[0] == 2048, header
    for i, other in enumerate((512, 1024, 4096)):
        with MicroTetherDB(medium, in_memory=False, btree_pagesize=other) as db:
            assert db._store.pagesize == 2048 and db["a"] == document(1) and len(db) == 101 + (i > 0)
            db.put("b", document(other))
            assert db.check()["ok"]
            db.backup("copy.db")
        with MicroTetherDB("copy.db", in_memory=False, btree_pagesize=other) as copy:
            assert copy._store.pagesize == 2048 and copy["b"] == document(other)
for n in os.listdir():
    if n.startswith(("size.db", "copy.db")):  # also size.db.new
        os.remove(n)

# In RAM too, where `ram_percentage` and not the cache size limits the tree.
for size in (512, 1024, 2048, 4096):
    with MicroTetherDB(btree_pagesize=size, btree_cachesize=0) as db:
        assert db._store.pagesize == size
        db.put("a", document(1))
        assert db["a"] == document(1)

for wrong in (0, 1, 256, 511, 513, 768, 8192, 65536, -512):
    raises(ValueError, "btree_pagesize: %d is not one of 512, 1024, 2048, 4096" % wrong, MicroTetherDB, btree_pagesize=wrong)
for wrong in ("512", None, 512.0, True):
    raises(TypeError, "btree_pagesize: int", MicroTetherDB, btree_pagesize=wrong)
raises(ValueError, "btree_cachesize", MicroTetherDB, btree_cachesize=-1)
raises(TypeError, "btree_cachesize", MicroTetherDB, btree_cachesize=32.5)
print("OK")
