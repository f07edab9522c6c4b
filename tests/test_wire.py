"""The commands of docs/recover.md that dump and load over the wire (SPEC 5): as written there, by mpremote, on the emulated RPI_PICO.

As a program it is that board: test_wire.py FLASH prints where its serial port is and runs until the standard input ends.
"""

import json
import os
import re
import sys
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

DOCUMENTS = {
    "a": {"text": 'quotes " and \\ and\nlines', "n": 1.5},
    "b": {"city": "Zürich €", "_tags": ["x", "y"]},
    "c": {"nested": {"list": [1, None, True, {"k": []}]}},
}
FILL = """
from microtetherdb import MicroTetherDB
with MicroTetherDB("readings.db", in_memory=False) as db:
    for key, document in %r.items():
        tags = document.pop("_tags", None)
        db.put(key, document, tags=tags, ttl=5000 if key == "c" else None)
"""
LOOK = """
import json
from microtetherdb import MicroTetherDB
db = MicroTetherDB("copy.db", in_memory=False)
print(json.dumps([dict(db.items()), [k for k in db.keys() if db.ttl(k)], len(db.query({"tags": "y"}))]))
"""


def commands():
    """Return the mpremote commands of the section, in order."""
    text = (ROOT / "docs" / "recover.md").read_text()
    section = re.search(r"^## Dump and load over the wire\n(.*?)^## ", text, re.M | re.S).group(1)
    return re.findall(r"^mpremote .*$", section, re.M)


def file_system(flash):
    """Return the littlefs on the chip whose contents are in the file `flash`."""
    import layout
    from littlefs import LittleFS

    start, size = layout.layout("RPI_PICO", "rp2040")["file system"]
    fs = LittleFS(block_size=4096, block_count=size // 4096, prog_size=256, read_size=256, cache_size=1024, lookahead_size=32, mount=False)
    fs.context.buffer = bytearray(flash.read_bytes()[start : start + size])
    fs.mount()
    return fs


@pytest.mark.skipif(not os.environ.get("MTDB_NIGHTLY"), reason="long; MTDB_NIGHTLY=1")
def test_rp2_dump_and_load_over_the_wire_as_documented(tmp_path, run):
    import emulator

    dump, load, stream = found = commands()
    assert [("dump(" in c, "load(" in c) for c in found] == [(True, False), (False, True), (True, False)], found
    run(FILL % DOCUMENTS)
    flash = tmp_path / "flash.bin"
    flash.write_bytes(emulator.fresh_flash({"readings.db": (tmp_path / "readings.db").read_bytes()}))
    with emulator.serial_port(flash) as port:
        mpremote = Path(sys.executable).with_name("mpremote")

        def shell(command):
            # the only change: which port
            command = command.replace("mpremote ", "%s connect %s " % (mpremote, port), 1)
            done = guard.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=150)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        file = tmp_path / "readings.jsonl"
        assert shell(dump).splitlines()[-1] == "3"
        dumped = [json.loads(line) for line in file.read_text().splitlines()]
        assert {line["_id"]: line["data"] for line in dumped} == DOCUMENTS
        assert [line["_id"] for line in dumped if 4000 < line.get("ttl", 0) <= 5000] == ["c"]
        file.unlink()
        shell(stream)
        streamed = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(line["_id"], line["data"]) for line in streamed] == [(line["_id"], line["data"]) for line in dumped]
        assert b"\r\n" in file.read_bytes()
        assert shell(load).splitlines()[-1] == "3"
    with file_system(flash).open("copy.db", "rb") as f:
        copy = f.read()
    assert json.loads(run(LOOK, files={"copy.db": copy})) == [DOCUMENTS, ["c"], 1]
