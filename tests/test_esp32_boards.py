"""SPEC section 9: the ESP32 boards, as far as they can be checked without ESP-IDF. None of these images was built or run here."""

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import build_esp32
import common
import packages
import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
TREE = common.micropython()[0]
PORT = TREE / "ports" / "esp32"
NAMES = ["ESP32_GENERIC", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3"]
BOARD_FILES = ["_mtdb_board.py", "board.json", "manifest.py", "mpconfigboard.cmake", "mpconfigboard.h", "partitions.csv", "sdkconfig.board"]

# Application images of MicroPython without our library, bytes at most (boards/README.md, ESP32): the OTA variant is built for
# slots of this size; figure of MicroPython's pull request 17994; the factory partition that the stock image is built for.
STOCK = {"ESP32_GENERIC": 0x180000, "ESP32_GENERIC_C3": 1636624, "ESP32_GENERIC_S3": 0x1F0000}


def folder(name):
    return ROOT / "boards" / name


def spec(name):
    return common.board(name)


def table(name):
    return build_esp32.partitions(folder(name) / "partitions.csv", spec(name)["flash"])


@pytest.mark.parametrize("name", NAMES)
def test_the_board_folder_is_complete(name):
    assert [f for f in BOARD_FILES if not (folder(name) / f).exists()] == []
    assert spec(name)["port"] == "esp32"


@pytest.mark.parametrize("name", NAMES)
def test_partitions_keep_the_rules_and_hold_two_slots_a_region_and_a_file_system(name):
    rows = table(name)
    assert rows["ota_0"][3] == rows["ota_1"][3]
    last = max(offset + size for _, _, offset, size in rows.values())
    assert last == spec(name)["flash"]  # nothing is wasted


GOOD = (ROOT / "boards" / "ESP32_GENERIC" / "partitions.csv").read_text()


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("0x1c0000, 0x1b0000", "0x1c8000, 0x1a0000", "multiple of 0x10000"),
        ("0x370000, 0x50000", "0x370800, 0x4f000", "multiple of 0x1000"),
        ("0x370000, 0x50000", "0x360000, 0x50000", "before the end"),
        ("0x3c0000, 0x40000", "0x3c0000, 0x41000", "behind the flash"),
        ("0x10000,  0x1b0000", "0x10000,  0x1a0000", "two slots of one size"),
        ("0xd000,   0x2000", "0xd000,   0x1000", "subtype ota, size 0x2000"),
        ("mtdb, ", "data, ", "data partition mtdb"),
        ("phy_init", "phy_init_phy_init_", "at most 16"),
        ("data, undefined", "data, undefind", "type or subtype that ESP-IDF does not know"),
        ("phy_init", "nvs", "a name of its own"),
        ("0x370000, 0x50000", "0x370000, 0x10000", "smaller than 32 sectors"),
        ("nvs,      data, nvs,       0x9000", "nvs,      data, nvs,       0x8000", "before the end"),
    ],
)
def test_a_broken_partition_table_is_refused_with_its_reason(tmp_path, old, new, says):
    assert old in GOOD
    path = tmp_path / "partitions.csv"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(common.Failure, match=re.escape(says)):
        build_esp32.partitions(path, 4 << 20)


def test_micropythons_own_ota_tables_pass_but_for_our_region():
    for path in PORT.glob("partitions-*-ota.csv"):
        flash = int(re.search(r"(\d+)MiB", path.name).group(1)) << 20
        with pytest.raises(common.Failure, match="data partition mtdb is missing"):
            build_esp32.partitions(path, flash)


def configure(name, out):
    """Run the board's mpconfigboard.cmake as ports/esp32/CMakeLists.txt does; return its variables."""
    script = out / "configure.cmake"
    script.write_text(
        """
set(CMAKE_BINARY_DIR "%s")
set(MICROPY_BOARD %s)
set(MICROPY_BOARD_DIR "%s")
include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
foreach(name IDF_TARGET SDKCONFIG_DEFAULTS MICROPY_FROZEN_MANIFEST PROJECT_VER MICROPY_DEF_BOARD USER_C_MODULES MTDB_DB1_DIR)
    message(STATUS "${name}=${${name}}")
endforeach()
"""
        % (out, name, folder(name))
    )
    done = guard.run(["cmake", "-P", script], cwd=PORT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"-- (\w+)=(.*)", done.stdout))


