"""SPEC 9: updates over the air. The whole cycle for real on the UNIX image: local HTTP server, slots in files, restarts."""

import json
import os
import shutil
import sys
import threading
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))
import launch  # noqa: E402
import updates  # noqa: E402

LIB = ROOT / "tests/device/lib"
APP = str(LIB / "ota_app.py")
MICROPYTHON = str(ROOT / "dist/UNIX/micropython")
SEARCH = ".frozen:%s" % LIB


def script(version, size=9001):
    """An image that is small and starts in no time: a shell script, filled up, that runs the real one."""
    text = '#!/bin/sh\nexec "%s" "$@"\n# version %s ' % (MICROPYTHON, version)
    return (text + "x" * (size - len(text))).encode()


class Device:
    """A directory of slots with version 1 running, and an update folder."""

    def __init__(self, path, key=None, image=None):
        self.slots = path / "slots"
        self.web = path / "web"
        self.key = key
        self.slots.mkdir(parents=True)
        self.web.mkdir()
        (self.slots / "a").write_bytes(image or script("1"))
        self.public = updates.public_hex(updates.load_key(key)) if key else "-"

    def publish(self, version="2", data=None, **fields):
        image = self.web / ("image-" + version)
        image.write_bytes(data or script(version))
        fields.setdefault("board", "UNIX")
        return updates.write(updates.make(image, version=version, key=self.key, **fields), self.web)

    def boot(self, where="-", test="good", cut=0, **env):
        """Run once through the boot loader, without following restarts: (output, exit status)."""
        slot, _ = launch.choose(str(self.slots))
        image = self.slots / "ab"[slot]
        image.chmod(0o755)
        env = dict(os.environ, MTDB_SLOTS=str(self.slots), MTDB_SLOT=str(slot), MICROPYPATH=SEARCH, **env)
        done = guard.run([str(image), APP, str(where), test, self.public, str(cut)], env=env, capture_output=True, timeout=60, text=True)
        assert "Traceback" not in done.stderr, done.stdout + done.stderr
        return done.stdout, done.returncode

    def versions(self):
        """Versions in the two slots (None: not a whole image of ours), running one first by the boot loader's state."""
        state = json.loads((self.slots / "state").read_text()) if (self.slots / "state").exists() else {"boot": 0}
        found = []
        for name in "ab" if state["boot"] == 0 else "ba":
            data = (self.slots / name).read_bytes() if (self.slots / name).exists() else b""
            found.append({script(v): v for v in "123"}.get(data))
        return found


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    updates.keygen(path)
    return path


@pytest.fixture
def device(tmp_path, key):
    return Device(tmp_path, key)


@pytest.fixture
def serve():
    """Serve a folder on the loopback interface; `breaks`: bytes after which each of the next connections is closed; `tls`: the
    server's SSLContext for https; `ranges`: False for a server that does not know Range."""
    servers = []

    def start(folder, breaks=(), tls=None, ranges=True):
        breaks = list(breaks)
        log = []

        class Handler(updates.Handler):
            send_head = updates.Handler.send_head if ranges else updates.http.server.SimpleHTTPRequestHandler.send_head

            def copyfile(self, source, out):
                log.append((self.path, self.headers.get("Range")))
                if breaks and not self.path.endswith(".json"):
                    out.write(source.read(breaks.pop(0)))
                else:
                    super().copyfile(source, out)

            def log_message(self, *args):
                pass

        s = updates.server(folder, "127.0.0.1", 0, Handler)
        if tls:
            s.socket = tls.wrap_socket(s.socket, server_side=True)
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(s)
        return "%s:%d" % ("https://localhost" if tls else "http://127.0.0.1", s.server_address[1]), log

    yield start
    for s in servers:
        s.shutdown()
        s.server_close()


