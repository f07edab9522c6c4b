"""Files of every released format open in today's code, with all that they hold; newer ones are refused and left alone.

SPEC section 1 (DBCorrupt), section 9 (data written by an older release opens in a newer one). tests/golden/content.py says what they hold.
"""

import os
import struct
import zlib
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(p for p in GOLDEN.glob("*/*/*") if p.suffix in (".db", ".region"))
BOARDS = ["unix", "unix32"]
DEVICE = {"heap": "16M", "path": os.environ.get("MTDB_SOURCE", "").split()}


def ids(path):
    return "-".join(path.relative_to(GOLDEN).parts)


def test_there_are_golden_files_of_this_format():
    for made in ("1", "1.1", "2"):  # 1.1: since commits keep the state; 2: with patches
        assert {p.name for p in FILES if p.parts[-3] == made} == {"closed.db", "cut.db", "closed.region", "cut.region"}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_golden_file_opens_with_all_that_it_holds(run, path, board):
    output = run(GOLDEN / "content.py", board, files={path.name: path.read_bytes()}, args=("check", path.name), **DEVICE)
    assert output.endswith("OK\n")


REFUSED = """
import sys
from microtetherdb import MicroTetherDB, DBCorrupt
from flashsim import Flash

target = sys.argv[1]
if target.endswith(".region"):
    flash = Flash(64)
    data = open(target, "rb").read()
    for i in range(64):
        block = data[i * 4096 : (i + 1) * 4096]
        flash.data[i] = block + b"\\xff" * (4096 - len(block))
    target = flash
before = b"".join(flash.data) if target is not sys.argv[1] else b""
try:
    MicroTetherDB(target, in_memory=False).close()
except DBCorrupt as e:
    print(e)
assert target is sys.argv[1] or (b"".join(flash.data) == before and flash.programs == flash.erases == 0)
"""


def newer_log(data, header):
    """The file with the page log's version raised in each header (28 bytes, its CRC-32 at the end), as a later release would write it."""
    data = bytearray(data)
    for at in range(0, len(data), header):
        if data[at : at + 4] == b"MTdb":
            data[at + 4] = 9
            struct.pack_into("<I", data, at + 24, zlib.crc32(data[at : at + 24]))
    return bytes(data)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", ["closed.db", "closed.region"])
def test_a_file_of_a_newer_format_is_refused_by_its_version_and_left_as_it_was(run, tmp_path, name, board):
    data = (GOLDEN / "1" / "512" / name).read_bytes()
    data = newer_log(data, len(data) if name.endswith(".db") else 4096)
    assert "format 9" in run(REFUSED, board, files={name: data}, args=(name,), **DEVICE)
    assert (tmp_path / name).read_bytes() == data


NEWER_STATE = """
from microtetherdb import MicroTetherDB
from microtetherdb.records import keys
db = MicroTetherDB("n.db", in_memory=False)
store = db._store
store.log.owner = None
raw = b"\\x09" + db._clock.save()[1:]
if %r == "tree":  # as older releases wrote it
    store.put(keys.META, raw)
else:
    store.log.state = raw + b"\\0"
db.put("a", 1, ttl=1e6)
store.commit(True)
"""


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("place", ["commit", "tree"])
def test_records_of_a_newer_format_are_refused_by_their_version(run, tmp_path, board, place):
    run(NEWER_STATE % place, board, **DEVICE)
    data = (tmp_path / "n.db").read_bytes()
    assert "format 9" in run(REFUSED, board, args=("n.db",), **DEVICE)
    assert (tmp_path / "n.db").read_bytes() == data
