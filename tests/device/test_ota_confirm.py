# boards: unix unix32
# SPEC section 9: a self-test by path passes on a database that is there, and makes none.
import os

import _mtdb_board
from microtetherdb import MicroTetherDB, ota

ROOT = "/tmp/mtdb-ota-confirm-%d/" % id(ota)
os.mkdir(ROOT)
os.chdir(ROOT)


class Slot:
    running, target, capacity = 0, 1, 1 << 20
    state = "pending"

    def status(self):
        return self.state, "valid"

    def confirm(self):
        self.state = "valid"

    def rollback(self):
        self.state = "aborted"


def confirm(test):
    slot = Slot()
    try:
        ota.confirm(test, slot=slot, board="UNIX", journal=ROOT + "ota.json")
        assert slot.state == "valid"
        return True
    except ota.SelfTestFailed as e:
        assert slot.state == "aborted"
        return str(e)


def files():
    return sorted(os.listdir(ROOT))


# a mistyped name, a folder that is not there, an empty file, a blank region
before = files()
assert "typo.db" in confirm("typo.db") and "typo.db" in confirm(ROOT + "typo.db")
assert confirm("no/typo.db") is not True
assert files() == before, files()
open("empty.db", "w").close()
assert "empty.db" in confirm("empty.db")
assert os.stat("empty.db")[6] == 0
assert "flash:" in confirm("flash:")
blank = bytearray(64)
region = _mtdb_board.region()
for i in range(region.ioctl(4, 0)):
    region.readblocks(i, blank, 0)
    assert blank == b"\xff" * 64
with open("other.db", "w") as f:
    f.write("something else, longer than a header of a database is")
assert "not a database" in confirm("other.db")

for name in ("a.db", "flash:"):
    # open in this program, with nothing written yet
    with MicroTetherDB(name, in_memory=False) as db:
        assert confirm(name) is True and confirm(db) is True
        db.put("k", {"n": 1})
        assert confirm(name) is True
    assert confirm(name) is True
    with MicroTetherDB(name, in_memory=False) as db:
        db.delete("k")
    assert confirm(name) is True  # empty, but there
    assert "closed" in confirm(db)
for name in files():
    os.remove(ROOT + name)
os.chdir("/")
os.rmdir(ROOT)
print("OK")