def test_whole_cycle_over_http_with_the_real_image(tmp_path, key, serve):
    old = Path(MICROPYTHON).read_bytes()
    d = Device(tmp_path, key, image=old + b"\n# version 1")
    new = old + b"\n# version 2"
    d.publish("2", new)
    url, _ = serve(d.web)
    out, status = d.boot(url + "/UNIX.json")
    assert "UPDATED 2 from 4096" in out and status == launch.RESTART
    out, status = d.boot()
    assert "'running': 'pending'" in out and "CONFIRMED" in out and status == 0
    assert (d.slots / "b").read_bytes() == new
    out, _ = d.boot()
    assert "'slot': 1" in out and "'running': 'valid'" in out and "'trial': None" in out


def test_launcher_follows_restarts(device):
    where = device.publish()
    done = guard.run(
        [sys.executable, str(ROOT / "ci/launch.py"), str(device.slots), APP, str(where), "good", device.public, "0"],
        env=dict(os.environ, MICROPYPATH=SEARCH),
        capture_output=True,
        timeout=60,
        text=True,
    )
    assert done.stdout.count("BOOT") == 2 and "CONFIRMED" in done.stdout, done.stdout + done.stderr


def test_broken_download_goes_on_with_a_range_request(device, serve):
    device.publish(data=script("2", 50000))
    url, log = serve(device.web, breaks=[10000, 0, 5000, 12288])
    out, status = device.boot(url + "/UNIX.json")
    assert status == launch.RESTART, out
    assert [r for p, r in log if p == "/image-2"] == ["bytes=%d-" % n for n in (0, 10000, 10000, 15000, 27288)]
    assert "CONFIRMED" in device.boot()[0]


def test_broken_download_from_a_server_without_ranges_skips_what_is_there(device, serve):
    device.publish(data=script("2", 50000))
    url, log = serve(device.web, breaks=[10000, 9000, 30000], ranges=False)
    out, status = device.boot(url + "/UNIX.json")
    assert "UPDATED 2" in out and status == launch.RESTART, out
    assert [r for p, r in log if p == "/image-2"] == ["bytes=%d-" % n for n in (0, 10000, 10000, 30000)]
    assert "CONFIRMED" in device.boot()[0]


def test_killed_download_goes_on_after_the_restart(device, serve):
    device.publish(data=script("2", 200000))
    url, log = serve(device.web)
    cut = 50
    while (device.slots / "b").stat().st_size < 70000 if (device.slots / "b").exists() else True:
        shutil.rmtree(device.slots)
        device.slots.mkdir()
        (device.slots / "a").write_bytes(script("1"))
        out, status = device.boot(url + "/UNIX.json", cut=cut)
        assert "CUT" in out and status == -9
        cut += 25
    log.clear()
    out, status = device.boot(url + "/UNIX.json")
    assert "'download': 65536" in out and "UPDATED 2 from 69632" in out and status == launch.RESTART
    assert ("/image-2", "bytes=65536-") in log
    assert "CONFIRMED" in device.boot()[0]


@pytest.mark.parametrize("damage", ["vanished", "short", "empty"])
@pytest.mark.parametrize("size, kept", [(200000, 65536), (131072, 131072)])
def test_target_that_is_gone_is_downloaded_anew(device, serve, damage, size, kept):
    where = device.publish(data=script("2", size))
    m = json.loads(where.read_text())
    (device.slots / "ota.json").write_text(json.dumps({"download": [m["sha256"], kept]}))
    target = device.slots / "b"
    if damage != "vanished":
        target.write_bytes(b"x" * (kept - 1 if damage == "short" else 0))
    url, log = serve(device.web)
    out, status = device.boot(url + "/UNIX.json")
    assert "'download': %d" % kept in out and "UPDATED 2 from 4096" in out and status == launch.RESTART, out
    assert ("/image-2", "bytes=0-") in log
    assert "CONFIRMED" in device.boot()[0]


