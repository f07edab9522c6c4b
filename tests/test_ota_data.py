"""SPEC 9: data written by an older release opens in a newer one, across a real update; newer formats are refused unchanged."""

import shutil
import zlib

import launch
import pytest
from test_ota import MICROPYTHON, ROOT, Device, key  # noqa: F401

# Databases in files (not regions), by the magic and kind of their header: docs/format.md.
HEADERS = (b"MTdb\x01F",)  # magic, format version, kind "file"
GOLDEN = sorted(p for p in (ROOT / "tests" / "golden").rglob("*") if p.is_file() and p.read_bytes()[:6] in HEADERS)

WRITE = """
import sys
from microtetherdb import MicroTetherDB
with MicroTetherDB(sys.argv[1], in_memory=False) as db:
    for i in range(60):
        db.put("key%03d" % i, {"n": i, "text": "x" * i}, ttl=86400 if i % 3 else None, tags=["even" if i % 2 == 0 else "odd"])
"""

READ = """
import sys
from microtetherdb import MicroTetherDB
with MicroTetherDB(sys.argv[1], in_memory=False) as db:
    for key in db:
        print(key, sorted(db.get(key).items()) if isinstance(db.get(key), dict) else db.get(key), db.ttl(key) is not None)
    print(len(db.query({"tags": "odd"})))
"""

OPEN = """
import sys
from microtetherdb import MicroTetherDB, DBCorrupt
try:
    MicroTetherDB(sys.argv[1], in_memory=False)
except DBCorrupt as e:
    print(e)
"""


@pytest.fixture
def device(tmp_path, key):  # noqa: F811
    """The real image in slot a, another one of the same program to come."""
    d = Device(tmp_path, key, image=open(MICROPYTHON, "rb").read() + b"old")
    d.where = d.publish("2", open(MICROPYTHON, "rb").read() + b"new")
    return d


def _update(d, test):
    assert d.boot(d.where)[1] == launch.RESTART
    return d.boot(d.where, test=str(test))


def test_database_of_a_device_survives_its_update(device, run, tmp_path):
    db = tmp_path / "readings.db"
    run(WRITE, args=[db])
    before = run(READ, args=[db])
    assert before.count("key") == 60 and before.endswith("30\n") and before.count("True") == 40
    out, status = _update(device, db)
    assert "CONFIRMED" in out and status == 0
    assert run(READ, args=[db]) == before


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.name)
def test_golden_database_passes_the_self_test_of_an_update(device, run, tmp_path, path):
    db = tmp_path / path.name
    shutil.copy(path, db)
    assert "CONFIRMED" in _update(device, db)[0]
    assert len(run(READ, args=[db]).splitlines()) > 1


def test_newer_format_is_refused_unchanged_and_the_update_rolled_back(device, run, tmp_path):
    db = tmp_path / "readings.db"
    run(WRITE, args=[db])
    data = bytearray(db.read_bytes())
    data[4] += 1  # format version
    data[24:28] = zlib.crc32(data[:24]).to_bytes(4, "little")
    db.write_bytes(data)
    out, status = _update(device, db)
    assert "FAILED" in out and "format 2" in out and status == launch.RESTART
    assert "REFUSED FailedBefore" in device.boot(device.where)[0]
    assert db.read_bytes() == data
    assert "format 3, this is format 2" in run(OPEN, args=[db])
    assert db.read_bytes() == data
