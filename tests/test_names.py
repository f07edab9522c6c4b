"""`microtetherdb/names.py` has the full name of every module, so that none is put into RAM when a module is loaded."""

import ast

from conftest import ROOT

PACKAGE = ROOT / "microtetherdb"


def test_every_module_of_the_package_is_named():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name not in ("__init__.py", "names.py")
    }
    body = ast.parse((PACKAGE / "names.py").read_text()).body
    assert {name.name for node in body if isinstance(node, ast.Import) for name in node.names} == modules


def test_opening_a_database_adds_no_module_name_to_the_table_of_names(run):
    out = run(
        "import micropython\nfrom microtetherdb import MicroTetherDB\nwith MicroTetherDB() as db:\n    db.put({'n': 1}, tags=['a'], ttl=9)\n    db.query({'n': 1})\nmicropython.qstr_info(1)\n"
    )
    assert "Q(" in out and "Q(microtetherdb" not in out, out
