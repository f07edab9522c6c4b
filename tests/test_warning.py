"""SPEC section 1: without enough RAM an in-memory database falls back to a file and says so once, in one line on stderr."""

import os

CODE = """
import sys
from microtetherdb import MicroTetherDB
import microtetherdb.opening as opening
opening._MIN_QUOTA = 1 << 30
db = MicroTetherDB("fall.db")
db.put("a", 1)
db.close()
"""


def test_the_fall_back_to_a_file_is_told_once_in_one_line(run, tmp_path):
    output = run(CODE, path=os.environ.get("MTDB_SOURCE", "").split())
    lines = output.splitlines()
    assert len(lines) == 1 and lines[0].startswith("microtetherdb: ") and "RAM" in lines[0] and "fall.db" in lines[0], output
    assert (tmp_path / "fall.db").exists()
