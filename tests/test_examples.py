"""The programs of examples/: each runs as it is, prints what it is there to show, and leaves the database that it should.

Where a program is changed by a test, `changed` makes sure that what it replaces is there.
"""

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter

import fetch
import pytest
from common import lock
from conftest import PROGRAMS, ROOT

EXAMPLES = ROOT / "examples"
NIGHTLY_M33 = ["m33"] if os.environ.get("MTDB_NIGHTLY") else []
NIGHTLY_PICO = ["rp2"] if os.environ.get("MTDB_NIGHTLY") else []  # the emulator is slow
KILL = "import os; os.system('kill -9 $PPID')"  # the process ends as a power cut ends it


def changed(name, *changes):
    """Return the text of an example with some of it replaced."""
    text = (EXAMPLES / name).read_text()
    for old, new in changes:
        assert text.count(old) == 1, (name, old)
        text = text.replace(old, new)
    return text


def contents(run, name, board="unix"):
    """Return what a database file holds, {key: document}."""
    code = "from microtetherdb import MicroTetherDB\nimport json\nwith MicroTetherDB(%r, in_memory=False) as db:\n    print(json.dumps(dict(db.items())))\n"
    return json.loads(run(code % name, board))


def killed(run, text):
    """Run a program that kills itself; return what it printed until then."""
    with pytest.raises(pytest.fail.Exception, match="status -9") as failed:
        run(text)
    return str(failed.value)


def test_every_example_is_in_the_table_and_short():
    table = (EXAMPLES / "README.md").read_text()
    paths = sorted(EXAMPLES.glob("*.py"))
    assert len(paths) >= 6
    assert re.findall(r"^\| \[(\w+\.py)\]\(\1\)", table, re.M) == sorted(path.name for path in paths)
    for path in paths:
        assert 30 <= len(path.read_text().splitlines()) <= 100, path.name
        assert "make run ARGS=examples/%s" % path.name in path.read_text()


# Sensor


def _summaries(output):
    """The days, newest first as they are printed, back in order."""
    return re.findall(r"^day/(\d+): (\S+) to (\S+), on average (\S+), from 8 readings$", output, re.M)[::-1]


FIRST_DAYS = [("00000", "15.0", "23.0", "19.00"), ("00001", "16.0", "24.0", "20.00"), ("00002", "17.0", "25.0", "21.00")]


@pytest.mark.parametrize("board", ["unix", "m33", *NIGHTLY_PICO])
def test_sensor_replaces_the_readings_of_a_day_by_a_summary(run, board):
    days = 1 if board == "rp2" else 3  # the emulated Pico is slow, and each hour opens the database anew
    text = changed("sensor.py", ("DAYS = 3", "DAYS = %d" % days))
    output = run(text, board)
    assert output.startswith("the log has %d hours in %d records\n" % (8 * days, days + 1))
    assert _summaries(output) == FIRST_DAYS[:days]
    if board == "unix":
        again = run(text)
        assert again.startswith("the log has 48 hours in 7 records\n")
        assert len(_summaries(again)) == 5 and _summaries(again)[0] == FIRST_DAYS[1]
        left = contents(run, "sensor.db")
        assert sorted(left) == ["day/%05d" % day for day in range(6)] + ["hour"] and left["hour"] == 48


@pytest.mark.parametrize("hour", [3, 7])
@pytest.mark.parametrize("done", [False, True])
def test_sensor_has_the_readings_or_their_summary_after_a_power_cut(run, hour, done):
    write = "    db.write(puts, deletes, durable=True)\n"
    kill = "    if hour == %d:\n        %s\n" % (hour, KILL)
    killed(run, changed("sensor.py", (write, write + kill if done else kill + write)))
    cut = contents(run, "sensor.db")
    kept = {key for key in cut if key.startswith("reading/00000/")}
    if done:
        assert cut["hour"] == hour + 1 and len(kept) == (0 if hour == 7 else hour + 1) and ("day/00000" in cut) == (hour == 7)
    else:
        assert cut["hour"] == hour == len(kept) and "day/00000" not in cut
    assert _summaries(run(changed("sensor.py")))[0] == FIRST_DAYS[0]


# Settings


def _shown(output):
    return {name: value for name, value in re.findall(r"^  (\S+) +(.*)$", output, re.M)}


CHANGED = {
    "interval": "60 (default)",
    "name": "'greenhouse' (default)",
    "target": "19.0",
    "wifi.password": "'correct horse'",
    "wifi.ssid": "'attic'",
}


