"""The Picos' boot loader, the second link of an image, and the merged UF2 for the first flashing (docs/update.md)."""

import re
import struct
import subprocess
import zlib

from common import ROOT, Failure, run
from layout import BLOCK

BOOT = ROOT / "ports" / "rp2" / "boot"
FLASH = 0x10000000
FAMILY = {"rp2040": 0xE48BFF56, "rp2350": 0xE48BFF59}
CORE = {"rp2040": "cortex-m0plus", "rp2350": "cortex-m33"}
VECTORS = {"rp2040": 0x100, "rp2350": 0}  # where an image has its vectors: boot2 is in front of them
RAM = {"rp2040": 264 << 10, "rp2350": 520 << 10}
MARKS = (0x7188EBF2, 0xE71AA390)  # around the addresses of the binary information that picotool shows
EMPTY, NEW, PENDING, VALID, ABORTED, FLASHED = range(6)  # states of a slot, as in ports/rp2/boot/control.h


def defines(regions):
    """Return what the C sources must know of the layout, {name: number}."""
    found = {"SLOT_A": regions["slot A"][0], "SLOT_B": regions["slot B"][0], "SLOT_SIZE": regions["slot A"][1]}
    found["CONTROL"] = regions["control"][0]
    return found


def link_b(folder, env):
    """Link the objects of firmware.elf (slot A) again for slot B: firmware-b.elf and .bin."""
    first, second = folder / "firmware.elf", folder / "firmware-b.elf"
    if second.exists() and second.stat().st_mtime_ns > first.stat().st_mtime_ns:
        return
    commands = subprocess.run(
        ["ninja", "-C", folder, "-t", "commands", "firmware.elf"], check=True, capture_output=True, text=True, env=env
    )
    link = commands.stdout.splitlines()[-1].split(" && ")[1]
    changed = re.sub(r"(?<![\w/.])firmware\.elf", "firmware-b.elf", link).replace("slot_A.ld", "slot_B.ld")
    if "slot_B.ld" not in changed or "-o firmware-b.elf" not in changed:
        raise Failure("the command that links %s is not as expected; see ninja -t commands firmware.elf" % first)
    script = folder / "link-b.sh"
    script.write_text("%s && arm-none-eabi-objcopy -O binary firmware-b.elf firmware-b.bin\n" % changed)
    run("firmware %s: slot B" % folder.name, ["sh", "-e", script], "firmware-%s-b" % folder.name, env=env, cwd=folder)


def whole_words(path):
    """Return the image in the file `path`, filled up there to a multiple of 4 bytes, as the boot loader reads it."""
    image = path.read_bytes()
    if len(image) % 4:
        image += b"\xff" * (-len(image) % 4)
        path.write_bytes(image)
    return image


def check(image, chip, region, name):
    """Raise Failure unless the vectors of `image` (bytes) point into RAM and into its slot."""
    if len(image) < VECTORS[chip] + 8 or len(image) % 4:
        raise Failure("the image for %s is cut short: it has %d bytes" % (name, len(image)))
    stack, reset = struct.unpack_from("<II", image, VECTORS[chip])
    start = FLASH + region[0]
    if not 0x20000000 < stack <= 0x20000000 + RAM[chip] or not reset & 1 or not start <= reset < start + region[1]:
        raise Failure("the image for %s has a stack at 0x%x and starts at 0x%x: it is linked for another place" % (name, stack, reset))


def boot_loader(chip, regions, folder, sdk, image, env):
    """Compile the boot loader; return its bytes. `image`: slot A's, whose boot2 and binary information it names."""
    (folder / "boot2.bin").write_bytes(image[:256])
    macros = dict(defines(regions), **{chip.upper(): 1})
    command = ["arm-none-eabi-gcc", "-mcpu=" + CORE[chip], "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
    command += ["-Wno-array-bounds", "-ffreestanding", "-nostdlib", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"]
    command += ["-I", sdk / "src" / chip / "hardware_regs" / "include", '-DBOOT2="boot2.bin"']
    command += ["-D%s=%#x" % item for item in macros.items()]
    command += ["-T", BOOT / "boot.ld", "-o", "boot.elf", BOOT / "boot.c", "-lgcc"]
    run("firmware %s: boot loader" % folder.name, command, "boot-" + folder.name, env=env, cwd=folder)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "boot.elf", "boot.bin"], check=True, env=env, cwd=folder)
    boot = bytearray((folder / "boot.bin").read_bytes())
    words = struct.unpack_from("<512I", image)
    at = words.index(MARKS[0])
    if words[at + 4] != MARKS[1]:
        raise Failure("the image in %s has no binary information where picotool looks for it" % folder)
    struct.pack_into("<5I", boot, VECTORS[chip] + 16, *words[at : at + 5])
    if len(boot) > BLOCK:  # the RP2350's boot ROM looks for a second image there
        raise Failure("the boot loader has %d bytes, more than %d" % (len(boot), BLOCK))
    return bytes(boot)


def control(a, b=b"", states=(FLASHED, EMPTY), boot=0):
    """Return the control region for these images in the slots: two sectors, each with a record and its seal."""
    sectors = []
    for sequence in range(2):
        record = struct.pack("<4sI4B", b"MTB1", sequence, boot, *states, 0xFF)
        for image in (a, b):
            record += struct.pack("<2I", len(image), zlib.crc32(image))
        record += struct.pack("<I", zlib.crc32(record))
        sectors.append((record.ljust(256, b"\xff") + bytes(4)).ljust(BLOCK, b"\xff"))
    return b"".join(sectors)


def uf2(parts, family, first=b""):
    """Return a UF2 that writes `parts`, [(offset, bytes)], filled up to whole sectors so that nothing old stays in them, in this
    order. `first`: a block of 512 bytes to put in front."""
    pages = []
    for offset, data in parts:
        data = data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\xff")
        pages += [(FLASH + offset + at, data[at : at + 256]) for at in range(0, len(data), 256)]
    blocks = [first]
    for i, (address, page) in enumerate(pages):
        head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, address, 256, i, len(pages), family)
        blocks.append(head + page.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    return b"".join(blocks)


def parts(data):
    """Return what a UF2 writes, {address: 256 bytes}."""
    found = {}
    for at in range(0, len(data), 512):
        flags, address, size = struct.unpack_from("<3I", data, at + 8)
        if struct.unpack_from("<I", data, at + 28)[0] in FAMILY.values():
            found[address] = data[at + 32 : at + 32 + size]
    return found


def merged(chip, regions, boot, image, picotool_uf2):
    """Return the UF2 for the first flashing. The control region comes first: a copy that breaks off leaves no old record that would
    start what is half new. `picotool_uf2`: picotool's UF2 of the application; an RP2350's begins with a block of its own (erratum
    RP2350-E10)."""
    first = picotool_uf2[:512]
    if struct.unpack_from("<I", first, 28)[0] == FAMILY[chip]:
        first = b""
    order = [(regions["control"][0], control(image)), (0, boot), (regions["slot A"][0], image)]
    return uf2(order, FAMILY[chip], first)
