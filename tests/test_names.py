"""The full name of every module is in the image (manifest.py), so that none is put into RAM when a module is loaded."""


def test_opening_a_database_adds_no_module_name_to_the_table_of_names(run):
    out = run(
        "import micropython\nfrom microtetherdb import MicroTetherDB\nwith MicroTetherDB() as db:\n    db.put({'n': 1}, tags=['a'], ttl=9)\n    db.query({'n': 1})\nmicropython.qstr_info(1)\n"
    )
    assert "Q(" in out and "Q(microtetherdb" not in out, out
