"""SPEC section 9: the images hold what they promise, boot, keep data over a power cycle, and fit their flash."""

import csv
import hashlib
import json
import os
import pty
import re
import struct
import subprocess
import sys
from pathlib import Path

import common
import layout
import guard
import pytest
import slots

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
IMAGES = {"unix": "UNIX", "unix32": "UNIX32", "rp2": "RPI_PICO"}
PICOS = ["RPI_PICO", "RPI_PICO2"]
PICOTOOL = ROOT / "build" / "host" / "picotool" / "install" / "picotool" / "picotool"


def test_every_image_tells_board_and_library_version(run, board):
    code = "import sys, microtetherdb\nprint(sys.implementation._build, microtetherdb.__version__, sys.version)"
    build, version, banner = run(code, board).split(" ", 2)
    assert build == IMAGES[board]
    assert version == common.library_version()
    assert "MicroTetherDB " + version in banner


def test_every_image_has_btree_asyncio_and_both_file_systems(run, board):
    names = "btree asyncio json hashlib uctypes deflate select struct random time vfs _thread io heapq re errno collections"
    code = "import %s\nimport vfs\nvfs.VfsLfs2, vfs.VfsFat, hashlib.sha256\nprint('OK')" % ", ".join(names.split())
    assert run(code, board) == "OK\n"


def test_unix_has_sockets_and_environment(run):
    run("import socket, os\nos.getenv, os.system\ns = socket.socket()\ns.close()", "unix")


def test_defaults_name_the_board_when_it_sets_them(run, board):
    code = "import _mtdb_board, microtetherdb\nprint(_mtdb_board.BOARD)\nrepr(microtetherdb.defaults)"
    assert run(code, board) == IMAGES[board] + "\n"


STORE = """
from microtetherdb import MicroTetherDB
def check(name):
    with MicroTetherDB(name, in_memory=False) as db:
        if FIRST:
            db.put("k", {"v": 1}, tags=["a"])
            for i in range(12):
                db.put("n%02d" % i, {"i": i})
        else:
            assert db["k"]["v"] == 1 and len(db) == 13, len(db)
            assert [d["i"] for d in db.query({"i": {"$gte": 10}})] == [10, 11]
            assert len(db.query({"tags": "a"})) == 1
check("data.db")
check("flash:")
print("OK")
"""


def test_file_and_raw_region_survive_a_power_cycle(run, board):
    for first in (True, False):
        assert run("FIRST = %r\n" % first + STORE, board, timeout=200) == "OK\n"


def test_the_file_system_and_the_database_region_do_not_touch(run):
    code = """
import _mtdb_board, os, rp2
whole = rp2.Flash()
blocks = whole.ioctl(4, 0)
region, files = _mtdb_board.region(), _mtdb_board.filesystem()
assert region.ioctl(4, 0) + files.ioctl(4, 0) == blocks
assert os.statvfs("/")[2] == files.ioctl(4, 0)
mark = bytearray(256)
mark[:5] = b"first"
region.ioctl(6, 0)
region.writeblocks(0, mark, 0)
buf = bytearray(5)
whole.readblocks(0, buf, 0)
assert buf == b"first"
print("OK")
"""
    assert run(code, "rp2") == "OK\n"


def test_a_file_of_the_same_name_does_not_shadow_the_frozen_library(run):
    files = {"microtetherdb/__init__.py": "wrong = 1", "lib/microtetherdb/__init__.py": "wrong = 2"}
    code = "import sys, microtetherdb\nprint(hasattr(microtetherdb, 'wrong'))"
    assert run(code, "rp2", files=files) == "False\n"
    # on purpose
    assert run('import sys\nsys.path.insert(0, "/lib")\nimport microtetherdb\nprint(microtetherdb.wrong)', "rp2") == "2\n"


@pytest.mark.parametrize("name", [*IMAGES.values(), "RPI_PICO2"])
def test_release_folder_has_sums_and_sizes(name):
    lines = (DIST / name / "SHA256SUMS").read_text().splitlines()
    assert lines
    for line in lines:
        sha256, file = line.split("  ")
        assert hashlib.sha256((DIST / name / file).read_bytes()).hexdigest() == sha256
    size = json.loads((DIST / name / "size.json").read_text())
    assert size["text"] > size["frozen_library"] + size["btree"] > 40000
    assert 5000 < size["btree"] < 30000


