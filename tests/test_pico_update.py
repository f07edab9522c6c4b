"""SPEC 9 on the emulated Pico, with the real images: boot loader, trial, roll-back, power cuts; what is in the flash besides stays.

MTDB_NIGHTLY=1 adds whole updates by the real client, over its stream and over the cable, and 200 power cuts instead of one.
"""

import json
import os
import random
import struct
import sys
import zlib
from pathlib import Path

import cable
import common
import emulator
import guard
import layout
import pytest
import slots
import updates

ROOT = Path(__file__).resolve().parent.parent
NIGHTLY = bool(os.environ.get("MTDB_NIGHTLY"))
nightly = pytest.mark.skipif(not NIGHTLY, reason="long; MTDB_NIGHTLY=1")
REGIONS = layout.layout("RPI_PICO", "rp2040")
A, B, CONTROL = (REGIONS[name][0] for name in ("slot A", "slot B", "control"))
JOURNAL = '{"trial": ["2", 0, 1, true]}'

# What a run says of itself: the running slot, both states, what the journal remembers, the files.
SAY = """
import os
from microtetherdb import ota
up = ota.Updater(allow_unsigned=True)
s = up.status()
print(s["slot"], s["running"], s["target"], s["version"], s["failed"], sorted(os.listdir()))
"""
FILES = "['note.txt', 'ota.json']"


def image(letter):
    (path,) = (emulator.IMAGES).glob("*-%s.bin" % letter)
    return path.read_bytes()


@pytest.fixture(scope="module")
def used():
    """A chip's contents: version 1 in slot A, in use; a program has just downloaded the image for slot B."""
    flash = emulator.fresh_flash({"note.txt": b"x", "ota.json": JOURNAL.encode()})
    emulator.install(emulator.image(), flash)
    b = image("b")
    flash[B : B + len(b)] = b
    start, size = REGIONS["database"]
    flash[start : start + size] = random.Random(1).randbytes(size)
    return flash


def chip(path, flash, states=None, boot=1, b=None):
    """Write the chip's contents to `path`: with these states of the slots, and with `b` in slot B."""
    flash = bytearray(flash)
    if b:
        flash[B : B + len(b)] = b
    if states:
        flash[CONTROL : CONTROL + 2 * layout.BLOCK] = slots.control(image("a"), b or image("b"), states, boot)
    path.write_bytes(flash)
    return path


def start(path, code=SAY, **options):
    """Run code on what is on the chip; the database's region must not change by that."""
    at, size = REGIONS["database"]
    before = path.read_bytes()[at : at + size]
    output = emulator.run(code, path, installed=True, **options)
    assert path.read_bytes()[at : at + size] == before
    return output


ACTIVATED = (slots.VALID, slots.NEW)
TRIAL = (slots.VALID, slots.PENDING)


# On trial nothing may be written, nor anything be chosen but this; images fit where they are linked for.
REFUSED = """
import _mtdb_slot, machine, uctypes
for call in (lambda: _mtdb_slot.write(0, bytes(4096)), lambda: _mtdb_slot.step(0), lambda: _mtdb_slot.step(1, 4096, 0),
             lambda: _mtdb_slot.read(%d, bytearray(8)), lambda: _mtdb_slot.read(-4, bytearray(4))):
    try:
        call()
        print("allowed")
    except OSError as e:
        print(e.errno, end=" ")
print([_mtdb_slot.fits(uctypes.bytes_at(%d + slot, 264)) for slot in (%d, %d)], _mtdb_slot.fits(bytes(263)))
print(up.confirm(lambda: True), machine.mem32[0x40058000] >> 30)
""" % (REGIONS["slot B"][1] - 4, slots.FLASH, A, B)


def test_a_new_image_starts_once_is_confirmed_and_finds_everything(used, tmp_path):
    path = chip(tmp_path / "flash.bin", used, ACTIVATED)
    said = start(path, SAY + REFUSED).splitlines()
    assert said[0] == "1 pending valid None [] " + FILES
    assert said[1] == "1 1 1 1 1 [True, False] False"
    assert said[2] == "True 0"  # and the boot loader's watchdog does not run any more
    assert start(path) == "1 valid valid 2 [] %s\n" % FILES


def test_what_is_not_confirmed_is_rolled_back(used, tmp_path):
    path = chip(tmp_path / "flash.bin", used, TRIAL)
    assert start(path) == "0 valid aborted None ['2'] %s\n" % FILES


@nightly
def test_a_self_test_that_fails_rolls_back(used, tmp_path):
    path = chip(tmp_path / "flash.bin", used, ACTIVATED)
    start(path, SAY + "up.confirm(lambda: False)", resets=True)
    assert start(path) == "0 valid aborted None ['2'] %s\n" % FILES