@pytest.mark.parametrize("kept", [1, 4097, 9001, 12288, 1 << 29])
def test_offset_that_cannot_be_starts_anew(device, kept):
    where = device.publish()
    m = json.loads(where.read_text())
    (device.slots / "b").write_bytes(b"y" * 20000)
    (device.slots / "ota.json").write_text(json.dumps({"download": [m["sha256"], kept]}))
    out, status = device.boot(where)
    assert "UPDATED 2 from 4096" in out and status == launch.RESTART, out


@pytest.mark.parametrize(
    "state", ["", "[]", "5", "{}", '{"boot": 0', '{"boot": 2, "states": ["valid", "empty"]}', '{"boot": 0, "states": 5}']
)
def test_launcher_starts_the_first_slot_when_its_state_is_damaged(tmp_path, state):
    (tmp_path / "state").write_text(state)
    assert launch.choose(str(tmp_path)) == (0, False)
    assert (tmp_path / "state").read_text() == state


def test_failed_self_test_rolls_back_and_is_remembered(device):
    where = device.publish()
    assert device.boot(where)[1] == launch.RESTART
    out, status = device.boot(test="bad")
    assert "FAILED" in out and status == launch.RESTART
    out, _ = device.boot(where)
    assert "'slot': 0" in out and "REFUSED FailedBefore 2" in out
    where = device.publish("3")
    assert device.boot(where)[1] == launch.RESTART
    assert "CONFIRMED" in device.boot()[0] and device.versions() == ["3", "1"]


@pytest.mark.parametrize("image", [None, b"not a program"], ids=["crashes", "does not start"])
def test_image_that_does_not_come_up_is_rolled_back_by_the_boot_loader(device, image):
    where = device.publish(data=image)
    assert device.boot(where)[1] == launch.RESTART
    if image:
        with pytest.raises(OSError):
            device.boot()
    else:
        assert device.boot(test="crash")[1] == -9
    out, _ = device.boot(where)
    assert "'slot': 0" in out and "'target': 'aborted'" in out and "REFUSED FailedBefore 2" in out


def _tree(d):
    return {p.name: p.read_bytes() for p in d.slots.iterdir()}


def _edit(**changes):
    def edit(path):
        m = json.loads(path.read_text())
        m.update(changes)
        path.write_text(json.dumps(m))

    return edit