@pytest.mark.parametrize("name", PICOS)
def test_pico_images_have_the_names_of_the_ecosystem_and_headroom(name):
    files = [p.name for p in (DIST / name).iterdir() if p.name.startswith(name)]
    pattern = re.escape(name) + r"-20\d{6}-v" + re.escape(common.library_version()) + r"(\.uf2|-[ab]\.(bin|elf))"
    assert len(files) == 5 and all(re.fullmatch(pattern, file) for file in files), files
    assert json.loads((DIST / name / "size.json").read_text())["headroom"] >= 24 << 10


@pytest.mark.parametrize("name, family, start", [("RPI_PICO", "rp2040", 0x10110000), ("RPI_PICO2", "rp2350-arm-s", 0x10200000)])
def test_picotool_finds_family_frozen_library_and_storage(name, family, start):
    image = next((DIST / name).glob("*.uf2"))
    info = subprocess.run([PICOTOOL, "info", "-a", image], check=True, capture_output=True, text=True).stdout
    assert "family ID '%s'" % family in info
    assert "microtetherdb/database" in info and "_mtdb_board" in info and "microtetherdb/ota/slot_esp32" not in info
    assert int(re.search(r"embedded drive:\s+0x([0-9a-f]+)", info).group(1), 16) == start
    assert sum(layout.layout(name, common.board(name)["mcu"])["control"]) + 0x10000000 == start
    if name == "RPI_PICO2":
        assert "ARM Secure" in info


