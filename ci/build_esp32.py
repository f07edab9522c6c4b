"""Build of the esp32 port's boards, with the user's own ESP-IDF (IDF_PATH), and checks of partition tables and images."""

import hashlib
import os
import re
import shutil
import struct
from pathlib import Path

import host
import publish
from common import BOARDS, BUILD, ROOT, Failure, library_version, micropython, run

PREFIX = {"esp32": "xtensa-esp32-elf-", "esp32s3": "xtensa-esp32s3-elf-", "esp32c3": "riscv32-esp-elf-"}
CHIP_ID = {"esp32": 0, "esp32c3": 5, "esp32s3": 9}  # esp_chip_id_t
IDF = (5, 2), (5, 4)  # oldest and newest version that our MicroPython's ports/esp32/README.md names
TABLE_END = 0x9000  # the boot loader and the partition table (at 0x8000) lie before
# As gen_esp32part.py names them.
SUBTYPES = {
    "app": ("factory", "test", *("ota_%d" % i for i in range(16))),
    "data": ("ota", "phy", "nvs", "coredump", "nvs_keys", "efuse", "undefined", "esphttpd", "fat", "spiffs", "littlefs"),
}
_NUMBERS = {"K": 1 << 10, "M": 1 << 20}


def _number(text):
    return int(text[:-1], 0) * _NUMBERS[text[-1]] if text[-1:] in _NUMBERS else int(text, 0)


def partitions(path, flash):
    """Return {name: (type, subtype, offset, size)} of a partition CSV; Failure when it breaks ESP-IDF's rules or ours.

    ESP-IDF: offsets in whole sectors of 0x1000, those of applications in 0x10000; nothing overlaps or leaves the flash; otadata
    is two sectors; at most 16 characters a name. Ours: two equal slots, "mtdb" (our region) and "vfs" (the file system).
    """
    table = {}
    end = TABLE_END
    for line in Path(path).read_text().splitlines():
        words = [word.strip() for word in line.split("#")[0].split(",")]
        if words == [""]:
            continue
        name, kind, subtype = words[:3]
        offset, size = _number(words[3]), _number(words[4])
        where = "%s: partition %s " % (path, name)
        if len(name) > 16 or name in table:
            raise Failure(where + "needs a name of its own of at most 16 characters")
        if subtype not in SUBTYPES.get(kind, ()):
            raise Failure(where + "has a type or subtype that ESP-IDF does not know")
        unit = 0x10000 if kind == "app" else 0x1000
        if offset % unit or size % 0x1000 or size <= 0:
            raise Failure(where + "does not begin at a multiple of 0x%x or is not whole sectors of 0x1000" % unit)
        if offset < end:
            raise Failure(where + "begins at 0x%x, before the end of what precedes it (0x%x)" % (offset, end))
        end = offset + size
        if end > flash:
            raise Failure(where + "ends at 0x%x, behind the flash of 0x%x bytes" % (end, flash))
        table[name] = (kind, subtype, offset, size)
    slots = [row[3] for row in table.values() if row[0] == "app"]
    kinds = [row[:2] for row in table.values() if row[0] == "app"]
    if kinds != [("app", "ota_0"), ("app", "ota_1")] or slots[0] != slots[1]:
        raise Failure("%s: two slots of one size, ota_0 and ota_1, are what updates need" % path)
    if ("data", "ota", 0x2000) not in [(k, s, size) for k, s, _, size in table.values()]:
        raise Failure("%s: a partition of type data, subtype ota, size 0x2000 is missing" % path)
    for name in ("nvs", "mtdb", "vfs"):
        if table.get(name, ("",))[0] != "data":
            raise Failure("%s: a data partition %s is missing" % (path, name))
    if table["mtdb"][3] < 32 * 0x1000:
        raise Failure("%s: the partition mtdb is smaller than 32 sectors" % path)
    return table