# In the place of the reset handler, interrupts off: waits for ever; an undefined instruction.
HANGS = {"hangs": b"\x72\xb6\x30\xbf\xfd\xe7", "faults": b"\x72\xb6\x00\xde\xfe\xe7"}


def hanging(how):
    b = bytearray(image("b"))
    at = struct.unpack_from("<I", b, 0x104)[0] - 1 - slots.FLASH - B
    b[at : at + 6] = HANGS[how]
    return bytes(b)


@pytest.mark.parametrize("how", HANGS if NIGHTLY else ["hangs"])
def test_an_image_that_does_not_come_up_is_undone_by_the_watchdog(how, used, tmp_path):
    path = chip(tmp_path / "flash.bin", used, ACTIVATED, b=hanging(how))
    start(path, resets=True, timeout=30)
    assert start(path) == "0 valid aborted None ['2'] %s\n" % FILES


@nightly
@pytest.mark.parametrize("what", ["a bit", "the vectors"])
def test_a_damaged_image_never_starts(what, used, tmp_path):
    b = image("b")
    flash = bytearray(used)
    path = chip(tmp_path / "flash.bin", flash, ACTIVATED)
    flash = bytearray(path.read_bytes())
    if what == "a bit":
        flash[B + len(b) - 1] ^= 1
    else:
        flash[B + 0x104 : B + 0x108] = flash[A + 0x104 : A + 0x108]
    path.write_bytes(flash)
    assert start(path) == "0 valid aborted None ['2'] %s\n" % FILES


def test_the_boot_loaders_share_of_a_start(used, tmp_path):
    """At most 130,000 cycles without a check of a whole image, and 12 a byte with one: until an image that waits at its first
    instruction does so."""
    code = """
import asyncio, os, sys
sys.path[:0] = %r
import emulator
from pathlib import Path

async def main():
    device = emulator.plug_in(None, Path(sys.argv[1]))

    def tell():
        print(device.mcu.core.cycles, flush=True)
        os._exit(0)

    device.mcu.watchdog.on_watchdog_trigger = tell  # a trial's comes before this sees that it waits
    started = asyncio.ensure_future(device.astart(timeout=None))
    while not device.mcu.core.waiting:
        await asyncio.wait([started], timeout=0.05)
    tell()

asyncio.run(main())
"""
    a = image("a")
    b = hanging("hangs")
    found = []
    for states in ((slots.VALID, slots.VALID), ACTIVATED):
        path = chip(tmp_path / "flash.bin", used, states, b=b)
        command = [sys.executable, "-c", code % ([str(ROOT / "tests"), str(ROOT / "ci")],), path]
        found.append(int(guard.run(command, capture_output=True, text=True, timeout=30).stdout))
    print("cycles", found)
    assert 0 < found[0] < 130000 and found[1] < 130000 + 12 * len(a)


def test_power_cuts_around_the_activation(used, tmp_path):
    """Cut at a random operation of: activation, restart, check and mark of the boot loader, confirmation; then go on."""
    rnd = random.Random(5)
    b = image("b")
    begun = bytearray(used)
    begun[CONTROL : CONTROL + 2 * layout.BLOCK] = slots.control(image("a"), b, (slots.VALID, slots.EMPTY), 0)
    activate = "import _mtdb_slot, machine\nif _mtdb_slot.status()[2] == 0:\n    _mtdb_slot.step(1, %d, %d)\nmachine.reset()" % (
        len(b),
        zlib.crc32(b),
    )
    confirm = "import _mtdb_slot\nif _mtdb_slot.status()[1] == 2:\n    _mtdb_slot.step(2)\nprint(_mtdb_slot.status()[:3])"
    seen = set()
    for cut in range(200 if NIGHTLY else 1):
        path = tmp_path / "flash.bin"
        path.write_bytes(begun)
        place = (cut + 1) % 3
        if place == 0:  # in the activation: 3 operations
            start(path, activate, tear=(rnd.randrange(3), cut), resets=True)
            first = start(path, confirm)
            assert first in ("(0, 3, 0)\n", "(1, 3, 3)\n"), first
        else:  # in the mark of the trial, or in the confirmation
            path = chip(path, begun, ACTIVATED)
            start(path, confirm, tear=(rnd.randrange(3) + 3 * (place - 1), cut))
            first = start(path, confirm)
            assert first in ("(1, 3, 3)\n", "(0, 3, 4)\n"), first
        seen.add((place, first))
        if NIGHTLY:
            assert start(path, "import _mtdb_slot\nprint(_mtdb_slot.status()[:3])") == first
    print(sorted(seen))
    assert not NIGHTLY or len(seen) > 4


