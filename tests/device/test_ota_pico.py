# boards: unix unix32
# SPEC section 9: the Picos' slots, against a STAND-IN for the C module and the boot loader (lib/_mtdb_slot.py): an image for each slot.
import asyncio
import hashlib
import io
from binascii import hexlify

import _mtdb_slot as chip
import microtetherdb.ota as ota
from files import remove
from microtetherdb.ota import manifest
from microtetherdb.ota.slot_rp2 import PicoSlot

JOURNAL = "/tmp/mtdb-ota-pico-%d.json" % (id(chip) & 0xFFFFFF)


class Slot(PicoSlot):
    def restart(self):
        raise chip.Reset


def updater(**options):
    return ota.Updater(Slot(), board="RPI_PICO", journal=JOURNAL, allow_unsigned=True, **options)


def fresh():
    remove(JOURNAL, JOURNAL + "~")
    chip.fresh(b"one")


def entry(data, file="x"):
    return {"size": len(data), "sha256": hexlify(hashlib.sha256(data).digest()).decode(), "file": file}


def release(version, size=9000, **more):
    """(manifest, the two images)"""
    images = [chip.image(b"version " + version.encode(), slot, size) for slot in (0, 1)]
    m = {"board": "RPI_PICO", "version": version, "updater": 2, "slots": [entry(images[0], "a.bin"), entry(images[1], "b.bin")]}
    m.update(entry(images[0], "a.bin"))
    m.update(more)
    return m, images


def update(version, **more):
    m, images = release(version, **more)
    return asyncio.run(updater().update(m, io.BytesIO(images[1 - chip.me])))


def holds(slot, version):
    return bytes(chip.flash[slot][264:]).startswith(b"version " + version.encode())


def states():
    s = updater().status()
    return s["slot"], s["running"], s["target"], s["version"], s["trial"], s["failed"]


# A to B, B to A, A to B again; each confirmed
fresh()
assert states() == (0, "valid", "empty", None, None, [])
for version, slot, size in (("2", 1, 9000), ("3", 0, 8192), ("4", 1, 65536), ("5", 0, 280)):
    update(version, size=size)
    assert states()[:3] == (1 - slot, "valid", "new") and chip.log[-1] == "A"
    assert chip.start() == slot and states()[:3] == (slot, "pending", "valid")
    for step in (0, 1):
        try:
            chip.step(step, 4, 0)
            raise AssertionError(step)
        except OSError as e:
            assert e.errno == 1
    assert updater().confirm(lambda: True) and states() == (slot, "valid", "valid", version, None, [])
    assert not updater().confirm(lambda: False) and chip.start() == slot and holds(slot, version)