def check_image(data, name, chip, version, slot):
    """Return the bytes left in the slot; Failure when `data` is no application image of this chip, board and version that fits.

    Format: esp_image_header_t (24 bytes), segments of (address, length, data), padding, checksum (0xEF xor all data), SHA-256;
    the first segment begins with esp_app_desc_t (ESP-IDF, esp_app_format.h and esp_app_desc.h).
    """
    what = "the image of %s " % name
    if len(data) < 0x120 or data[0] != 0xE9:
        raise Failure(what + "does not begin with 0xE9")
    if struct.unpack_from("<H", data, 12)[0] != CHIP_ID[chip]:
        raise Failure(what + "is for another chip than " + chip)
    if data[0x20:0x24] != b"\x32\x54\xcd\xab":
        raise Failure(what + "has no application descriptor: the whole-flash image in place of the application?")
    found = data[0x30:0x50].split(b"\0")[0].decode(errors="replace")
    if found != "%s+%s" % (version, name):
        raise Failure(what + "says in its descriptor that it is %r" % found)
    offset, checksum = 24, 0xEF
    for _ in range(data[1]):
        length = struct.unpack_from("<I", data, offset + 4)[0] if offset + 8 <= len(data) else len(data)
        segment = data[offset + 8 : offset + 8 + length]
        if len(segment) != length:
            raise Failure(what + "is truncated")
        for word in struct.unpack("<%dI" % (length // 4), segment[: length & ~3]):
            checksum ^= word
        for byte in segment[length & ~3 :]:
            checksum ^= byte
        offset += 8 + length
    checksum ^= checksum >> 16
    checksum = (checksum ^ checksum >> 8) & 0xFF
    end = (offset | 15) + 1  # the checksum is the last byte of a block of 16
    if data[end - 1 : end] != bytes([checksum]):
        raise Failure(what + "has a wrong checksum")
    if data[23] and data[end : end + 32] != hashlib.sha256(data[:end]).digest():
        raise Failure(what + "has a wrong SHA-256")
    if len(data) > slot:
        raise Failure(
            "the image of %s has %d bytes, %d more than its slot: freeze less (boards/%s/manifest.py) or change boards/%s/partitions.csv"
            % (name, len(data), len(data) - slot, name, name)
        )
    return slot - len(data)


def require():
    """Return ESP-IDF's folder; Failure with what to do when it is not set up."""
    wanted = "ESP-IDF %d.%d to %d.%d" % (*IDF[0], *IDF[1])
    path = os.environ.get("IDF_PATH")
    if not path:
        raise Failure(
            "ESP32 boards need %s: run . export.sh in its folder first, which sets IDF_PATH, or use ci/esp32/Containerfile" % wanted
        )
    version = Path(path) / "tools" / "cmake" / "version.cmake"
    if not version.is_file():
        raise Failure("IDF_PATH=%s is not an ESP-IDF (no tools/cmake/version.cmake): %s is what the ESP32 boards need" % (path, wanted))
    found = re.findall(r"^set\(IDF_VERSION_M\w+ (\d+)\)", version.read_text(), re.M)
    if not micropython()[1] and not IDF[0] <= tuple(map(int, found)) <= IDF[1]:
        raise Failure("IDF_PATH=%s is ESP-IDF %s: the ESP32 boards need %s" % (path, ".".join(found), wanted[8:]))
    if not shutil.which("idf.py"):
        raise Failure("idf.py is not on the PATH: run . %s/export.sh first" % path)
    return Path(path)


def build(name, spec):
    """Build `dist/NAME/*.bin|.app-bin|.elf` with idf.py; fails when the image outgrows its slot."""
    path = require()
    tree = micropython()[0]
    table = partitions(BOARDS / name / "partitions.csv", spec["flash"])
    if spec["mcu"] == "esp32s3":
        host.submodules("tinyusb")
    port = tree / "ports" / "esp32"
    folder = BUILD / name
    env = dict(host.environment(), MICROPY_MPYCROSS=str(host.mpy_cross()), IDF_PATH=str(path))
    command = [
        "idf.py", "-C", port, "-B", folder,
        "-DMICROPY_BOARD=" + name,
        "-DMICROPY_BOARD_DIR=%s" % (BOARDS / name),
        "-DMICROPY_LIB_DIR=%s" % host.micropython_lib(),
        "-DUSER_C_MODULES=%s" % (ROOT / "ports" / "btree" / "micropython.cmake"),
        "-DMTDB_DB1_DIR=%s" % (BUILD / "src" / "db1-compat" / "db"),
        "build",
    ]  # fmt: skip
    run("firmware " + name, command, "firmware-" + name, env=env, cwd=ROOT)
    parts = [
        "sdkconfig",
        "bootloader/bootloader.bin",
        "partition_table/partition-table.bin",
        "micropython.bin",
        "firmware.bin",
        "micropython.uf2",
    ]
    run("image " + name, ["python3", port / "makeimg.py", *(folder / part for part in parts)], "image-" + name, env=env, cwd=ROOT)
    app = (folder / "micropython.bin").read_bytes()
    headroom = check_image(app, name, spec["mcu"], library_version(), table["ota_0"][3])
    shutil.copy(folder / "micropython.map", folder / "micropython.elf.map")
    size = publish.size_report(folder / "micropython.elf", PREFIX[spec["mcu"]])
    size.update(image=len(app), slot=table["ota_0"][3], headroom=headroom)
    base = publish.release_name(name)
    files = {".bin": "firmware.bin", ".app-bin": "micropython.bin", ".elf": "micropython.elf"}
    publish.publish(name, {base + kind: folder / part for kind, part in files.items()}, size)
