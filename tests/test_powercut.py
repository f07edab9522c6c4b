"""Power cuts from outside (SPEC 5): kill -9 of the UNIX image, and the emulated RP2040 stopped at random instructions.

The cuts at every single flash operation are in tests/device/test_pagelog_cuts.py and test_powercut_db.py.
MTDB_NIGHTLY=1 selects 100 cuts in the emulator instead of 2, 200 kills instead of 40, every cut followed by every cut in the recovery,
and long workloads.
"""

import os
import random
import re
import subprocess
import time

import pytest
from conftest import PROGRAMS

NIGHTLY = bool(os.environ.get("MTDB_NIGHTLY"))

# Puts until it is killed; each line "f N" says that what came up to change N is flushed. Change N sets key N % keys to N.
WRITER = """
import random, sys
from microtetherdb import MicroTetherDB
db = MicroTetherDB({target}, in_memory=False)
first = {first}
for i in range(first, first + {count}):
    db.put("k%d" % (i % {keys}), {{"n": i, "text": "x" * (i * 7 % 200)}}, tags=["t%d" % (i % 3)])
    if i % 7 == 0:
        db.put_batch([("a%d" % (i % 9), {{"n": i}}), ("b%d" % (i % 9), {{"n": i}})])
    if i % 5 == 0:
        db.flush()
        print("f", i)
"""

# Prints the newest change found; raises unless the state is exactly that after this change.
STATE = """
from microtetherdb import MicroTetherDB
db = MicroTetherDB({target}, in_memory=False)
got = {{}}
for i in range({keys}):
    d = db.get("k%d" % i)
    if d is not None:
        got["k%d" % i] = d["n"]
top = max(got.values()) if got else -1
want = {{}}
for i in range(max(0, top + 1 - {keys}), top + 1):
    want["k%d" % (i % {keys})] = i
assert got == want, (top, got)
batch = -1
pairs = 0
for j in range(9):
    a, b = db.get("a%d" % j), db.get("b%d" % j)
    assert a == b, (j, a, b)
    if a is not None:
        batch = max(batch, a["n"])
        pairs += 1
newest = top // 7 * 7
assert batch == newest or top == newest and batch == newest - 7 or top < 0, (batch, top)
print("top", top)
"""
READER = (
    STATE
    + """
assert len(list(db.keys())) == len(got) + 2 * pairs
report = db.check()
assert report["ok"], report["problems"]
"""
)


def newest(output):
    return max([int(n) for n in re.findall(r"^f (\d+)\r?$", output, re.M)] or [-1])


def check(output, acknowledged):
    top = int(re.search(r"top (-?\d+)", output).group(1))
    assert top >= acknowledged, "acknowledged %d, found %d" % (acknowledged, top)
    return top


def test_kill_9_loses_nothing_acknowledged(run, tmp_path):
    """SPEC 5: everything flushed is there after kill -9 at a random moment, again and again, in one file that lives on."""
    rnd = random.Random(11)
    env = dict(os.environ, MICROPYPATH=".frozen")
    script = tmp_path / "writer.py"
    top = -1
    compactions = 0
    slow = 1  # how much longer a busy machine is to be waited for, so that there is something to cut
    for cut in range(200 if NIGHTLY else 40):
        script.write_text(WRITER.format(target='"kill.db"', keys=40, first=max(top, 0), count=100000))
        with open(tmp_path / "out", "wb") as out:
            process = subprocess.Popen([str(PROGRAMS["unix"]), str(script)], cwd=tmp_path, env=env, stdout=out, stderr=subprocess.STDOUT)
            time.sleep((rnd.random() ** 2 * 0.12 + 0.004) * slow)
            process.kill()
            process.wait()
        output = (tmp_path / "out").read_text(errors="replace")
        assert "Traceback" not in output, output
        compactions += (tmp_path / "kill.db.new").exists()
        before = top
        top = check(run(READER.format(target='"kill.db"', keys=40)), max(newest(output), top))
        slow = max(1, slow * (1.2 if top == before else 0.95))
    assert top > 200
    print("changes", top, "cuts during compaction", compactions)


@pytest.mark.parametrize("medium", ["flash:", "cut.db"] if NIGHTLY else ["flash:"])  # of a file: examples/settings.py's
def test_emulated_pico_is_cut_at_random_instructions(tmp_path, medium):
    """SPEC 5: the same on the RPI_PICO image with its real flash routines, on the raw region and on littlefs.

    Each run opens what the last cut left, looks at its state, goes on, and is cut in turn, anywhere in that.
    """
    import emulator

    rnd = random.Random(12)
    flash = tmp_path / "flash.bin"
    keys = 40 if NIGHTLY else 10  # the emulator is slow: few keys
    reader = READER.format(target=repr(medium), keys=keys)
    state = STATE.format(target=repr(medium), keys=keys)
    writer = WRITER.format(target=repr(medium), keys=keys, first="max(top, 0)", count=30 if NIGHTLY else 15).replace("db = ", "# ")
    acknowledged = -1
    verified = 0
    for cut in range(100 if NIGHTLY else 2):
        # milliseconds: the database is open after some 180, its state read after 240, all written after 550 to 700; with few keys sooner
        ms = rnd.randrange(10, 450) if cut % 3 == 2 else rnd.randrange(220, 480) if NIGHTLY else rnd.randrange(200, 350)
        output = emulator.run(state + writer, flash=flash, timeout=600, cut=ms * 1000000)
        assert "Traceback" not in output, output
        if re.search(r"^top -?\d+\r?\n", output, re.M):  # not a line that the cut ended
            check(output, acknowledged)
            verified += 1
        acknowledged = max(acknowledged, newest(output))
    last = reader if NIGHTLY else state  # check() is slow there
    check(emulator.run(last, flash=flash, timeout=600), acknowledged)
    print("cuts", cut + 1, "verified at once", verified, "changes", acknowledged)
    assert verified and acknowledged > 0, (verified, acknowledged)


@pytest.mark.skipif(not NIGHTLY, reason="exhaustive; MTDB_NIGHTLY=1")
@pytest.mark.parametrize("module", ["logcuts", "dbcuts"])
@pytest.mark.parametrize("kind", ["region", "lfs", "fat"])
@pytest.mark.parametrize("what", ["False, 1, every=True", "True, 1", "True, 2", "True, 3"])
def test_every_operation(run, module, kind, what):
    """SPEC 5: every operation of the workload, and after each of these cuts every operation of the recovery; then four times the
    workload with three seeds, recovery sampled."""
    output = run("import %s\nprint(%s.run(%r, %s))\nprint('OK')" % (module, module, kind, what), heap="16M", timeout=1800)
    assert output.splitlines()[-1] == "OK", output
    print(output)
