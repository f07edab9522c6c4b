# boards: unix unix32 stock rv32
# nightly: m33
# qemu heap: 4m
# SPEC sections 5 and 8: a region that was filled, cut with much unflushed, and opened again takes deletes until it is empty.
from microtetherdb import MicroTetherDB, DBFull
from microtetherdb.records import clock
from expect import FakeTime
from flashsim import Flash

t = clock.time = FakeTime(820000000)


def filled(blocks, tagged):
    """Fill a region in one go up to DBFull; return it as cuts in the last stretch leave it."""
    flash = Flash(blocks)
    db = MicroTetherDB(flash, in_memory=False)
    if tagged:
        db.create_index("n")
        db.create_index("city")
    db.put("large", "x" * 3000)
    cuts = []
    n = 0
    try:
        while True:
            if n % 40 == 0:
                db._fixed = db._next = 1 << 20  # from here on only compaction commits
            db.put(
                "k%04d" % (n * 7919 % 10000),
                {"n": n, "city": "Oslo", "pad": "p" * (n % 300)},
                50 if n % 30 == 9 else None,
                ["even"] if tagged and n % 2 else None,
            )
            n += 1
            if n % 15 == 0:
                cuts = cuts[-6:] + [list(flash.data)]
    except DBFull:
        cuts.append(list(flash.data))
    return cuts


for blocks in (12, 16):
    for tagged in (False, True):
        for data in filled(blocks, tagged):
            flash = Flash(blocks)
            flash.data = data
            db = MicroTetherDB(flash, in_memory=False)
            t.go(60)  # some have expired
            db.stats()
            keys = list(db)
            for key in keys:
                assert db.delete(key) == 1
            assert len(db) == 0
            db.put("room", {"pad": "p" * 2000})
            assert db.check()["ok"]
            db.close()
print("OK")
