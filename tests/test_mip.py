"""SPEC section 9: the package installs with `mpremote mip install` and works as .mpy files where btree exists."""

import json
import sys
from pathlib import Path

import common
import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mip")  # not dist/mip: another worker may be making it
    guard.run([sys.executable, ROOT / "ci" / "mip.py", folder], check=True, capture_output=True, timeout=200)
    return folder / "package.json"


class Folder:
    """The part of mpremote's transport that its installer uses, on a folder of this machine."""

    def __init__(self, root):
        self.root = root

    def path(self, name):
        return self.root / name.lstrip("/")

    def fs_exists(self, name):
        return self.path(name).exists()

    def fs_mkdir(self, name):
        self.path(name).mkdir()

    def fs_writefile(self, name, data, progress_callback=None):
        self.path(name).write_bytes(data)


def test_package_json_lists_the_package_with_its_version(package):
    spec = json.loads(package.read_text())
    assert spec["version"] == common.library_version()
    sources = {str(p.relative_to(ROOT).with_suffix(".mpy")) for p in (ROOT / "microtetherdb").rglob("*.py")}
    assert {target for target, _ in spec["urls"]} == sources


def test_the_repository_itself_is_a_package(run, tmp_path):
    """`mip.install("github:owner/name")` finds package.json in the root, and the sources that it lists beside it."""
    import mip as ours
    from mpremote import mip

    assert (ROOT / "package.json").read_text() == ours.listing(".py"), "run: make mip"
    mip._install_package(Folder(tmp_path), str(ROOT / "package.json"), "", "/lib", None, False)
    code = "import microtetherdb as m\nprint(m.__file__)\nwith m.MicroTetherDB() as db:\n    db.put('k', 1)\n    print(db.query())"
    assert run(code, "stock", path=[str(tmp_path / "lib")]).splitlines() == [str(tmp_path / "lib/microtetherdb/__init__.py"), "[1]"]


@pytest.mark.parametrize("board", ["stock", "unix32"])
def test_mpremote_installs_it_and_it_runs_as_mpy(package, tmp_path, run, board):
    from mpremote import mip

    mip._install_package(Folder(tmp_path), str(package), "", "/lib", None, True)
    code = """
import microtetherdb
assert microtetherdb.__file__.endswith("/lib/microtetherdb/__init__.mpy"), microtetherdb.__file__
with microtetherdb.MicroTetherDB("a.db", in_memory=False) as db:
    db.put("k", {"v": 1}, tags=["t"])
with microtetherdb.MicroTetherDB("a.db", in_memory=False) as db:
    assert db.query({"tags": "t"}) == [{"v": 1, "_tags": ["t"]}]
    assert db.query({"v": {"$gt": 0}})
print("OK")
"""
    assert run(code, board, path=[str(tmp_path / "lib")]) == "OK\n"