@pytest.mark.parametrize("board", ["unix", "m33", "rp2"])
def test_settings_survive_a_power_cut(run, board):
    first = (EXAMPLES / "settings.py").read_text()
    if board == "unix":  # elsewhere each run ends with one
        output = killed(run, first + KILL)
    else:
        output = run(first, board)
    assert "start 1 of greenhouse" in output
    assert "refused: interval: int, not str" in output
    assert _shown(output) == dict(CHANGED, starts="1")
    assert _shown(run(first, board)) == dict(CHANGED, starts="2")


def test_settings_are_changed_together_and_go_back_to_the_defaults(run):
    flushes = "print(db.stats()['flushes'], 'flushes')\n"
    assert run((EXAMPLES / "settings.py").read_text() + flushes).endswith("\n2 flushes\n")  # the counter; three settings at once
    for _ in range(2):
        output = run(EXAMPLES / "settings.py")
    assert output.endswith("third start: back to the defaults\n")
    assert contents(run, "settings.db") == {"setting/starts": 3}
    output = run(EXAMPLES / "settings.py")
    assert set(_shown(output).values()) == {"4"} | {"%r (default)" % value for value in ("greenhouse", 60, "", 21.5)}


# Queue


def _got(output):
    return re.findall(r"^server got (\w+): (\d+)$", output, re.M)


@pytest.mark.parametrize("board", ["unix", *NIGHTLY_M33])
def test_queue_sends_all_in_order(run, board):
    output = run(EXAMPLES / "queue.py", board)
    got = _got(output)
    assert [int(n) for _, n in got] == list(range(12)) and got == sorted(got)
    assert re.findall("offline, (.) wait", output) == list("12341234") and "dropped" not in output
    assert contents(run, "queue.db", board) == {}


def test_queue_sends_again_what_was_cut_off_before_it_was_deleted(run):
    delete = "            db.delete(key)\n"
    kill = "            if document['n'] == 2:\n                %s\n%s" % (KILL, delete)
    first = killed(run, changed("queue.py", (delete, kill)))
    assert [int(n) for _, n in _got(first)] == [0, 1, 2]
    waiting = contents(run, "queue.db")
    assert [document["n"] for _, document in sorted(waiting.items())] == [2, 3, 4]  # also what was acknowledged last
    second = run(EXAMPLES / "queue.py")
    assert "3 wait from last time" in second
    assert [int(n) for _, n in _got(second)] == [2, 3, 4, *range(12)]
    times = Counter(key for key, _ in _got(first) + _got(second))
    assert [n for _, n in sorted(times.items())] == [1, 1, 2] + [1] * 14  # the one with the same key both times
    assert _got(second) == sorted(_got(second))  # keys go on across the restart
    assert contents(run, "queue.db") == {}


def test_queue_drops_the_oldest_beyond_its_limit(run):
    output = run(changed("queue.py", ("LIMIT = 500", "LIMIT = 3")))
    assert [int(n) for _, n in _got(output)] == [2, 3, 4, 5, 8, 9, 10, 11]
    assert re.findall(r"^dropped (\d+)$", output, re.M) == ["0", "1", "6", "7"]


FULL = """
class Full:
    def __init__(self, waiting, room):
        self.waiting = waiting
        self.room = room

    def put(self, document):
        if self.waiting > self.room:
            raise DBFull("full")
        return "k"

    def pop_first(self):
        self.waiting -= 1
        return ("k", 1) if self.waiting >= 0 else None

db = Full(5, 2)
print(put(db, 1), db.waiting)
try:
    put(Full(3, -9), 1)
except DBFull as e:
    print(e)
"""


def test_queue_drops_the_oldest_where_the_flash_is_full(run):
    assert run(changed("queue.py", ("asyncio.run(main())\n", FULL))) == "k 2\nfull\n"


# Alarms


@pytest.mark.parametrize("board", ["unix", *NIGHTLY_M33])
def test_alarms_come_and_go_with_the_readings(run, board):
    lines = run(EXAMPLES / "alarms.py", board).splitlines()
    events = [line.partition(", ")[0] for line in lines[:-1]]
    assert sorted(events) == [
        "ALARM attic: hot", "ALARM garden: frost", "ALARM garden: silent", "ALARM shed: battery low",
        "over  attic: hot", "over  garden: frost",
    ]  # fmt: skip
    assert events.index("ALARM attic: hot") < events.index("over  attic: hot")
    assert events.index("ALARM garden: frost") < events.index("ALARM garden: silent")
    assert lines[-1] == "at the end: attic, shed"
    assert [re.findall("'temp': (-?[0-9]+)", line) for line in lines if line.startswith(("ALARM attic: hot", "ALARM garden: frost"))] == [
        ["-1"],
        ["35"],
    ]


