# boards: unix
"""Issue 4, littlefs: a commit ends with a block of the file system where that is near, so that littlefs copies none; and filling up never fills the medium."""

import gc
import random

import vfs
from flashsim import Flash
from microtetherdb import MicroTetherDB
from microtetherdb.storage import file_medium as files
from microtetherdb.storage.file_medium import _block_end

for block in (4096, 2048):
    flash = Flash(64, block)
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/blocks")
    end = 0
    for n in range(1, 20):
        end = _block_end(end + 1, block)
        for short in (0, 64):
            with open("/blocks/f", "wb") as f:
                f.write(b"x" * (end - short))
            with open("/blocks/f", "r+b") as f:
                f.seek(end - short)
                flash.clear_counts()
                f.write(b"y")
                f.flush()
            # the last block's pointers and the byte, and an entry in the folder; or a copy of all that the block holds
            assert (flash.bytes_programmed <= 512) == (short == 0), (block, n, short, flash.bytes_programmed)
    vfs.umount("/blocks")


def put(db, i, n=0):
    db.put("%08x" % (i * 2654435761 & 0x3FFFFFFF), {"id": i, "name": "sensor-%d" % (i % 50), "place": "north-west", "n": n})


# Puts on a file system that is nearly full: what is filled up must leave room for the running compaction.
for threshold in (1, 3, None):
    random.seed(1)
    flash = Flash(128)
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/blocks")
    db = MicroTetherDB("/blocks/x.db", in_memory=False, flush_threshold=threshold)
    medium = db._store.log.medium
    n = 0
    while db._store.log.live < 0.9 * medium.capacity() and n < 5000:
        put(db, n)
        n += 1
    was = medium.seq
    for i in range(1500):
        put(db, random.randrange(n), i)
    print(threshold, n, "documents, live", db._store.log.live, "of", medium.capacity(), "compacted", medium.seq - was, "times")
    assert medium.seq - was >= 2
    db.close()
    vfs.umount("/blocks")
    del db, medium, flash
    gc.collect()


# Short of RAM for its buffer, the log writes what it has, sooner; with no piece of 1 KB at all, the put fails and nothing else does.
for chunks in (0, 1, 3):
    flash = Flash(64)
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/short")
    left = chunks

    def scarce(n):
        global left
        if n == 1024:
            if not left:
                raise MemoryError
            left -= 1
        return bytearray(n)

    db = MicroTetherDB("/short/a.db", in_memory=False)
    db.put("first", {"n": 1})
    db.flush()
    db._store.log.medium._chunks.clear()
    files.bytearray = scarce
    held = ["first"]
    for i in range(300):
        try:
            db.put("k%03d" % i, {"n": i, "pad": "x" * 60})
            held.append("k%03d" % i)
        except MemoryError:
            assert not chunks
    try:
        db.flush()
    except MemoryError:
        assert not chunks
    del files.bytearray
    assert sorted(held)[-1] in db and (not chunks or len(held) == 301)
    assert left == 0
    db.flush()
    copy = flash.copy()
    vfs.mount(vfs.VfsLfs2(copy, progsize=256), "/copy")
    with MicroTetherDB("/copy/a.db", in_memory=False) as other:
        assert set(other) >= set(held) and other.check()["ok"], (chunks, set(held) - set(other))
        assert all(other[k]["n"] == int(k[1:]) for k in other if k != "first")
    vfs.umount("/copy")
    db.close()
    vfs.umount("/short")
print("OK")