@nightly
def test_the_merged_uf2_over_a_board_in_use_keeps_its_data(used, tmp_path):
    """Slot A starts again, after one check of all of it."""
    path = chip(tmp_path / "flash.bin", used, (slots.VALID, slots.VALID), 1)
    flash = bytearray(path.read_bytes())
    written = slots.parts(emulator.image().read_bytes())
    for address, page in written.items():
        at = address - slots.FLASH
        flash[at : at + 256] = page
    assert flash[CONTROL : CONTROL + 2 * layout.BLOCK] == slots.control(image("a"))
    path.write_bytes(flash)
    assert start(path) == "0 valid empty None [] %s\n" % FILES


SIGNED = """
import asyncio, _mtdb_slot as chip
from microtetherdb import ota
from microtetherdb.ota import updater
from microtetherdb.ota.slot_rp2 import PicoSlot
chip.fresh(b"one")
chip.SIZE = 1 << 20
class One(PicoSlot):
    linked = False
def check(m, slot=PicoSlot):
    try:
        return asyncio.run(ota.Updater(slot(), board="RPI_PICO", key=%r, security=1).check(dict(m)))["version"]
    except ota.OTAError as e:
        return type(e).__name__
m = %r
a, b = m["slots"]
unsigned = dict(m)
del unsigned["slots_signature"]
print(check(m), check(unsigned), check(dict(m, slots=[b, a])), check(dict(m, slots=[a, a])), check(dict(m, version="9")))
print(check(dict(m, slots_signature=m["signature"])), check(dict(m, security=0)), check(dict(m, slots=[a, dict(b, file="elsewhere")])))
print(check(m, One), check(dict(m, slots=[b, a]), One))  # a board with one image for both slots looks at the first signature
updater.UPDATER = 1
print(check(m, One))  # a client of the first version
"""


def test_a_manifest_with_an_image_for_each_slot_is_signed_as_a_whole(run, tmp_path, capsys):
    key = tmp_path / "key.pem"
    updates.keygen(key)
    for letter in "ab":
        (tmp_path / ("x-%s.bin" % letter)).write_bytes(image(letter))
    a, b = str(tmp_path / "x-a.bin"), str(tmp_path / "x-b.bin")
    sign = ["--board", "RPI_PICO", "--version", "2", "--security", "1", "--key", str(key)]
    assert updates.main(["sign", a, b, *sign]) == 0
    where = tmp_path / "RPI_PICO.json"
    m = json.loads(where.read_text())
    assert m["updater"] == 2 and m["file"] == m["slots"][0]["file"] == "x-a.bin" and m["slots"][1]["file"] == "x-b.bin"
    lines, good = updates.inspect(where, str(key) + ".pub")
    assert good and sum("match" in line for line in lines) == 2, lines
    public = updates.public_hex(updates.load_key(key))
    assert run(SIGNED % (public, m)).split("\n") == [
        "2 BadSignature BadSignature BadSignature BadSignature",
        "BadSignature BadSignature 2",
        "2 2",
        "UpdaterTooOld",
        "",
    ]
    where.write_text(json.dumps(dict(m, slots=m["slots"][::-1])))
    assert not updates.inspect(where, str(key) + ".pub")[1]
    where.unlink()
    capsys.readouterr()
    (tmp_path / "cut.bin").write_bytes(image("b")[:100000] + b"x")
    pico2 = tmp_path / "pico2.bin"  # as much of it as has room
    pico2.write_bytes(next((ROOT / "dist" / "RPI_PICO2").glob("*-b.bin")).read_bytes()[:400000])
    for images, said in (
        ([a], "give the -a.bin and the -b.bin"),
        ([b, a], "linked for another place"),
        ([a, a], "linked for another place"),
        ([a, str(pico2)], "linked for another place"),
        ([a, str(tmp_path / "cut.bin")], "cut short"),
    ):
        assert updates.main(["sign", *images, *sign]) == 1
        assert said in capsys.readouterr().err and not where.exists()
    assert updates.main(["sign", a, b, "--board", "UNIX", "--version", "2"]) == 1
    assert "one image serves both slots" in capsys.readouterr().err


UPDATE = """
import asyncio
from microtetherdb import ota
up = ota.Updater(key=%r)
with open(%r, "rb") as f:
    asyncio.run(up.update(%r, f))
print(up.status()["target"])
up.restart()
"""