REFUSALS = {
    "WrongBoard": dict(board="RPI_PICO"),
    "WrongBoard variant": dict(variant="OTA"),
    "OldSecurity": dict(security=1),
    "UpdaterTooOld": dict(updater=3),
    "TooLarge": dict(edit=_edit(size=1 << 29), unsigned=True),
    "BadSignature changed": dict(edit=_edit(version="3")),
    "BadSignature missing": dict(edit=_edit(signature=None)),
    "BadSignature garbage": dict(edit=_edit(signature="zz")),
    "BadManifest size": dict(edit=_edit(size=-1)),
    "BadManifest type": dict(edit=_edit(size="9")),
    "BadManifest text": dict(edit=lambda path: path.write_text("[1, 2")),
    "BadManifest line": dict(edit=_edit(version="1\n2")),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_manifest_refused_with_nothing_changed(tmp_path, key, case):
    fields = dict(REFUSALS[case])
    edit = fields.pop("edit", None)
    d = Device(tmp_path, None if fields.pop("unsigned", None) else key)
    (d.slots / "b").write_bytes(script("3"))
    (d.slots / "ota.json").write_text('{"security": 2}')
    fields.setdefault("security", 2)
    where = d.publish(**fields)
    if edit:
        edit(where)
    before = _tree(d)
    out, status = d.boot(where)
    assert "REFUSED " + case.split()[0] in out and status == 0, out
    assert _tree(d) == before


def test_unsigned_needs_allow_unsigned(tmp_path):
    d = Device(tmp_path)
    where = d.publish()
    d.public = ""
    out, _ = d.boot(where)
    assert "REFUSED BadSignature" in out and "allow_unsigned" in out
    d.public = "-"
    assert d.boot(where)[1] == launch.RESTART


BOARD = """
import asyncio, sys
class _mtdb_board:
    BOARD, VARIANT, SECURITY, OTA_KEY = "B", "V", 3, %r
    def slot():
        from microtetherdb.ota.slot_file import FileSlot
        return FileSlot("slots")
sys.modules["_mtdb_board"] = _mtdb_board
from microtetherdb import ota
up = ota.Updater()
for name in sys.argv[1:]:
    try:
        print(asyncio.run(up.check(name))["version"])
    except ota.OTAError as e:
        print(type(e).__name__)
print(ota.status()["security"], ota.confirm(None))
"""


def test_the_board_module_gives_key_variant_security_and_slots(run, device, tmp_path):
    fields = [dict(variant="V", security=3), dict(variant="V", security=2), dict(variant="W", security=3), dict(board="UNIX", security=3)]
    paths = [device.publish(str(i), **dict(dict(board="B"), **f)).rename(tmp_path / ("%d.json" % i)) for i, f in enumerate(fields)]
    unsigned = json.loads(paths[0].read_text())
    del unsigned["signature"]
    paths.append(tmp_path / "unsigned.json")
    paths[-1].write_text(json.dumps(unsigned))
    out = run(BOARD % device.public, args=paths, files={"slots/a": "x"})
    assert out.split() == ["0", "OldSecurity", "WrongBoard", "WrongBoard", "BadSignature", "3", "False"]


def test_a_board_without_slots_says_so(run):
    out = run("from microtetherdb import ota\ntry:\n    ota.Updater()\nexcept ota.OTAError as e:\n    print(e)")
    assert out == "no update slots on this board\n"


def _cut_short(data):
    return data[:-1]


def _flip(data):
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


@pytest.mark.parametrize("damage, error", [(_cut_short, "Truncated"), (_flip, "BadHash")])
@pytest.mark.parametrize("http", [False, True])
def test_damaged_image_refused_and_old_one_boots(device, serve, damage, error, http):
    where = device.publish()
    image = device.web / "image-2"
    good = image.read_bytes()
    image.write_bytes(damage(good))
    if http:
        where = serve(device.web)[0] + "/UNIX.json"
    out, status = device.boot(where)
    assert "REFUSED " + error in out and status == 0, out
    image.write_bytes(good)  # and the whole one is taken afterwards, resumed or from the start
    assert device.boot(where)[1] == launch.RESTART
    assert "CONFIRMED" in device.boot()[0]


def test_bounded_memory_cancelling_and_a_free_loop(run):
    """An image of 1 MB with a heap of 40 KB."""
    assert run("ota_bounded.py", "unix32", heap="40k").endswith("OK\n")


def test_http_errors_and_redirects(device, serve):
    device.publish()
    url, _ = serve(device.web)
    assert "REFUSED SourceError 404" in device.boot(url + "/absent.json")[0]
    assert "REFUSED Unreachable" in device.boot("http://127.0.0.1:1/x.json")[0]
    m = json.loads((device.web / "UNIX.json").read_text())

    class Redirect(updates.http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Content-Security-Policy", "x" * 6000)
            # once to a path of its own, then away
            away = url + self.path[2:] + "?" + "y" * 1500
            self.send_header("Location", "/x" + self.path if not self.path.startswith("/x") else away)
            self.end_headers()

        def log_message(self, *args):
            pass

    s = updates.http.server.HTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
    try:
        out, status = device.boot("http://127.0.0.1:%d/UNIX.json" % s.server_address[1])
    finally:
        s.shutdown()
        s.server_close()
    assert "UPDATED " + m["version"] in out and status == launch.RESTART


@pytest.mark.parametrize(
    "base, name, found",
    [
        ("http://h:1/a/b.json", "c", "http://h:1/a/c"),
        ("http://h:1/a/b.json", "/c", "http://h:1/c"),
        ("http://h/b.json", "https://i/c", "https://i/c"),
        ("/sd/b.json", "c", "/sd/c"),
        ("/sd/b.json", "/flash/c", "/flash/c"),
        ("b.json", "c", "c"),
    ],
)
def test_where_the_image_lies(run, base, name, found):
    assert run("from microtetherdb.ota.source import join\nprint(join(%r, %r))" % (base, name)) == found + "\n"


def test_no_update_while_one_is_unconfirmed(device):
    where = device.publish()
    assert device.boot(where)[1] == launch.RESTART
    # the old image goes on running instead of restarting: its next update is refused
    image = device.slots / "a"
    env = dict(os.environ, MTDB_SLOTS=str(device.slots), MTDB_SLOT="0", MICROPYPATH=SEARCH)
    done = guard.run(
        [str(image), APP, str(device.publish("3")), "good", device.public, "0"], env=env, capture_output=True, text=True, timeout=60
    )
    assert "REFUSED Unconfirmed" in done.stdout


def _update_with_cuts(base, key, prepare, phase, outcome, test):
    """Cut `phase` at every step; `outcome(device, step)` then checks what further boots make of it. Returns the last step.

    One step in seven unless nightly; with the failing self-test other steps.
    """
    stride = 1 if os.environ.get("MTDB_NIGHTLY") == "1" else 7
    step = (2 if stride > 1 and test == "bad" else 1) - stride
    while True:
        step += stride
        d = Device(base / str(step), key)
        where = d.publish()
        prepare(d, where)
        out, status = phase(d, where, step)
        if status != -9:
            assert step > 10
            return step - stride
        outcome(d, where, step)


@pytest.mark.parametrize("test", ["good", "bad"])
def test_power_cut_at_every_step_of_an_update(tmp_path, key, test):
    def outcome(d, where, step):
        assert d.versions()[0] in ("1", "2"), step
        last = {"good": "CONFIRMED", "bad": "REFUSED FailedBefore 2"}[test]
        for _ in range(4):
            out, _ = d.boot(where, test)
            if last in out:
                break
        assert last in out, (step, out)
        assert d.versions()[0] == {"good": "2", "bad": "1"}[test], step
        out, _ = d.boot(where, test)
        assert {"good": "UP TO DATE", "bad": "'failed': ['2']"}[test] in out, (step, out)
        assert test == "bad" or "'failed': []" in out, step

    cuts = _update_with_cuts(tmp_path, key, lambda d, w: None, lambda d, w, n: d.boot(w, cut=n), outcome, test)
    assert cuts > 20


@pytest.mark.parametrize("test", ["good", "bad"])
def test_power_cut_at_every_step_of_confirm_and_rollback(tmp_path, key, test):
    def outcome(d, where, step):
        out, status = d.boot(where, test=test)
        out, status = d.boot(where, test=test)
        if d.versions()[0] == "2":  # confirmed before the cut
            assert test == "good" and "UP TO DATE" in out and "'failed': []" in out, step
        else:  # cut on trial: given up, remembered, and the next version is taken
            assert d.versions()[0] == "1" and "FailedBefore" in out, (step, out)
            where = d.publish("3")
            assert d.boot(where)[1] == launch.RESTART
            assert "CONFIRMED" in d.boot()[0]

    def prepare(d, where):
        assert d.boot(where)[1] == launch.RESTART

    cuts = _update_with_cuts(tmp_path, key, prepare, lambda d, w, n: d.boot("-", test=test, cut=n), outcome, test)
    assert cuts > 10


def test_an_unknown_option_is_named_at_once(run, tmp_path):
    code = """
from microtetherdb import ota
from microtetherdb.ota.slot_file import FileSlot
for call in (lambda: ota.Updater(FileSlot("."), nonsense=1), lambda: ota.status(slot=FileSlot("."), wrong=1)):
    try:
        call()
    except TypeError as e:
        print(e)
"""
    out = run(code).splitlines()
    assert len(out) == 2 and "nonsense" in out[0] and "wrong" in out[1], out
