"""docs/start.md, update.md and recover.md: the commands that need no device are run as they stand there."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import emulator
import guard
import pytest
import test_readme

ROOT = Path(__file__).resolve().parent.parent


def _blocks(name, kind):
    return re.findall(r"^```%s\n(.*?)^```" % kind, (ROOT / "docs" / name).read_text(), re.S | re.M)


def _shell(text, home, timeout=120):
    """Run as one session with `home` as HOME and the tests' Python as python3; everything started by it ends with it."""
    tools = home / ".bin"
    tools.mkdir(exist_ok=True)
    if not (tools / "python3").exists():
        (tools / "python3").write_text('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
        (tools / "python3").chmod(0o755)
    env = dict(os.environ, HOME=str(home), PATH="%s:%s" % (tools, os.environ["PATH"]))
    p = subprocess.Popen(
        ["bash", "-ec", text], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output = ""
        for line in p.stdout:
            output += line
            if line == "END\n":
                break
        return output
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait(timeout)


def test_update_md_from_key_to_confirmed_update(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    program = _blocks("update.md", "python")[0]  # the other is run by test_ota_tls.py
    (tmp_path / "main.py").write_text(program.replace("8080", port))
    commands = "".join(_blocks("update.md", "sh")).replace("8080", port).replace("serve ~", "serve --bind 127.0.0.1 ~")
    # wait for the server before the device starts
    wait = "for i in $(seq 4000); do (</dev/tcp/127.0.0.1/%s) 2>/dev/null && break; sleep 0.05; done\n" % port
    commands = commands.replace("mkdir -p ~/slots", wait + "mkdir -p ~/slots")
    # the update shall differ from what runs
    commands = commands.replace("~/updates/\n", "~/updates/; printf update >> ~/updates/micropython\n")
    output = _shell(commands + "\necho END\n", tmp_path)
    assert "OTA_KEY = '" in output and "signed" in output and "signature  valid" in output, output
    assert "version 0.2.0 confirmed" in output and output.endswith("END\n"), output
    assert (tmp_path / "slots" / "b").read_bytes().endswith(b"update")


def test_recover_md(tmp_path):
    commands = [c for block in _blocks("recover.md", "sh") for c in block.splitlines()]
    assert len(commands) == 3
    # the image is built already: the tests depend on it
    commands = [c.replace("'readings.db'", "'%s/readings.db'" % tmp_path) for c in commands if not c.startswith("make")]
    output = _shell("\n".join(commands) + "\necho END\n", tmp_path)
    assert output.startswith("0\n") and "micropython: OK\n" in output and output.endswith("END\n") and "FAILED" not in output, output


@pytest.fixture
def pico(tmp_path):
    """Path of the serial port (a pseudo-terminal) of the RPI_PICO image in its emulator."""
    log = tmp_path / "emulator.log"
    with open(log, "w") as f:
        command = [Path(sys.executable).with_name("rp2040py"), "micropython", "--image", emulator.image(), "--pty"]
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True)
    try:
        watch = guard.Guard(p, 120)
        while True:
            port = re.search(r"listening on (/dev/\S+)", log.read_text())
            if port or p.poll() is not None:
                break
            watch.check()
            time.sleep(0.1)
        assert port, log.read_text()
        yield port.group(1)
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()


PREPARE = """
from microtetherdb import MicroTetherDB
with MicroTetherDB('readings.db', in_memory=False) as db:
    db.put_batch([{'n': i} for i in range(20)])
for name in ('main.py', 'ota.json'):
    with open(name, 'w') as f:
        f.write('# ' + name)
"""


SPOILT = """
import _mtdb_board
from microtetherdb import DBCorrupt, MicroTetherDB
_mtdb_board.region().writeblocks(0, b"littlefs" * 512)
try:
    MicroTetherDB("flash:", in_memory=False)
except DBCorrupt as e:
    print(e)
"""


def test_clearing_the_region_as_recover_md_says(run):
    (program,) = _blocks("recover.md", "python")
    assert "region holds something else" in run(SPOILT)
    out = run(program + "from microtetherdb import MicroTetherDB\nwith MicroTetherDB('flash:', in_memory=False) as db:\n    print(len(db))")
    assert out == "0\n"


def test_mpremote_commands_of_recover_md_on_the_pico_image(tmp_path, pico):
    tools = tmp_path / ".bin"
    tools.mkdir()
    (tools / "mpremote").write_text('#!/bin/sh\nexec "%s" connect %s "$@"\n' % (Path(sys.executable).with_name("mpremote"), pico))
    (tools / "mpremote").chmod(0o755)
    commands = [c for block in _blocks("recover.md", "text") for c in block.splitlines() if c.startswith("mpremote fs")]
    assert len(commands) == 4
    text = "cd %s; mpremote exec \"%s\"; %s; mpremote fs ls; echo END\n" % (tmp_path, PREPARE, "; ".join(commands))
    output = _shell(text, tmp_path)
    assert output.endswith("END\n") and " readings.db\n" in output and " main.py\n" not in output, output
    assert (tmp_path / "main.py.saved").read_text() == "# main.py" and (tmp_path / "ota.json").read_text() == "# ota.json"
    # what came from the device opens on the computer, as recover.md says
    (command,) = [c for block in _blocks("recover.md", "sh") for c in block.splitlines() if "readings.db" in c]
    assert _shell(command.replace("'readings.db'", "'%s/readings.db'" % tmp_path) + "\necho END\n", tmp_path) == "20\nEND\n"


def test_modules_and_names_of_update_md_exist(run):
    text = (ROOT / "docs" / "update.md").read_text()
    errors = set(re.findall(r"`([A-Z]\w+)`", text[text.index("| error |") : text.index("## On your computer")]))
    code = "import microtetherdb.ota as o\nfor n in dir(o):\n    c = getattr(o, n)\n    isinstance(c, type) and issubclass(c, o.OTAError) and print(n)"
    out = run(code).split()
    assert errors - {"SECURITY"} == set(out) - {"OTAError"}


def test_first_session_of_start_md_on_the_pico_image(run):
    sessions = [block for block in _blocks("start.md", "python") if ">>>" in block]
    assert len(sessions) == 2
    for session in sessions:  # each run is a power cycle
        test_readme.test_repl_sessions_print_what_the_readme_shows(lambda code: run(code, "rp2"), session)


def test_storage_of_start_md(run):
    (program,) = [block for block in _blocks("start.md", "python") if ">>>" not in block]
    assert run(program) == "{'n': 1}\n"


def test_commands_of_start_md_are_targets_and_boards():
    text = (ROOT / "docs" / "start.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target, board in re.findall(r"make ([a-z]+)(?: BOARD=(\w+))?", text):
        assert re.search(r"^%s:" % target, makefile, re.M), target
        assert not board or (ROOT / "boards" / board).is_dir()
