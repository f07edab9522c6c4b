# boards: faults faults32
# SPEC sections 2, 6: a lack of RAM within the encoder in C is a MemoryError and changes nothing; afterwards it does its work.
import _mtdb_record
import faults
from faultlab import FULL
from microtetherdb import MicroTetherDB

DOCUMENTS = [
    {"n": 5},
    {"n": [1, 2, {"text": "y" * 100}], "deep": {"a": [10**40, 1.5, "\n" * 60]}},
    {"text": "z" * 3000, "l": list(range(500))},
]


def starved(call):
    """Do a call with each of its allocations failing; returns how many there were, and what it gave at last."""
    n = 0
    while True:
        faults.starve(n + 1)
        try:
            found = call()
            assert not faults.off(), n
            return n, found
        except MemoryError:
            assert faults.off() == 1
        n += 1


for data in DOCUMENTS:
    for tags, stamp in ((None, None), (["a", "b"], b"123456")):
        before = repr(data)
        n, raw = starved(lambda: _mtdb_record.encode(data, tags, stamp))
        assert n >= 2 and raw == _mtdb_record.encode(data, tags, stamp)
        assert repr(data) == before
    with MicroTetherDB() as db:
        db.put("k", {"old": 1}, tags=["t"])
        kept = db["k"]
        n = 0
        fired = 1
        while fired:
            n += 1
            faults.starve(n)
            try:
                db.put("k", data)
                fired = faults.off()  # upkeep behind the put is done another time
                assert db["k"] == data, n
                db.put("k", kept)
            except FULL:
                assert faults.off() == 1
            assert db["k"] == kept, n
        assert n > 4 and db.check()["ok"]
print("OK")