def sdkconfig(variables):
    """Return the options of the combined sdkconfig, the last word counts."""
    options = {}
    for path in variables["SDKCONFIG_DEFAULTS"].split(";"):
        text = (PORT / path).read_text()  # an absolute path stays itself
        assert text.endswith("\n"), path
        for line in text.splitlines():
            match = re.match(r"(CONFIG_\w+)=(.*)$", line)
            assert match or not line.strip() or line.startswith("#"), (path, line)
            if match:
                options[match.group(1)] = match.group(2)
    return options


@pytest.mark.parametrize("name", NAMES)
def test_cmake_files_give_esp_idf_what_it_needs(name, tmp_path):
    variables = configure(name, tmp_path)
    assert variables["IDF_TARGET"] == spec(name)["mcu"]
    assert variables["PROJECT_VER"] == "%s+%s" % (common.library_version(), name)
    assert len(variables["PROJECT_VER"]) < 32  # esp_app_desc_t.version
    assert Path(variables["MICROPY_FROZEN_MANIFEST"]) == folder(name) / "manifest.py"
    assert Path(variables["USER_C_MODULES"]).is_file()
    assert "MICROPY_PY_BTREE=1" in variables["MICROPY_DEF_BOARD"]
    options = sdkconfig(variables)
    assert options["CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE"] == "y"
    assert options["CONFIG_APP_EXCLUDE_PROJECT_VER_VAR"] == "n"
    assert options["CONFIG_PARTITION_TABLE_CUSTOM"] == "y"
    assert Path(options["CONFIG_PARTITION_TABLE_CUSTOM_FILENAME"].strip('"')) == folder(name) / "partitions.csv"
    flash = [k for k, v in options.items() if "FLASHSIZE" in k and v == "y"]
    assert flash == ["CONFIG_ESPTOOLPY_FLASHSIZE_%dMB" % (spec(name)["flash"] >> 20)]


def test_every_sdkconfig_name_is_one_that_micropythons_boards_use():
    known = set()
    for path in PORT.rglob("sdkconfig*"):
        if path.is_file():
            known |= set(re.findall(r"^#?\s*(CONFIG_\w+)=", path.read_text(), re.M))
    assert len(known) > 100
    ours = [ROOT / "ports" / "esp32" / "sdkconfig.mtdb", *(folder(name) / "sdkconfig.board" for name in NAMES)]
    for path in ours:
        names = set(re.findall(r"^(CONFIG_\w+)=", path.read_text(), re.M))
        assert names and names <= known, (path, names - known)


LIBC = {"__assert_func", "__errno", "__gtsf2", "__ltsf2", "memchr", "memcmp", "memcpy", "memmove", "memset", "strlen"}
C3 = ["-march=rv32imc", "-mabi=ilp32", "-Os"]


@pytest.fixture(scope="module")
def riscv():
    with common.lock():
        packages.require("riscv", "rp2")  # rp2: newlib's headers, which ESP-IDF has too
    return "riscv64-unknown-elf-"


