"""A constant of the format stands in each module that uses it (MicroPython's `const` goes no further): the same everywhere."""

import ast

from conftest import ROOT

# Each module's own, which only happen to have one name.
OWN = {"_SEEK"}


def test_constants_of_the_storage_have_one_value():
    values = {}
    for path in sorted((ROOT / "microtetherdb" / "storage").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
                values.setdefault(node.targets[0].id, {})[path.name] = ast.unparse(node.value)
    shared = {name: found for name, found in values.items() if len(found) > 1 and name not in OWN}
    assert {"_COMMIT", "_HEADER", "_PAGE", "_MAGIC", "_ABORT"} <= set(shared)
    for name, found in shared.items():
        assert len(set(found.values())) == 1, (name, found)