@nightly
def test_whole_updates_by_the_client_from_a_stream(used, tmp_path):
    """A to B and B to A: signed manifest, download, read back, activation, trial, confirmation."""
    key = tmp_path / "key.pem"
    updates.keygen(key)
    public = updates.public_hex(updates.load_key(key))
    a, b = [next(emulator.IMAGES.glob("*-%s.bin" % letter)) for letter in "ab"]
    path = tmp_path / "flash.bin"
    flash = bytearray(used)
    flash[B : B + 65536] = random.Random(2).randbytes(65536)  # what was there before
    flash[CONTROL : CONTROL + 2 * layout.BLOCK] = slots.control(image("a"), states=(slots.VALID, slots.ABORTED))
    at, size = REGIONS["file system"]
    journal = "{}"
    for version, file in (("2", b), ("3", a)):
        flash[at : at + size] = emulator.littlefs({file.name: file.read_bytes(), "ota.json": journal.encode()}, size // 4096)
        path.write_bytes(flash)
        m = updates.make(a, "RPI_PICO", version, second=b, key=key)
        output = start(path, UPDATE % (public, file.name, m), resets=True, timeout=900)
        assert output == "new\n", output
        output = start(path, SAY + "print(up.confirm(lambda: True))")
        assert " pending valid " in output and output.endswith("True\n"), output
        journal = json.dumps({"version": version})
        flash = bytearray(path.read_bytes())
        assert flash[B : B + len(b.read_bytes())] == b.read_bytes()
    assert start(path, SAY.replace("sorted(os.listdir())", "")).startswith("0 valid valid 3 []")


@nightly
def test_an_update_over_the_cable(used, tmp_path, capsys):
    """make update: into the other slot through the emulated USB port, trial, confirmation by the tool."""
    flash = bytearray(used)
    flash[B : B + 65536] = random.Random(2).randbytes(65536)  # what was there before
    _over_the_cable(flash, tmp_path, None)
    assert "RPI_PICO runs version 0.9.0, from slot B, confirmed" in capsys.readouterr().out


@pytest.mark.parametrize("program", [None, "confirms", "does not"] if NIGHTLY else [None])
def test_an_update_over_the_cable_in_short(used, tmp_path, program, capsys, monkeypatch):
    """The same without the download, the image is there; confirmation by main.py or by the tool."""
    b = image("b")
    monkeypatch.setattr(cable, "UPDATE", "import _mtdb_slot\n_mtdb_slot.step(0)\n_mtdb_slot.step(1, %d, %d) #%%s" % (len(b), zlib.crc32(b)))
    _over_the_cable(used, tmp_path, program)
    assert (", from slot B, confirmed" in capsys.readouterr().out) == (program != "does not")


def test_a_board_whose_host_went_away_in_the_middle_of_a_block_can_be_asked_again(used, tmp_path):
    """It restarts; what it was running before runs again."""
    path = tmp_path / "flash.bin"
    path.write_bytes(used)
    with emulator.serial_port(path) as port:
        board = cable.Board(port)
        board.connect()
        code = "import sys\nclass up:\n    def forget():\n        pass\n    async def update(m, stream):\n        stream.readinto(memoryview(bytearray(512)))\n"
        board.link.exec_raw_no_follow(code + cable.UPDATE.replace(str(cable.WAIT), "300") % {})
        board.link.read_until(1, b"?512\r\n", timeout=20)
        board.link.serial.write(bytes(300))
        board.close()
        board.connect(60)
        assert board.run("print(1 + 1)") == "2\r\n"
        board.close()


def _over_the_cable(flash, tmp_path, program):
    main = "import machine, time\nfrom microtetherdb import ota\nw = machine.WDT(timeout=8000)\n"
    main += "ota.confirm(lambda: True, allow_unsigned=True)\n" if program == "confirms" else ""
    files = {"main.py": (main + "while True:\n    w.feed()\n    time.sleep_ms(10)\n").encode()} if program else {}
    flash = bytearray(flash)
    at, size = REGIONS["file system"]
    flash[at : at + size] = emulator.littlefs(files, size // 4096)
    path = tmp_path / "flash.bin"
    path.write_bytes(flash)
    with emulator.serial_port(path) as port:
        if program == "does not":
            with pytest.raises(common.Failure, match="main.py did not confirm version 0.9.0"):
                cable.update("RPI_PICO", port, emulator.IMAGES, "0.9.0", wait=5)
        else:
            cable.update("RPI_PICO", port, emulator.IMAGES, "0.9.0", wait=20)
    at, size = REGIONS["database"]
    assert path.read_bytes()[at : at + size] == flash[at : at + size]
