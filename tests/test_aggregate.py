"""Aggregation: docs/aggregation.md as it stands there, what it costs, and firmware without it. The rest: tests/conformance, test_device.py."""

import os
import re
import shutil

import pytest
from conftest import ROOT
from test_ota_docs import _blocks

NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"
WEATHER = ROOT / "build" / "src" / "vega-datasets" / "seattle-weather.csv"


def _code(session):
    """Return the statements of a REPL session, each with what it shows."""
    for text in re.split(r"^>>> ", session, flags=re.M)[1:]:
        lines = text.splitlines()
        n = 1
        while n < len(lines) and lines[n].startswith("..."):
            n += 1
        yield "\n".join([lines[0], *(line[4:] for line in lines[1:n])]), "\n".join(lines[n:])


def test_the_page_shows_what_is_printed(run):
    blocks = _blocks("aggregation.md", "python")
    program, wanted = "", []
    for block in blocks[:-1]:
        if ">>>" not in block:
            program += block
            continue
        for code, shown in _code(block):
            try:
                compile(code, "aggregation.md", "eval")
                code = "_r = %s\nif _r is not None: print(repr(_r))" % code
            except SyntaxError:
                pass
            program += code + "\n"
            wanted += shown.splitlines()
    assert run(program, files={WEATHER.name: WEATHER.read_bytes()}).splitlines() == wanted
    assert len(wanted) == 20
    assert run(blocks[-1]) == "hour-1704067200 180 23.46 20 27\nhour-1704070800 180 23.54 20 27\n"


LOW = ROOT / "tests" / "device" / "aggregate_low_ram.py"


def test_hours_of_5000_records_with_20_kb_free(run):
    def what(n, heap=None):
        return run(LOW.read_text().replace("WHAT = 0", "WHAT = %d" % n, 1), "m33", heap=heap)

    what(0, "4m")
    assert what(1) == "24 5000 [0, 3600] 19.78 39.8\n"
    if not NIGHTLY:
        return
    assert what(3) == "[39.9, 39.9, 39.9]\n"
    assert what(4) == "2504\n"
    assert what(5).startswith("MemoryError") and what(5).endswith("still there\n")


COST = """
import gc, time
from microtetherdb import MicroTetherDB
db = MicroTetherDB(ram_percentage=60)
for i in range(1000):
    db.put({"t": 1700000000 + i * 86, "temp": (i * 37 % 400) / 10, "hum": i * 7 % 100, "room": "kitchen"})

def by_hand():
    groups = {}
    for d in db.values():
        h = d["t"] // 3600 * 3600
        v = d["temp"]
        g = groups.get(h)
        if g is None:
            groups[h] = [v, 1, v, v]
        else:
            g[0] += v
            g[1] += 1
            if v < g[2]:
                g[2] = v
            if v > g[3]:
                g[3] = v
    return [{"_id": h, "avg": g[0] / g[1], "min": g[2], "max": g[3]} for h, g in groups.items()]

def timed(f):
    f()
    gc.collect()
    t = time.ticks_us()
    found = f()
    return time.ticks_diff(time.ticks_us(), t), sorted((g["_id"], g["avg"], g["min"], g["max"]) for g in found)

hand, wanted = timed(by_hand)
for key in ({"$dateTrunc": {"date": "$t", "unit": "hour"}}, {"$subtract": ["$t", {"$mod": ["$t", 3600]}]}):
    group = {"_id": key, "avg": {"$avg": "$temp"}, "min": {"$min": "$temp"}, "max": {"$max": "$temp"}}
    t, found = timed(lambda: list(db.aggregate([{"$group": group}])))
    assert found == wanted and len(found) == 25
    print(t / hand)
"""


def test_hour_by_hour_costs_at_most_1_6_times_a_loop_by_hand(run):
    """In instructions, which repeat exactly: QEMU's clock counts them. Reckoned by `$subtract` and `$mod` it is a little more."""
    ratios = [float(line) for line in run(COST, "m33", heap="1m", extra=["-icount", "shift=0"]).split()]
    assert len(ratios) == 2 and ratios[0] <= 1.6 and ratios[1] <= 1.8, ratios


def _manifest(without):
    """Return the files of the package that manifest.py freezes."""
    found = []

    class Options:
        def defaults(self, **kw):
            self.__dict__.update(kw)

    options = Options()
    options.defaults(without=(), opt=None)
    options.defaults = lambda **kw: None
    options.without = without
    names = {
        "options": options,
        "metadata": lambda **kw: None,
        "include": lambda path: None,
        "package": lambda name, files, **kw: found.extend(files) if "names.py" not in files else None,
    }
    names_py = ROOT / "build" / "manifest" / "microtetherdb" / "names.py"
    saved = names_py.read_text()
    try:
        exec(compile((ROOT / "manifest.py").read_text(), "manifest.py", "exec"), names)
    finally:
        names_py.write_text(saved)
    return found, names["GROUPS"]


@pytest.mark.parametrize("word", ["aggregation"])
def test_a_manifest_leaves_a_group_out_by_one_word(run, tmp_path, monkeypatch, word):
    monkeypatch.chdir(ROOT)
    everything, groups = _manifest(())
    for without in (word, (word,), [word, "ota/http.py"]):
        left, _ = _manifest(without)
        assert set(everything) - set(left) - {"ota/http.py"} == set(groups[word])
    with pytest.raises(ValueError, match="no such file in the package: agregation"):
        _manifest("agregation")
    left, _ = _manifest(word)
    for name in left:
        path = tmp_path / "lib" / "microtetherdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "microtetherdb" / name, path)
    code = """
from microtetherdb import MicroTetherDB
db = MicroTetherDB()
db.put_batch([("k%d" % i, {"a": i}) for i in range(9)])
db.create_index("a")
print(db.query({"a": {"$gt": 6}}, sort="-a", limit=1, fields=["a"]), db.update("k1", {"$inc": {"a": 1}}), db.count({"_id": "k1"}))
for f in (lambda: db.aggregate([]), lambda: db.query({"$expr": True})):
    try:
        f()
    except ImportError as e:
        print("ImportError", "microtetherdb.query." in str(e))
print(len(db))
"""
    assert run(code, path=(str(tmp_path / "lib"),)) == "[{'a': 8}] 1 1\nImportError True\nImportError True\n9\n"
