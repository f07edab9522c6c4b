"""What `btree_cachesize` and `btree_pagesize` cost and give: RAM, page reads, flash (deterministic).

MICROPYPATH=.:tests/device/lib:.frozen dist/UNIX32/micropython -X heapsize=32M bench/cache_sizes.py
A region of 1 MB with 3,000 documents of about 80 bytes under random keys, default flush rhythm. RAM: what the
open database keeps after 1,000 gets, on 32 bits.
"""

import gc
import random

from flash_counts import document, key
from flashsim import Flash
from microtetherdb import MicroTetherDB

DOCUMENTS = 3000
GETS = 1000
PUTS = 400
SIZES = ((512, 32), (512, 8192), (512, 16384), (512, 32768), (1024, 32), (1024, 16384), (2048, 32), (4096, 32))


def measure(pagesize, cachesize, documents=DOCUMENTS):
    """Return (bytes of RAM, pages read a get, programs a put, bytes programmed a put, erases a put)."""
    random.seed(3)
    flash = Flash(256)
    keys = [key() for _ in range(documents)]
    with MicroTetherDB(flash, in_memory=False, btree_pagesize=pagesize) as db:
        for i, k in enumerate(keys):
            db.put(k, document(i))
        i = 0
        while flash.erases < flash.blocks:  # every sector was used before
            db.put(random.choice(keys), document(i))
            i += 1
    gc.collect()
    before = gc.mem_alloc()
    db = MicroTetherDB(flash, in_memory=False, btree_cachesize=cachesize)
    for _ in range(GETS):
        db.get(random.choice(keys))
    read = db.stats()["pages_read"]
    for _ in range(GETS):
        db.get(random.choice(keys))
    read = db.stats()["pages_read"] - read
    gc.collect()
    ram = gc.mem_alloc() - before
    flash.clear_counts()
    for i in range(PUTS):
        db.put(key(), document(i))
    db.flush()
    out = ram, read / GETS, flash.programs / PUTS, flash.bytes_programmed / PUTS, flash.erases / PUTS
    db.close()
    return out


if __name__ == "__main__":
    print("| `btree_pagesize` | `btree_cachesize` | RAM, bytes | pages read a get | programs a put | bytes a put | erases a put |")
    print("|---|---|---|---|---|---|---|")
    for sizes in SIZES:
        print("| %d | %d | %d | %.2f | %.2f | %.0f | %.3f |" % (sizes + measure(*sizes)))