def test_the_c_code_compiles_for_the_c3_and_replaces_the_ports_own_btree_in_cmake(tmp_path, riscv):
    """esp32_common.cmake switches btree on, includes the user modules, then extmod.cmake, and links micropy_extmod_btree."""
    (tmp_path / "CMakeLists.txt").write_text(
        """
cmake_minimum_required(VERSION 3.13)
project(harness C)
set(MICROPY_DIR "%s")
set(MTDB_DB1_DIR "%s")
set(USER_C_MODULES "%s")
include(${MICROPY_DIR}/py/py.cmake)
set(MICROPY_PY_BTREE ON)
include(${MICROPY_DIR}/py/usermod.cmake)
include(${MICROPY_DIR}/extmod/extmod.cmake)
message(STATUS "qstr=${MICROPY_SOURCE_USERMOD}")
message(STATUS "extmod=${MICROPY_SOURCE_EXTMOD}")
add_library(image STATIC ${MICROPY_DIR}/py/objstr.c)
target_include_directories(image PRIVATE ${MICROPY_DIR} ${MICROPY_DIR}/ports/qemu "%s")
target_compile_definitions(image PRIVATE MICROPY_PY_BTREE=1 MICROPY_STREAMS_POSIX_API=1)
target_compile_options(image PRIVATE -Wall -Werror)
target_link_libraries(image usermod micropy_extmod_btree)
"""
        % (TREE, ROOT / "build" / "src" / "db1-compat" / "db", ROOT / "ports" / "btree" / "micropython.cmake", ROOT / "build" / "UNIX32")
    )
    command = ["cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "b", "-DCMAKE_SYSTEM_NAME=Generic"]
    command += ["-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY", "-DCMAKE_C_COMPILER=%sgcc" % riscv]
    command += ["-DCMAKE_C_FLAGS=%s -isystem /usr/include/newlib" % " ".join(C3)]
    done = guard.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(re.findall(r"-- (qstr|extmod)=(.*)", done.stdout))
    assert "modbtree.c" in found["qstr"] and "glue.c" in found["qstr"] and "berkeley" not in found["extmod"]
    done = guard.run(["cmake", "--build", tmp_path / "b"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    objects = [p for p in tmp_path.rglob("*.obj") if p.name != "objstr.c.obj"]
    assert len([p for p in objects if p.name.startswith(("bt_", "mpool"))]) == 13
    assert {"glue.c.obj", "modbtree.c.obj", "find.c.obj", "record.c.obj"} < {p.name for p in objects}
    # nothing is left that every C library does not give: no files, no allocation but MicroPython's
    needed, given = [
        set(re.findall(r" (\w+)$", subprocess.run([riscv + "nm", kind, *objects], capture_output=True, text=True, check=True).stdout, re.M))
        for kind in ("--undefined-only", "--defined-only")
    ]
    assert {name for name in needed - given if not name.startswith(("mp_", "gc_", "nlr_", "qstr_", "vstr_"))} <= LIBC


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_compiles_for_the_chip_and_the_image_fits_its_slot(name, tmp_path):
    march = "rv32imc" if spec(name)["mcu"] == "esp32c3" else "xtensawin"
    (tmp_path / "genhdr").mkdir()
    shutil.copy(ROOT / "build" / "UNIX32" / "genhdr" / "qstrdefs.preprocessed.h", tmp_path / "genhdr")
    command = [sys.executable, TREE / "tools" / "makemanifest.py", "-o", tmp_path / "frozen_content.c", "-b", tmp_path, "-f-march=" + march]
    paths = {"MPY_DIR": TREE, "PORT_DIR": PORT, "MPY_LIB_DIR": ROOT / "build" / "no-micropython-lib", "BOARD_DIR": folder(name)}
    for item in paths.items():
        command += ["-v", "%s=%s" % item]
    env = dict(os.environ, MICROPY_MPYCROSS=str(ROOT / "build" / "mpy-cross" / "mpy-cross"))
    done = guard.run([*command, folder(name) / "manifest.py"], env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    frozen = {str(p.relative_to(tmp_path / "frozen_mpy")) for p in tmp_path.rglob("*.mpy")}
    library = {str(p.relative_to(ROOT))[:-2] + "mpy" for p in (ROOT / "microtetherdb").rglob("*.py")}
    library -= {"microtetherdb/%s/__init__.mpy" % p for p in ("query", "records", "storage", "update")}  # no code is in them
    library -= {"microtetherdb/ota/slot_rp2.mpy"}
    assert library | {"_mtdb_board.mpy", "_boot.mpy", "flashbdev.mpy", "inisetup.mpy", "asyncio/core.mpy"} <= frozen
    assert "microtetherdb_database" in (tmp_path / "frozen_content.c").read_text()
    size = json.loads((ROOT / "dist" / "UNIX32" / "size.json").read_text())  # 32 bits too, and the whole library
    ours = size["frozen_library"]
    slot = table(name)["ota_0"][3]
    assert STOCK[name] + ours <= slot, "the estimated image outgrows its slot by %d bytes" % (STOCK[name] + ours - slot)


PARTITION = """
import sys
class Partition:
    TYPE_DATA = 1
    def find(kind, subtype=0xFF, label=None, block_size=4096):
        assert (kind, label) == (1, "mtdb")
        return found
sys.modules["esp32"] = type("esp32", (), {"Partition": Partition})
sys.path.insert(0, %r)
found = []
import _mtdb_board as b
assert b.region() is None
found = ["the region"]
assert b.region() == "the region"
found = ["another object"]
assert b.region() == "the region"  # the same each time
assert b.BOARD == %r and isinstance(b.DEFAULTS, dict)
assert b.BTREE_MENDED  # these images have ports/btree
print("OK")
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_board_module_finds_its_region(run, name):
    assert "OK" in run(PARTITION % (str(folder(name)), name), board="stock")


# Images ///////////////////////////////////////////////////////////////////////////////////////////////////////////////////


def image(name, version=None, chip=None, segments=2, hashed=True):
    """Return a small application image in ESP-IDF's format."""
    version = version or "%s+%s" % (common.library_version(), name)
    desc = struct.pack("<II8x32s32s16s16s32s32s80x", 0xABCD5432, 0, version.encode(), b"micropython", b"", b"", b"v5.2.2", b"")
    parts = [(0x3F400020, desc + b"rodata" * 10), (0x40080000, bytes(range(256)))][:segments]
    head = bytearray(
        struct.pack(
            "<BBBBIB3sHBHH4sB",
            0xE9,
            segments,
            2,
            0x20,
            0x40081000,
            0xEE,
            b"\0\0\0",
            build_esp32.CHIP_ID[chip or spec(name)["mcu"]],
            0,
            0,
            0,
            b"\0\0\0\0",
            hashed,
        )
    )
    assert len(head) == 24
    out, checksum = bytes(head), 0xEF
    for address, data in parts:
        data += b"\0" * (-len(data) % 4)
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    out += b"\0" * (15 - len(out) % 16) + bytes([checksum])
    return out + hashlib.sha256(out).digest() if hashed else out


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_the_board_is_accepted(name):
    data = image(name)
    assert build_esp32.check_image(data, name, spec(name)["mcu"], common.library_version(), len(data) + 100) == 100


@pytest.mark.parametrize("name", NAMES)
def test_esptool_reads_the_same_headers(name, tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image(name))
    done = guard.run([sys.executable, "-m", "esptool", "image-info", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Chip ID: %d " % build_esp32.CHIP_ID[spec(name)["mcu"]] in done.stdout and done.stdout.count("(valid)") == 2


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda d: b"\xff" * 4096 + d, "begin with 0xE9"),
        (lambda d: d[:32] + b"\0" * 4 + d[36:], "no application descriptor"),
        (lambda d: image("ESP32_GENERIC", chip="esp32s3"), "another chip"),
        (lambda d: image("ESP32_GENERIC_S3", chip="esp32"), "says in its descriptor"),
        (lambda d: image("ESP32_GENERIC", version="0.0.1+ESP32_GENERIC"), "says in its descriptor"),
        (lambda d: d[:330], "truncated"),
        (lambda d: d[:300] + b"\x55" + d[301:], "wrong checksum"),
        (lambda d: d[:-1] + bytes([d[-1] ^ 1]), "wrong SHA-256"),
        (lambda d: d, "more than its slot"),
    ],
)
def test_a_wrong_image_is_refused_with_its_reason(change, says):
    data = change(image("ESP32_GENERIC"))
    slot = len(data) - 4 if says == "more than its slot" else 1 << 20
    with pytest.raises(common.Failure, match=says):
        build_esp32.check_image(data, "ESP32_GENERIC", "esp32", common.library_version(), slot)


def test_the_build_calls_idf_and_checks_what_comes_out(tmp_path, monkeypatch):
    """With a stand-in for idf.py, which leaves our small image where the real one leaves its own."""
    name = "ESP32_GENERIC"
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (tmp_path / "tools" / "cmake").mkdir(parents=True)
    (tmp_path / "tools" / "cmake" / "version.cmake").write_text("set(IDF_VERSION_MAJOR 5)\nset(IDF_VERSION_MINOR 2)\n")
    build = tmp_path / "build"
    (bin_folder / "idf.py").write_text('#!/bin/sh\necho "$@" > %s/arguments\n' % tmp_path)
    (bin_folder / "idf.py").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder), prepend=":")
    monkeypatch.setenv("IDF_PATH", str(tmp_path))
    monkeypatch.setattr(build_esp32, "BUILD", build)
    monkeypatch.setattr(build_esp32.host, "mpy_cross", lambda: ROOT / "build" / "mpy-cross" / "mpy-cross")
    published = {}
    monkeypatch.setattr(build_esp32.publish, "publish", lambda *args: published.update(zip(("name", "files", "size"), args)))
    monkeypatch.setattr(build_esp32.publish, "size_report", lambda elf, prefix: {"prefix": prefix})
    ran = []
    monkeypatch.setattr(build_esp32, "run", lambda what, command, *args, **kw: ran.append([str(c) for c in command]))
    (build / name).mkdir(parents=True)
    (build / name / "micropython.bin").write_bytes(image(name))
    (build / name / "micropython.map").write_text("")
    build_esp32.build(name, spec(name))
    assert ran[0][0] == "idf.py" and ran[0][-1] == "build" and "-DMICROPY_BOARD=" + name in ran[0]
    assert ran[1][1].endswith("makeimg.py")
    assert [Path(f).suffix for f in published["files"]] == [".bin", ".app-bin", ".elf"]
    assert published["size"]["headroom"] == table(name)["ota_0"][3] - len(image(name))
    (build / name / "micropython.bin").write_bytes(image("ESP32_GENERIC_S3"))
    with pytest.raises(common.Failure, match="another chip"):
        build_esp32.build(name, spec(name))


APP = """
    .section .flash.appdesc, "a"
    .word 0xABCD5432, 0, 0, 0
    .asciz "%s"
    .org 256
    .section .iram0.text, "ax"
start:
    ret
"""


def test_an_image_that_esptool_makes_of_a_program_for_the_c3_is_accepted(tmp_path, riscv):
    name = "ESP32_GENERIC_C3"
    (tmp_path / "app.S").write_text(APP % ("%s+%s" % (common.library_version(), name)))
    link = [
        "-nostdlib",
        "-Wl,-estart,--build-id=none",
        "-Wl,--section-start=.flash.appdesc=0x3c000020",
        "-Wl,--section-start=.iram0.text=0x40380000",
    ]
    guard.run([riscv + "gcc", *C3, *link, "-o", tmp_path / "app.elf", tmp_path / "app.S"], check=True, timeout=100)
    command = [sys.executable, "-m", "esptool", "--chip", "esp32c3", "elf2image", "-o", tmp_path / "app.bin", tmp_path / "app.elf"]
    done = guard.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    data = (tmp_path / "app.bin").read_bytes()
    assert build_esp32.check_image(data, name, "esp32c3", common.library_version(), 0x1C0000) == 0x1C0000 - len(data)
    for at in (0x30, 0x120, len(data) - 1):  # version, a byte of the code, hash
        with pytest.raises(common.Failure):
            build_esp32.check_image(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], name, "esp32c3", common.library_version(), 0x1C0000)


def test_the_docs_say_that_these_images_were_not_run():
    text = (ROOT / "boards" / "README.md").read_text()
    section = text[text.index("### ESP32") :]
    assert "have not been built or run" in section
    for name in NAMES:
        for row, (_, _, offset, size) in table(name).items():
            assert "0x%06X" % offset in section and row in section, (name, row)
