"""The Picos' boot loader and slot writer (docs/update.md): power cuts on a model of NOR flash, and mutations that it must notice.

MTDB_NIGHTLY=1 cuts again at every operation of what follows a cut, else at the first six and at every 1001st, after one of two first cuts.
"""

import os
import subprocess
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "tests" / "boot" / "model.c"
BOOT = ROOT / "ports" / "rp2" / "boot"
NIGHTLY = bool(os.environ.get("MTDB_NIGHTLY"))
EVERY = "1" if NIGHTLY else "1001"


def _compile(source, program, *options):
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused", *options, "-o", program, source]
    subprocess.run(command, check=True, timeout=60)
    return program


def test_no_two_power_cuts_hurt(tmp_path):
    """Something whole always boots, nothing unverified does, an unconfirmed image starts once, a confirmed one is never lost."""
    program = _compile(MODEL, tmp_path / "model", "-DRP2040=1")
    done = guard.run([program, EVERY], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and done.stdout.startswith("OK"), done.stdout
    assert int(done.stdout.split()[1]) > 10000


def test_the_same_on_a_cortex_m33(tmp_path):
    """For the Pico 2, which no emulator here runs: its core, its place of the vectors."""
    program = tmp_path / "model.elf"
    options = ["-mcpu=cortex-m33", "-mthumb", "-O2", "--specs=rdimon.specs", "-DRP2350=1", "-w", "-T", MODEL.with_name("m33.ld")]
    subprocess.run(["arm-none-eabi-gcc", *options, "-o", program, MODEL], check=True, timeout=60)
    every = "101" if NIGHTLY else "20000"
    machine = ["qemu-system-arm", "-machine", "mps2-an505", "-nographic", "-kernel", program]
    machine += ["-semihosting-config", "enable=on,target=native,arg=model,arg=" + every]
    done = guard.run(machine, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.startswith("OK"), done.stdout


MUTATIONS = {
    "does not check the image": ("return ~crc == c->image[s].crc;", "return 1;"),
    "does not check the record": ("r.crc == ctl_crc(&r, sizeof r - 4) && ", ""),
    "confirms early": ("*trial ? PENDING : VALID", "VALID"),
    "does not note the trial": ("PENDING : VALID;\n            ctl_save(sector, &c);", "PENDING : VALID;"),
    "starts a trial twice": ("if (c.state[s] == VALID &&", "if ((c.state[s] == VALID || c.state[s] == PENDING) &&"),
    "does not program a torn record again": ("        ctl_program(sector, c);\n        sector = ctl_save", "        sector = ctl_save"),
    "leaves a torn record in the other sector": (
        "        sector = ctl_save(sector, c);\n    }\n    return sector;",
        "    }\n    return sector;",
    ),
    "takes a record without a seal for whole": ("*sound -= !seal;", "*sound -= 1;"),
    "falls back unchecked": ("c.state[other] == VALID && whole(&c, other)", "c.state[other] == VALID"),
    "writes over the record that counts": ("    sector ^= 1;\n    c->seq", "    c->seq"),
    "does not count up": ("c->sequence++;", ""),
    "does not check the vectors": ("if (c.state[s] == VALID && startable(s))", "if (c.state[s] == VALID)"),
    "takes any size": ("!startable(s) || size > SLOT_SIZE || size % 4", "!startable(s)"),
    "writes before the slot is given up": ("c.state[1 - me] != EMPTY || ", ""),
    "writes while it is on trial": ("c.state[me] != VALID || ", ""),
    "gives the other slot up on trial": ("step == BEGIN && c.state[me] == VALID", "step == BEGIN"),
    "lets a roll-back go nowhere": (" && c.state[other] == VALID) {\n        c.state[me]", ") {\n        c.state[me]"),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_boot_loader_fails_that(what, tmp_path):
    old, new = MUTATIONS[what]
    files = {name: (BOOT / name).read_text() for name in ("boot.c", "control.h")}
    assert sum(text.count(old) for text in files.values()) == 1
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace(old, new))
    model = tmp_path / "model.c"
    model.write_text(MODEL.read_text().replace("../../ports/rp2/boot/boot.c", "boot.c"))
    program = _compile(model, tmp_path / "model", "-DRP2040=1", "-Wno-error", "-O1")
    try:
        done = guard.run([program, "3001"], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return
    assert done.returncode, done.stdout
