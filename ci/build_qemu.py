"""Build of the boards of MicroPython's qemu port, with make."""

import subprocess

import host
import publish
from common import BOARDS, BUILD, JOBS, ROOT, micropython, run

HEAP = 192 * 1024  # about an RP2040's


def defines(name, spec):
    """Return lines of the generated header."""
    return '#define MICROPY_BUILD_TYPE "%s"\n' % name


def build(name, spec):
    """Build `dist/NAME/NAME-....elf`."""
    tree, _ = micropython()
    folder = BUILD / name
    ours = ROOT / "ports" / "qemu"
    cross = host.mpy_cross()
    command = [
        "make", "-C", tree / "ports" / "qemu", "-j" + JOBS,
        "BOARD=%s" % name,
        "BOARD_DIR=%s" % (BOARDS / name),
        "BUILD=%s" % folder,
        "MTDB_QEMU=%s" % ours,
        "FROZEN_MANIFEST=%s" % (BOARDS / name / "manifest.py"),
        "USER_C_MODULES=%s" % (ROOT / "ports"),
        "MTDB_DB1_DIR=%s" % (BUILD / "src" / "db1-compat" / "db"),
        "MPY_LIB_DIR=%s" % host.micropython_lib(),
        "MICROPY_MPYCROSS=%s" % cross,
        "MICROPY_MPYCROSS_DEPENDENCY=",
        "MICROPY_PY_BTREE=0",  # it comes from ports/btree
        "MICROPY_VFS_LFS2=1",
        "MICROPY_HEAP_SIZE=%d" % HEAP,
        "CFLAGS_EXTRA=-I%s -DMP_CONFIGFILE='\"mtdb_qemu.h\"'" % ours,
    ]  # fmt: skip
    prefix = "arm-none-eabi-" if spec["mcu"].startswith("cortex") else "riscv64-unknown-elf-"
    if prefix.startswith("riscv"):
        # MicroPython's rules would take 64-bit libraries: Debian's compiler does not know the architecture by the name they use.
        # 1.25 links with the compiler, later ones with the linker.
        if "$(Q)$(CC) $(LDFLAGS)" in (tree / "ports" / "qemu" / "Makefile").read_text():
            command.append("LIBS=-march=rv32imac")
        else:
            libgcc = [prefix + "gcc", "-march=rv32imac", "-mabi=ilp32", "-print-libgcc-file-name"]
            command.append("LIBS=" + subprocess.run(libgcc, check=True, capture_output=True, text=True).stdout.strip())
    run("firmware " + name, command, "firmware-" + name, env=dict(host.environment(), PYTHONPATH=""), cwd=ROOT)
    elf = folder / "firmware.elf"
    (folder / "firmware.elf.map").write_bytes((folder / "firmware.map").read_bytes())
    publish.publish(name, {publish.release_name(name) + ".elf": elf}, publish.size_report(elf, prefix))