# not confirmed; a self-test that fails: back, and never again
for version, way in (("6", "reset"), ("7", "self-test")):
    update(version)
    assert chip.start() == 1 and states()[1] == "pending"
    if way == "self-test":
        try:
            updater().confirm(lambda: 1 // 0)
            raise AssertionError("no reset")
        except chip.Reset:
            pass
    assert chip.start() == 0 and states()[:3] == (0, "valid", "aborted") and version in states()[5]
    try:
        update(version)
        raise AssertionError("failed before")
    except ota.FailedBefore:
        pass
assert states()[3] == "5"

# the other slot went bad during the trial: what runs stays, and says so
update("8")
chip.start()
chip.states[0] = 4
try:
    updater().confirm(lambda: False)
    raise AssertionError("rolled back to nothing")
except ota.SelfTestFailed:
    assert chip.states[1] == 2
chip.states[0] = 3
assert chip.start() == 0


# the download broke off at each sector: it goes on where it was, and what is there is read back whole
class Breaks(io.BytesIO):
    def readinto(self, buf):
        if self.tell() >= self.end:
            return 0
        return super().readinto(buf)


for end in range(4096, 28672, 4096):
    fresh()
    m, images = release("2", 28000)
    stream = Breaks(images[1])
    stream.end = end
    try:
        asyncio.run(updater().update(m, stream))
        raise AssertionError("broke off")
    except ota.Truncated:
        pass
    assert chip.start() == 0 and states()[:3] == (0, "valid", "empty") and updater().status()["download"] == end
    chip.log.clear()
    asyncio.run(updater().update(m, io.BytesIO(images[1])))
    assert chip.log[0] == end and chip.start() == 1 and updater().confirm(lambda: True)


# bad input: refused by name, and neither the flash nor what boots has changed
def refused(kind, m, data, begun=False):
    fresh()
    before = bytes(chip.flash[1])
    try:
        asyncio.run(updater(security=3).update(m, io.BytesIO(data)))
    except kind as e:
        assert type(e) is kind, repr(e)
    else:
        raise AssertionError(kind)
    assert begun or bytes(chip.flash[1]) == before and not chip.log and chip.states == [3, 0], chip.log
    assert chip.boot == 0 and "A" not in chip.log and chip.start() == 0 and states()[:2] == (0, "valid") and states()[4] is None


m, (a, b) = release("2", security=3)
odd = b + b"odd"
flipped = bytearray(b)
flipped[5000] ^= 8
half = chip.image(b"no stack", 1)[:256] + bytes(8) + b[264:]
refused(ota.BadImage, dict(m, slots=[m["slots"][0], entry(a)]), a)  # slot A's image for slot B
refused(ota.BadImage, dict(m, slots=[m["slots"][0], entry(b[256:])]), b[256:])  # vectors at the start: the other chip's
refused(ota.BadImage, dict(m, slots=[m["slots"][0], entry(half)]), half)
refused(ota.BadImage, dict(m, slots=[m["slots"][0], entry(b[:263])]), b[:263])
refused(ota.BadImage, dict(m, slots=[m["slots"][0], entry(odd)]), odd)
refused(ota.TooLarge, dict(m, slots=[m["slots"][0], dict(entry(b), size=65540)]), b)
refused(ota.Truncated, m, b[:4000])
refused(ota.Truncated, m, b[:-1], begun=True)
refused(ota.BadHash, m, flipped, begun=True)
refused(ota.WrongBoard, dict(m, board="RPI_PICO2"), b)
refused(ota.WrongBoard, dict(m, variant="W"), b)
refused(ota.OldSecurity, dict(m, security=2), b)
refused(ota.UpdaterTooOld, dict(m, updater=3), b)
one = {name: value for name, value in m.items() if name != "slots"}
refused(ota.BadManifest, one, b)  # a release with one image only
for slots in ([], {}, [m["slots"][0]], [m["slots"][0], 5], [m["slots"][0], {}], m["slots"] * 2, "ab", 0, False):
    refused(ota.BadManifest, dict(m, slots=slots), b)
for name, values in (
    ("size", (0, -1, 1 << 30, 1.5, "9", None, True)),
    ("sha256", ("", "0" * 63, 5, None, "0" * 63 + "\n")),
    ("file", (5, "a\nb")),
):
    for value in values:
        refused(ota.BadManifest, dict(m, slots=[m["slots"][0], dict(m["slots"][1], **{name: value})]), b)

# what is signed: all of the first signature's members, and both images; nothing else
whole = manifest.canonical(manifest.parse(m), True)
for name, value in (("board", "X"), ("variant", "X"), ("version", "X"), ("security", 9), ("size", 9), ("sha256", "1" * 64), ("updater", 9)):
    assert manifest.canonical(manifest.parse(dict(m, **{name: value})), True) != whole, name
for slot in (0, 1):
    for name, value in (("size", 12), ("sha256", "1" * 64), ("file", "elsewhere")):
        slots = [dict(image) for image in m["slots"]]
        slots[slot][name] = value
        assert (manifest.canonical(manifest.parse(dict(m, slots=slots)), True) != whole) == (name != "file")
assert manifest.canonical(manifest.parse(m)) != whole

# no boot loader
status = chip.status


def none():
    raise OSError(19)


chip.status = none
try:
    PicoSlot()
    raise AssertionError("no boot loader")
except ota.OTAError as e:
    assert "boot loader" in str(e)
chip.status = status
fresh()
print("OK")
