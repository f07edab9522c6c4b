"""docs/start.md, update.md and recover.md: the commands that need no device are run as they stand there."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import emulator
import guard
import pytest
import test_readme
from test_ota import Device, key, script, updates  # noqa: F401

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


def _device(tmp_path, d, port, pause):
    """The program of update.md, in slot a of the device `d`; its pauses start with `pause`."""
    program = _blocks("update.md", "python")[0].replace("8080", port).replace("PAUSE = 60", "PAUSE = %s" % pause)
    program = program.replace("headers=headers)", "headers=headers, pause=0.01, retries=1)")
    assert "retries=1" in program and "PAUSE = %s " % pause in program
    (tmp_path / "main.py").write_text(program)
    (tmp_path / "mtdb-key.pem.pub").write_text(d.public)
    return [sys.executable, str(ROOT / "ci" / "launch.py"), str(d.slots), str(tmp_path / "main.py")]


def test_the_program_of_update_md_waits_for_a_server_that_is_away_and_says_who_asks(tmp_path, key):  # noqa: F811
    """The server comes when the device has missed it three times, goes again after half of the image, and comes back."""
    d = Device(tmp_path, key)
    d.publish("2", script("2", 20000))
    requests = []

    class Handler(updates.Handler):
        def copyfile(self, source, out):
            out.write(source.read(10000))  # all of the manifest, half of the image

        def log_message(self, *args):
            requests.append((self.path, self.headers["X-Device"], self.headers["X-Version"]))

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = dict(os.environ, HOME=str(tmp_path), PYTHONUNBUFFERED="1")
    command = _device(tmp_path, d, str(port), 0.02)
    p = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    servers = []

    def serve(handler):
        s = updates.http.server.ThreadingHTTPServer(("127.0.0.1", port), lambda *args: handler(*args, directory=str(d.web)))
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(s)

    def close():
        servers[-1].shutdown()
        servers[-1].server_close()

    try:
        seen = []
        for line in p.stdout:
            seen.append(line)
            if sum("later:" in text for text in seen) == 3 and not servers:
                serve(Handler)
            elif "20000 of 20000" in line:
                pass
            elif "8192 of 20000" in line and len(servers) == 1:
                close()
                requests.clear()

                class Whole(Handler):
                    copyfile = updates.Handler.copyfile

                serve(Whole)
        assert p.wait(60) == 0, seen
    finally:
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGKILL)
        if servers:
            close()
    text = "".join(seen)
    assert "Traceback" not in text and "later: " in text and "version 2 confirmed" in text, text
    assert ("/UNIX.json", "computer", "2") in requests and ("/image-2", "computer", "-") in requests, requests


def test_the_program_of_update_md_goes_on_when_an_update_is_refused(tmp_path, key):  # noqa: F811
    d = Device(tmp_path, key)
    d.publish(board="RPI_PICO")
    (d.web / "RPI_PICO.json").rename(d.web / "UNIX.json")
    with updates.server(d.web, "127.0.0.1", 0, Quiet) as s:
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
        command = _device(tmp_path, d, str(s.server_address[1]), 0.02)
        done = guard.run(command, cwd=tmp_path, env=dict(os.environ, HOME=str(tmp_path)), capture_output=True, text=True, timeout=120)
        s.shutdown()
    assert done.returncode == 0 and "refused: WrongBoard" in done.stdout, done.stdout + done.stderr


class Quiet(updates.Handler):
    def log_message(self, *args):
        pass


def test_pauses_of_update_md_double_up_to_an_hour_and_differ_from_device_to_device(run):
    """Its waiting alone, with a clock that the test turns: 200 devices miss a server at the same moment."""
    program = _blocks("update.md", "python")[0]
    program = program[: program.index("with MicroTetherDB(")].replace("ota.Updater(", "Updater(")
    program = re.sub("^KEY = .*", "KEY = ''", program, flags=re.M)
    head = """
class Updater:
    def __init__(self, **options): self.n = 0
    def status(self): return {"version": None}
    async def check(self, url):
        self.n += 1
        if self.n > 9: raise ota.BadManifest("end")
        raise (OSError, ota.Unreachable, ota.Truncated)[self.n % 3](111)
"""
    tail = """
async def sleep(seconds): pauses[-1].append(seconds)
class loop: pass
loop.sleep = sleep
run = asyncio.run
asyncio = loop
print = lambda *args: None
pauses = []
for i in range(200):
    pauses.append([])
    up.n = 0
    run(update())
middle = PAUSE
for i in range(9):
    of = [p[i] / middle for p in pauses]
    assert 0.5 <= min(of) < 0.6 and 1.4 < max(of) <= 1.5 and len(set(of)) > 150, (i, min(of), max(of))
    middle = min(2 * middle, 3600)
assert middle == 3600
import sys
sys.stdout.write("OK")
"""
    assert run(head + program + tail) == "OK"


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
    flash = tmp_path / "flash.bin"
    flash.write_bytes(emulator.fresh_flash({}))
    with emulator.serial_port(flash) as port:
        yield port


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
    text = 'cd %s; mpremote exec "%s"; %s; mpremote fs ls; echo END\n' % (tmp_path, PREPARE, "; ".join(commands))
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
    (program,) = [block for block in _blocks("start.md", "python") if "region = MicroTetherDB" in block]
    assert run(program) == "{'n': 1}\n"


def test_commands_of_start_md_are_targets_and_boards():
    text = (ROOT / "docs" / "start.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target, board in re.findall(r"make ([a-z]+)(?: BOARD=(\w+))?", text):
        assert re.search(r"^%s:" % target, makefile, re.M), target
        assert not board or (ROOT / "boards" / board).is_dir()