# Gateway


def _get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def test_gateway_shows_readings_until_ctrl_c(tmp_path):
    with lock():
        (microdot,) = fetch.fetch("microdot")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    path = tmp_path / "gateway.py"
    path.write_text(changed("gateway.py", ('("kitchen", 21)', '("<b>&kitchen", 21)'), ("INTERVAL = 1 ", "INTERVAL = 0.05 ")))
    env = {"MICROPYPATH": ".frozen:%s" % microdot}
    server = subprocess.Popen(
        [PROGRAMS["unix"], path, str(port)], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        address = server.stdout.readline().split()[0]
        assert address == "http://127.0.0.1:%d/" % port
        page = ""
        for _ in range(300):
            try:
                status, page = _get(address)
            except urllib.error.URLError:  # it does not listen yet
                pass
            if page.count("<tr><td>") == 20:
                break
            time.sleep(0.1)
        assert status == 200 and page.count("<tr><td>") == 20 and page.endswith("</tr>\n")
        numbers = [int(n) for n in re.findall(r"<tr><td>(\d+)", page)]
        assert numbers == sorted(numbers, reverse=True) and numbers[0] == numbers[-1] + 9
        assert "<td>&lt;b>&amp;kitchen<td>21</tr>" in page and "<b>" not in page
        status, text = _get(address + "readings?room=attic&min=22")
        assert status == 200 and json.loads(text)
        assert {(d["room"], d["temp"] >= 22) for d in json.loads(text)} == {("attic", True)}
        assert {d["room"] for d in json.loads(_get(address + "readings")[1])} == {"attic", "<b>&kitchen"}
        newest = [d["_id"] for d in json.loads(_get(address + "readings")[1])]
        assert newest == sorted(newest, reverse=True) and len(newest) >= 20
        with urllib.request.urlopen(address + "readings.csv", timeout=20) as answer:
            assert answer.headers["Content-Type"].startswith("text/csv")
            rows = list(csv.DictReader(io.StringIO(answer.read().decode(), newline="")))
        assert len(rows) >= 20 and list(rows[0]) == ["_id", "n", "room", "temp"]
        assert {row["room"] for row in rows} == {"attic", "<b>&kitchen"} and set(newest) & {row["_id"] for row in rows}
        for bad in ("abc", "nan"):
            status, text = _get(address + "readings?min=" + bad)
            assert status == 400 and json.loads(text)["error"]
        second = subprocess.run([*server.args[:2], str(port)], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert "port %d: [Errno 98] EADDRINUSE" % port in second.stdout and second.stderr == ""
        server.send_signal(signal.SIGINT)
        output = server.communicate(timeout=30)[0].splitlines()
        assert re.fullmatch(r"stopped, \d+ readings", output.pop())
        assert output and output == (["the attic is hot", "over"] * len(output))[: len(output)]
        assert server.returncode == 0
    finally:
        server.kill()
        server.wait()


# Weather


@pytest.mark.parametrize("board", ["unix", *NIGHTLY_M33])
def test_weather_finds_what_is_in_the_readings(run, board):
    data = ROOT / "build" / "src" / "vega-datasets" / "seattle-weather.csv"
    with open(data) as f:
        days = list(csv.DictReader(f))
    output = run(EXAMPLES / "weather.py", board, files={data.name: data.read_bytes()})
    assert "stored %d days" % len(days) in output
    for kind, count in Counter(day["weather"] for day in days).items():
        assert re.search(r"%s +%d days" % (kind, count), output)
    wettest = sorted(days, key=lambda day: -float(day["precipitation"]))[0]
    assert "wettest: %s  %s mm" % (wettest["date"], wettest["precipitation"]) in output
    hot = [day["date"] for day in days if float(day["temp_max"]) >= 33 and float(day["wind"]) < 3]
    assert ", ".join(hot) in output
    assert "a second later: 7 records, alarm: None" in output
    if board == "unix":
        stored = contents(run, "weather.db")
        assert sorted(stored) == [day["date"] for day in days]
        assert [stored[day["date"]]["rain"] for day in days] == [float(day["precipitation"]) for day in days]
