"""Build of the rp2 port's boards, with cmake, and of the host tools that this takes."""

import os
import shutil
from pathlib import Path

import fetch
import host
import layout
import publish
import slots
from common import BOARDS, BUILD, ROOT, Failure, micropython, replace, run


def sdk():
    """Return pico-sdk's folder: the user's own or the pinned one."""
    own = os.environ.get("PICO_SDK_PATH")
    if not own:
        return fetch.fetch("pico-sdk")[0]
    if not (Path(own) / "pico_sdk_init.cmake").is_file():
        raise Failure("PICO_SDK_PATH=%s is not a pico-sdk (no pico_sdk_init.cmake)" % own)
    return Path(own).resolve()


def host_tool(name, source, *options):
    """Build picotool or pioasm for this machine into build/host/NAME; return where cmake finds it."""
    folder = BUILD / "host" / name
    found = folder / "install" / name
    if not (found / name).exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = ["cmake", "-G", "Ninja", "-S", source, "-B", folder, "-DCMAKE_INSTALL_PREFIX=%s" % (folder / "install"), *options]
        env = dict(host.environment(), PICO_SDK_PATH=str(sdk()))
        run(name + ": configure", command, name + "-configure", env=env)
        run(name, ["cmake", "--build", folder, "--target", "install"], name, env=env)
    return found


def picotool():
    """Return the folder of picotool, built without USB access."""
    source = fetch.fetch("picotool")[0]
    return host_tool("picotool", source, "-DPICOTOOL_NO_LIBUSB=1", "-DPICOTOOL_FLAT_INSTALL=1")


def pioasm():
    """Return the folder of pioasm."""
    return host_tool("pioasm", sdk() / "tools" / "pioasm", "-DPIOASM_FLAT_INSTALL=1", "-DPIOASM_VERSION_STRING=2.1.1")


def defines(name, spec):
    """Return what flash.csv decides for the board's header."""
    regions = layout.layout(name, spec["mcu"])
    text = "#define MICROPY_HW_FLASH_STORAGE_BYTES (%d)\n" % (regions["database"][1] + regions["file system"][1])
    return text + "".join("#define MTDB_%s (0x%x)\n" % item for item in slots.defines(regions).items())


def build(name, spec):
    """Build `dist/NAME`: the merged .uf2, an image (.bin, .elf) for each slot; fails when they outgrow it."""
    tree = micropython()[0]
    host.submodules("tinyusb", "mbedtls")
    regions = layout.layout(name, spec["mcu"])
    folder = BUILD / name
    env = dict(host.environment(), MICROPY_MPYCROSS=str(host.mpy_cross()))
    env.pop("PICO_SDK_PATH", None)
    pico = picotool()
    if not (folder / "build.ninja").exists():
        command = [
            "cmake", "-G", "Ninja", "-S", tree / "ports" / "rp2", "-B", folder,
            "-DPICO_BUILD_DOCS=0",
            "-DMICROPY_BOARD=" + name,
            "-DMICROPY_BOARD_DIR=%s" % (BOARDS / name),
            "-DPICO_SDK_PATH_OVERRIDE=%s" % sdk(),
            "-Dpicotool_DIR=%s" % pico,
            "-Dpioasm_DIR=%s" % pioasm(),
            "-DMICROPY_LIB_DIR=%s" % host.micropython_lib(),
            "-DMICROPY_FROZEN_MANIFEST=%s" % (BOARDS / name / "manifest.py"),
            "-DUSER_C_MODULES=%s" % ";".join(str(ROOT / "ports" / m / "micropython.cmake") for m in ("btree", "rp2/slot")),
            "-DMTDB_DB1_DIR=%s" % (BUILD / "src" / "db1-compat" / "db"),
            *("-DMTDB_%s=0x%x" % item for item in slots.defines(regions).items()),
        ]  # fmt: skip
        run("firmware %s: configure" % name, command, "configure-" + name, env=env, cwd=ROOT)
    run("firmware " + name, ["cmake", "--build", folder], "firmware-" + name, env=env, cwd=ROOT)
    slots.link_b(folder, env)
    images = {}
    for letter, file in (("a", "firmware.bin"), ("b", "firmware-b.bin")):
        images[letter] = slots.whole_words(folder / file)
        headroom = layout.check_image(name, len(images[letter]), regions)
        slots.check(images[letter], spec["mcu"], regions["slot " + letter.upper()], "slot " + letter.upper())
    boot = slots.boot_loader(spec["mcu"], regions, folder, sdk(), images["a"], env)
    both = slots.merged(spec["mcu"], regions, boot, images["a"], (folder / "firmware.uf2").read_bytes())
    replace(folder / "merged.uf2", both)
    elf = folder / "firmware.elf"
    size = publish.size_report(elf, "arm-none-eabi-")
    size.update(boot=len(boot), image=len(images["a"]), slot=regions["slot A"][1], headroom=headroom)
    base = publish.release_name(name)
    files = {base + ".uf2": folder / "merged.uf2"}
    for letter, file in (("a", "firmware"), ("b", "firmware-b")):
        for kind in (".bin", ".elf"):
            files[base + "-" + letter + kind] = folder / (file + kind)
    publish.publish(name, files, size)
