# boards: unix
"""SPEC 5: randomly damaged files and regions never crash, hang or give records that were never written.

1,000 of them; 10,000 with MTDB_NIGHTLY in the environment.
"""

import gc
import os
import random

from files import contents, write
from flashsim import Flash
from microtetherdb import DBCorrupt, DBError, MicroTetherDB
from nightly import NIGHTLY

random.seed(8)
COUNT = 10000 if NIGHTLY else 1000
history = {}


def build(target, rounds):
    db = MicroTetherDB(target, in_memory=False)
    for i in range(rounds):
        k = "k%02d" % random.randrange(60)
        v = {"n": i, "text": "t%d" % i * random.randrange(12)}
        if i % 50 == 9:
            v["long"] = "y%d" % i * 150
        history.setdefault(k, []).append(v)
        db.put(k, v)
        if i % 30 == 4:
            db.delete("k%02d" % random.randrange(60))
    return db


def look(target):
    """Open what is damaged: what it holds must have been written once; errors are DBError only."""
    try:
        db = MicroTetherDB(target, in_memory=False, retry_delay=0)
    except DBCorrupt:
        return 0
    try:
        db.check()
        for k in list(history):
            try:
                v = db.get(k)
            except DBError:
                continue
            if v is not None and v not in history[k]:
                raise AssertionError("invented: %s %r" % (k, v))
        n = 0
        try:
            for k in db.keys():
                n += 1
                if k not in history or n > 100:
                    raise AssertionError("invented key " + k)
        except DBError:
            pass
        return 1
    finally:
        try:
            db.close()
        except DBError:
            pass


def damage(data):
    """Change a bytearray in one of several ways; returns it."""
    kind = random.randrange(7)
    n = len(data)
    at = random.randrange(n)
    if kind == 0:
        data[at] ^= 1 << random.randrange(8)
    elif kind == 1:
        for _ in range(random.randrange(1, 40)):
            data[random.randrange(n)] = random.getrandbits(8)
    elif kind == 2:
        size = min(random.randrange(1, 600), n - at)
        data[at : at + size] = bytes([random.choice((0, 255))]) * size
    elif kind == 3:
        size = min(512, n - at)
        to = random.randrange(n - size + 1)
        data[to : to + size] = data[at : at + size]
    elif kind == 4:
        # lengths, page numbers and positions are where a reader trips
        data[at : at + 4] = bytes([random.choice((0, 1, 127, 255)) for _ in range(min(4, n - at))])
    elif kind == 5:
        for i in range(at, min(n, at + 64)):
            data[i] = random.getrandbits(8)
    else:
        data[at // 28 * 28 : at // 28 * 28 + 28] = data[:28] if n >= at // 28 * 28 + 28 else data[at // 28 * 28 :]
    return data


def forget(path):
    try:
        os.remove(path)
    except OSError:
        pass


opened = 0
# A file that was closed, one that was not, and one in the middle of compaction.
images = []
for i in range(3):
    for path in ("fuzz.db", "fuzz.db.new"):
        forget(path)
    db = build("fuzz.db", 100)
    if i == 2:
        while not (db._store.log.medium._old >= 0 and db._store.log.medium.end > 4000):
            k = "k%02d" % random.randrange(60)
            v = {"n": random.getrandbits(20)}
            history.setdefault(k, []).append(v)
            db.put(k, v)
        db.flush()
    if i == 0:
        db.close()
    images.append([contents(p) for p in ("fuzz.db", "fuzz.db.new") if p in os.listdir()])
    if i:
        db.close()
assert len(images[2]) == 2
for turn in range(COUNT // 2):
    image = images[turn % 3]
    forget("fuzz.db.new")
    which = random.randrange(len(image))
    for i, data in enumerate(image):
        if i == which:
            data = damage(bytearray(data))
            if turn % 11 == 0:
                data = data[: random.randrange(len(data))]
            if turn % 13 == 0:
                data += bytes(random.getrandbits(8) for _ in range(random.randrange(900)))
        write(("fuzz.db", "fuzz.db.new")[i], data)
    try:
        opened += look("fuzz.db")
    except Exception:
        print("file turn", turn)
        raise
print("files", turn + 1, "opened", opened)
forget("fuzz.db")
forget("fuzz.db.new")

# Regions: a new one, one that went round, one that was not closed.
flashes = []
for rounds in (60, 700, 350):
    flash = Flash(10)
    db = build(flash, rounds)
    if rounds != 350:
        db.close()
    flashes.append(flash)
opened = 0
for turn in range(COUNT // 2):
    flash = flashes[turn % 3].copy()
    n = random.randrange(flash.blocks)
    if flash.data[n] == b"\xff" * flash.block and turn % 5:
        n = 0
    if turn % 17 == 0:
        flash.data[n], flash.data[(n + 1) % 10] = flash.data[(n + 1) % 10], flash.data[n]
    else:
        flash.data[n] = damage(bytearray(flash.data[n]))
    flash.strict = False
    try:
        opened += look(flash)
    except Exception:
        print("region turn", turn)
        raise
    if turn % 20 == 0:
        gc.collect()
print("regions", turn + 1, "opened", opened)

# What is no database is refused and left as it was.
for data in (b"hello, this is a text file\n" * 40, b"\x00" * 100 + b"x", b"MT", bytes(range(256)) * 20):
    write("fuzz.db", data)
    try:
        MicroTetherDB("fuzz.db", in_memory=False).close()
        assert data == b"MT", data  # the beginning of a header: cut when it was made
    except DBCorrupt as e:
        assert contents("fuzz.db") == data and "fuzz.db" in str(e), e
forget("fuzz.db")
for at in (0, 5000, 40000):
    flash = Flash(10)
    flash.writeblocks(at // 4096, b"some other data " * 16, at % 4096 // 256 * 256)
    before = flash.data[:]
    try:
        MicroTetherDB(flash, in_memory=False)
        raise AssertionError("formatted what was not ours")
    except DBCorrupt:
        assert flash.data == before
# A newer format is refused, and named.
flash = flashes[0].copy()
from binascii import crc32
from struct import pack_into

for n in range(10):
    block = flash._owned(n)
    if block[:4] == b"MTdb":
        block[4] = 9
        pack_into("<I", block, 24, crc32(block[:24]))
try:
    MicroTetherDB(flash, in_memory=False)
    raise AssertionError("opened a newer format")
except DBCorrupt as e:
    assert "9" in str(e), e
print("OK")
