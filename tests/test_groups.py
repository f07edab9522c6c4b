"""What a board's manifest leaves out by one word (SPEC section 9; issue 18): the rest works, what needs the group raises ImportError."""

import ast
import re
import shutil

import pytest
from conftest import ROOT

GROUPS = ast.literal_eval(re.search(r"^GROUPS = (\{.*?^\})", (ROOT / "manifest.py").read_text(), re.M | re.S).group(1))
PLAIN = """
import io
from microtetherdb import MicroTetherDB
for how in ({}, {"filename": "g.db", "in_memory": False}):
    with MicroTetherDB(**how) as db:
        db.create_index([("n", 1), ("m", -1)], unique=True)
        db.put_batch([("k%d" % i, {"n": i, "m": [i], "t": [1, 2]}) for i in range(20)], tags=["t"])
        db.put("ttl", {"n": 50}, ttl=0.01)
        db.update_many({"n": 3, "t": 2}, {"$set": {"t.$": 5}})
        assert db.query({"n": {"$gte": 3}}, sort=["n", "-m"], limit=1, fields={"t": {"$slice": -1}, "n": 1}) == [{"n": 3, "t": [5]}]
        assert db.distinct("n", {"n": {"$lt": 2}}) == [0, 1]
        text = io.StringIO()
        import time
        time.sleep(0.05)
        db.cleanup()
        assert db.dump(text) == 20 and db.stats()["records"] == 20 and db.check()["ok"]
        text.seek(0)
        assert db.delete(purge=True) == 20 and db.load(text) == 20 and db.backup("copy.db") == 20
        db.close()
"""
NEEDS = {
    "collections": """
from microtetherdb import MicroTetherDB
db = MicroTetherDB()
for call in (lambda: db.collection("c"), lambda: db.collections()):
    try:
        call()
        assert False
    except ImportError:
        pass
""",
}


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_group_is_left_out(run, tmp_path, group):
    package = tmp_path / "microtetherdb"
    shutil.copytree(ROOT / "microtetherdb", package, ignore=shutil.ignore_patterns("*.pyi", "__pycache__"))
    for name in GROUPS[group]:
        (package / name).unlink()
    # From source, on the stock interpreter, which has nothing frozen in.
    first = "import sys\nsys.path.insert(0, %r)\n" % str(tmp_path)
    run(first + PLAIN, "stock", heap="4M")
    if group in NEEDS:
        run(first + NEEDS[group], "stock", heap="4M")
