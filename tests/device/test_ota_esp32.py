# boards: unix unix32
# SPEC section 9: the ESP32 slots, against a STAND-IN for esp32.Partition and ESP-IDF's boot loader (lib/esp32_standin.py).
import asyncio
import hashlib
import io
import os
from binascii import hexlify

import esp32_standin as standin
import microtetherdb.ota as ota
from files import remove
from microtetherdb import MicroTetherDB
from microtetherdb.ota.slot_esp32 import Esp32Slot

JOURNAL = "/tmp/mtdb-ota-esp32-%d.json" % (id(standin) & 0xFFFFFF)
DATABASE = JOURNAL[:-4] + "db"


def updater():
    return ota.Updater(Esp32Slot(), board="ESP32_GENERIC", journal=JOURNAL, allow_unsigned=True)


def manifest(data, version):
    return {"board": "ESP32_GENERIC", "version": version, "size": len(data), "sha256": hexlify(hashlib.sha256(data).digest()).decode()}


def update(data, version):
    return asyncio.run(updater().update(manifest(data, version), io.BytesIO(data)))


def fresh():
    remove(JOURNAL, JOURNAL + "~")
    flash = standin.Flash(standin.image(b"one"))
    standin.install(flash)
    return flash


def refused(kind, data, version="2"):
    try:
        update(data, version)
    except kind:
        return
    raise AssertionError(kind)


def reset(function, *args):
    try:
        function(*args)
    except standin.Reset:
        return
    raise AssertionError("no reset")


def states():
    s = updater().status()
    return s["slot"], s["running"], s["target"], s["failed"]


two, three = standin.image(b"two"), standin.image(b"three")

# updated, on trial, confirmed; then back into the first slot
flash = fresh()
assert states() == ("ota_0", "valid", "empty", [])
update(two, "2")
assert states() == ("ota_0", "valid", "new", []) and flash.log == [0, 1, 2]
refused(ota.Unconfirmed, three, "3")
flash.boot()
assert states() == ("ota_1", "pending", "empty", [])
refused(ota.Unconfirmed, three, "3")
assert updater().confirm(lambda: True) is True and updater().confirm(lambda: False) is False
assert states() == ("ota_1", "valid", "empty", [])
flash.boot()
update(three, "3")
flash.boot()
assert states()[:2] == ("ota_0", "pending") and updater().confirm(lambda: True)
assert bytes(flash.slots[0][:9000]) == three and updater().status()["version"] == "3"

# a failed self-test, and a trial that ends before Python runs: back to the old image, remembered
for crash in (False, True):
    flash = fresh()
    update(two, "2")
    flash.boot()
    if not crash:
        reset(updater().confirm, lambda: 1 // 0)
    flash.boot()
    assert states() == ("ota_0", "valid", "aborted", ["2"]), states()
    refused(ota.FailedBefore, two)
    # the stale "aborted" of version 2 is not held against version 3 when the power goes before its activation
    up = updater()
    up.slot.activate = lambda: 1 // 0
    try:
        asyncio.run(up.update(manifest(three, "3"), io.BytesIO(three)))
    except ZeroDivisionError:
        pass
    assert states() == ("ota_0", "valid", "aborted", ["2"])
    update(three, "3")
    flash.boot()
    assert states()[:2] == ("ota_1", "pending") and updater().confirm(lambda: True)

# the self-test on a database that the program has open, as an object and by its path; and on a closed one
for form in ("object", "path", "closed"):
    flash = fresh()
    update(two, "2")
    flash.boot()
    db = MicroTetherDB(DATABASE, in_memory=False)
    db.put("k", form)
    if form == "closed":
        db.close()
        reset(updater().confirm, db)
    else:
        assert updater().confirm(DATABASE if form == "path" else db) is True
        assert db["k"] == form
        db.close()
        assert states()[1] == "valid"

# refused with the running image and the boot choice as they were
flash = fresh()
before = [bytes(e) for e in flash.otadata]
boot_loader = b"\xe9" + two[1:32] + b"\x50" + bytes(9000 - 33)  # what a full-flash image starts with on S3 and C3
for kind, data in (
    (ota.BadImage, boot_loader),
    (ota.BadImage, b"\xff" * 4096 + two),  # and on the ESP32, where the boot loader lies at 0x1000
    (ota.BadImage, standin.image(b"two", chip=9)),
    (ota.BadImage, two[:20]),
):
    refused(kind, data)
    assert flash.log == []
refused(ota.TooLarge, standin.image(b"x", size=70000))
assert flash.log == []
refused(ota.BadImage, two[:5000] + b"x" + two[5001:])  # whole by the manifest, refused by set_boot
assert [bytes(e) for e in flash.otadata] == before and states()[:2] == ("ota_0", "valid") and flash.running == 0
update(two, "2")  # not held against it
fresh()
os.remove(DATABASE)
print("OK")