@pytest.mark.parametrize("name", PICOS)
def test_images_are_linked_for_their_slots_and_the_merged_uf2_holds_what_is_needed(name):
    """The same for the Pico 2, which no emulator here runs: vectors, image definition, addresses, whole sectors, what comes first."""
    chip = common.board(name)["mcu"]
    regions = layout.layout(name, chip)
    a, b = [next((DIST / name).glob("*-%s.bin" % letter)).read_bytes() for letter in "ab"]
    slots.check(a, chip, regions["slot A"], "slot A")
    slots.check(b, chip, regions["slot B"], "slot B")
    for image, region in ((a, "slot B"), (b, "slot A"), (a[256:], "slot A"), (a[:-1], "slot A"), (b"", "slot A")):
        with pytest.raises(common.Failure):
            slots.check(image, chip, regions[region], region)
    assert len(a) == len(b) and a != b
    data = next((DIST / name).glob("*.uf2")).read_bytes()
    written = slots.parts(data)
    flash = bytearray(b"\0" * sum(regions["control"]))
    sectors = {}
    for address, page in written.items():
        at = address - slots.FLASH
        flash[at : at + 256] = page
        sectors[at // layout.BLOCK] = sectors.get(at // layout.BLOCK, 0) + 1
    assert set(sectors.values()) == {layout.BLOCK // 256} and len(page) == 256
    start, size = regions["control"]
    assert next(iter(written)) == slots.FLASH + start  # a copy that breaks off leaves no old record
    assert flash[start : start + size] == slots.control(a)
    start, size = regions["slot A"]
    assert flash[start : start + len(a)] == a and max(sectors) * layout.BLOCK < sum(regions["control"])
    boot = json.loads((DIST / name / "size.json").read_text())["boot"]
    assert 1000 < boot < 4096
    stack, reset = struct.unpack_from("<II", flash, slots.VECTORS[chip])
    assert 0x20000000 < stack < 0x20042000 and slots.FLASH < reset < slots.FLASH + boot and reset & 1
    definition = bytes.fromhex("d3deffff42012110ff01000000000000793512ab")  # an executable for the RP2350's Arm cores, the only block
    assert flash[:4096].count(definition[:4]) == flash[:4096].count(definition) == (chip == "rp2350")
    if chip == "rp2350":  # erratum RP2350-E10: a block of picotool's is in front
        assert struct.unpack_from("<I", data, 12)[0] == 0x10FFFF00 and struct.unpack_from("<I", data, 28)[0] == 0xE48BFF57
    assert sum(regions["control"]) == regions["database"][0] == {"rp2040": 0x110000, "rp2350": 0x200000}[chip]


@pytest.mark.parametrize("name", PICOS)
def test_the_table_in_boards_readme_is_flash_csv(name):
    text = (ROOT / "boards" / "README.md").read_text()
    table = text.split("### %s\n" % name, 1)[1].split("\n#", 1)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")][:3] for line in table.splitlines() if re.match(r"\| [a-zA-Z ]+\| 0x", line)
    ]
    with open(ROOT / "boards" / name / "flash.csv") as f:
        wanted = [[cell.strip() for cell in row] for row in csv.reader(f) if not row[0].startswith("#")]
    assert [[region, int(offset, 16), int(size.split()[0])] for region, offset, size in rows] == [
        [region, int(offset, 0), int(size, 0) // 1024] for region, offset, size in wanted
    ]


def test_an_image_that_outgrows_its_slot_is_refused():
    regions = layout.layout("RPI_PICO", "rp2040")
    assert layout.check_image("RPI_PICO", 524 * 1024, regions) == 0
    with pytest.raises(common.Failure, match="1 more than its slot"):
        layout.check_image("RPI_PICO", 524 * 1024 + 1, regions)


@pytest.mark.parametrize(
    "change, message",
    [
        (("0x083000\nslot B,", "0x084000\nslot B,"), "slot B overlaps"),
        (("slot B,        0x08B000, 0x083000", "slot B,        0x08B000, 0x082000"), "differ in size"),
        (("0x10E000, 0x002000", "0x10F000, 0x001000"), "control is two erase blocks in front of the database"),
        (("0x10E000, 0x002000", "0x10E000, 0x001000"), "control is two erase blocks in front of the database"),
        (("boot loader,", "loader,"), "there must be boot loader, slot A"),
        (("boot loader,   0x000000", "boot loader,   0x001000"), "from offset 0|overlaps"),
        (("0x0A0000", "0x0A1000"), "do not fit"),
        (("0x110000", "0x110100"), "whole erase blocks"),
        (("0x110000, 0x050000", "0x110000, 0x040000"), "does not follow"),
    ],
)
def test_a_wrong_layout_is_refused(change, message, tmp_path, monkeypatch):
    folder = tmp_path / "RPI_PICO"
    folder.mkdir()
    text = (ROOT / "boards" / "RPI_PICO" / "flash.csv").read_text()
    assert change[0] in text
    (folder / "flash.csv").write_text(text.replace(*change))
    (folder / "_mtdb_board.py").write_text((ROOT / "boards" / "RPI_PICO" / "_mtdb_board.py").read_text())
    monkeypatch.setattr(layout, "BOARDS", tmp_path)
    with pytest.raises(common.Failure, match=message):
        layout.layout("RPI_PICO", "rp2040")


def test_the_emulator_keeps_what_was_written_before_a_cut(tmp_path):
    import emulator

    code = "with open('a', 'w') as f:\n    f.write('1')\nprint('written')\nwhile True:\n    pass\n"
    assert "written" in emulator.run(code, tmp_path / "f.bin", cut=150_000_000)
    assert emulator.run("print(open('a').read())", tmp_path / "f.bin") == "1\n"


def test_make_try_gives_the_repl_of_the_emulated_board():
    master, slave = pty.openpty()
    command = [sys.executable, ROOT / "ci" / "try.py", "RPI_PICO"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=guard.with_us)
    output = b""
    sent = False
    try:
        watch = guard.Guard(process, 120)
        while b"\n42" not in output:
            watch.wait_for(master)
            output += os.read(master, 1000)
            if b">>>" in output and not sent:
                os.write(master, b"print(6*7)\r")
                sent = True
        os.write(master, b"\x18")
        assert b"\n42" in output, output.decode()
        assert watch.wait() == 0
    finally:
        guard.kill(process)
        os.close(master)
        os.close(slave)


def test_the_frozen_library_runs_from_flash(run, tmp_path):
    """Importing it costs at most 2 KB of heap on 32 bits, and well below half of what .mpy files cost."""
    guard.run(["python3", ROOT / "ci" / "mip.py", tmp_path / "mip"], check=True, capture_output=True, timeout=100)
    code = "import gc\ngc.collect()\na = gc.mem_alloc()\nimport microtetherdb\ngc.collect()\nprint(gc.mem_alloc() - a)"
    frozen = int(run(code, "unix32"))
    loaded = int(run(code, "unix32", path=[str(tmp_path / "mip")]))
    assert frozen <= 2048 and frozen < loaded / 2, (frozen, loaded)
