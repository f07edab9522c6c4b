"""`__init__.pyi` says exactly what the package has (issue "library", 9): methods, arguments, defaults; programs type-check with it."""

import ast
import sys

import apidoc
import guard
import pytest
from conftest import ROOT

CLASSES, NAMES = apidoc.stubs()
STUB = CLASSES["MicroTetherDB"]
TABLE = apidoc.table()


def public():
    """All public methods as the code has them."""
    out = {
        n for n in apidoc.functions("database") if not n.startswith("_") or (n.startswith("__") and n not in ("__getattr__", "__repr__"))
    }
    out |= set(TABLE)
    return out | {n + "_async" for n in TABLE if apidoc.asynchronous(n)}


def test_the_stubs_list_the_public_methods_and_no_others():
    assert set(STUB) == public()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_stub_has_the_arguments_and_defaults_of_the_code(name):
    assert apidoc.parameters(STUB[name]) == apidoc.parameters(apidoc.implementation(name))


@pytest.mark.parametrize("name", sorted(n for n in TABLE if apidoc.asynchronous(n)))
def test_the_async_form_takes_what_the_plain_one_takes(name):
    assert isinstance(STUB[name + "_async"], ast.AsyncFunctionDef)
    assert apidoc.parameters(STUB[name + "_async"]) == apidoc.parameters(STUB[name])
    assert ast.unparse(STUB[name + "_async"].returns) == ast.unparse(STUB[name].returns)
    code = apidoc.functions(TABLE[name]).get(name + "_async")
    if code is not None and not any(p[0].startswith("*") for p in apidoc.parameters(code)):
        assert apidoc.parameters(code) == apidoc.parameters(STUB[name])


@pytest.mark.parametrize("name", ["get", "delete", "close"])
def test_the_stub_of_a_method_of_the_class_has_its_arguments(name):
    assert apidoc.parameters(STUB[name]) == apidoc.parameters(apidoc.implementation(name))


def test_the_constructor_has_the_arguments_and_defaults_of_the_code():
    code = apidoc.tree("opening.py").body
    names = next(n for n in code if isinstance(n, ast.Assign) and n.targets[0].id == "NAMES")
    values = next(n for n in code if isinstance(n, ast.FunctionDef) and n.name == "built_in").body[-1]
    defaults = list(ast.literal_eval(values.value).items())
    assert [(n, ast.literal_eval(d)) for n, d in apidoc.parameters(STUB["__init__"])] == defaults
    assert [n for n, _ in defaults] == list(ast.literal_eval(names.value))


def test_put_takes_its_documented_arguments():
    node = next(n for n in apidoc.tree("arguments.py").body if isinstance(n, ast.Assign) and n.targets[0].id == "_ALL")
    assert {n for n, _ in apidoc.parameters(STUB["put"]) if n != "*args"} == set(ast.literal_eval(node.value))


def test_the_module_has_the_names_of_the_stub():
    errors = {n.name for n in apidoc.tree("errors.py").body if isinstance(n, ast.ClassDef) and n.bases}
    assert set(NAMES) == errors | {"MicroTetherDB", "Defaults", "Find", "__version__", "on_warning", "defaults"}
    for name in errors:
        stub = next(n for n in apidoc.tree("__init__.pyi").body if isinstance(n, ast.ClassDef) and n.name == name)
        code = next(n for n in apidoc.tree("errors.py").body if isinstance(n, ast.ClassDef) and n.name == name)
        assert ast.unparse(stub.bases[0]) == ast.unparse(code.bases[0])


def test_an_image_has_every_method_and_name_of_the_stub(run):
    names = [n for n in STUB if n not in ("__init__",)]
    run(
        "import microtetherdb\n"
        "db = microtetherdb.MicroTetherDB()\n"
        "for name in %r:\n"
        "    assert hasattr(db, name), name\n"
        "for name in %r:\n"
        "    assert hasattr(microtetherdb, name), name\n"
        "assert type(microtetherdb.defaults).__name__ == 'Defaults'\n"
        % (names, [n for n in NAMES if n not in ("Find", "Defaults")]),
        path=[str(ROOT)],
    )  # fmt: skip


GOOD = """
import microtetherdb
from microtetherdb import DBFull, MicroTetherDB, QueryError

microtetherdb.on_warning = print
with MicroTetherDB("x.db", in_memory=False, ttl_check_interval=5) as db:
    key: str = db.put({"a": 1}, ttl=5, tags=["x"])
    db.put("k", {"a": 1})
    db["k"] = [1, 2]
    n: int = len(db) + db.delete("k") + db.delete(purge=True)
    keys: list[str] = db.put_batch([{"a": 1}, ("k", 2)], ttls=[1, None])
    for k in db:
        print(k.upper(), db.ttl(k))
    for k, doc in db.items(prefix="a"):
        print(k.upper(), doc)
    for doc in db.find({"a": {"$gt": 1}}, sort="a", limit=5):
        print(doc)
    left = db.ttl("k")
    if left is not None:
        print(left + 1)
    try:
        db.query({"a": 1})
    except (QueryError, DBFull) as e:
        print(e)


async def main() -> None:
    async with MicroTetherDB() as db:
        async for doc in db.find({}):
            print(doc)
        n: int = await db.count_async({"a": 1})
        print(n)
"""
BAD = [
    ("db.put_batch(5)", "arg-type"), ("db.ttl(5)", "arg-type"), ("db.no_such_method()", "attr-defined"), ("x: str = db.delete('k')", "assignment"),
    ("MicroTetherDB(filname='x')", "call-arg"), ("db.ttl('k') + 1", "operator"), ("db.delete_many()", "call-arg"),
]  # fmt: skip


def mypy(folder, text):
    (folder / "program.py").write_text(text)
    return guard.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / "build" / "mypy-cache"), "program.py"], cwd=folder, capture_output=True, text=True,
        env={"MYPYPATH": str(ROOT)}, timeout=120,
    ).stdout  # fmt: skip


def test_a_program_type_checks_with_the_stubs(tmp_path):
    assert "Success" in mypy(tmp_path, GOOD)


def test_mistakes_are_found_with_the_stubs(tmp_path):
    lines = ["from microtetherdb import MicroTetherDB", "db = MicroTetherDB()"] + [line for line, _ in BAD]
    output = mypy(tmp_path, "\n".join(lines) + "\n")
    for i, (line, code) in enumerate(BAD):
        assert any(o.startswith("program.py:%d:" % (i + 3)) and "[%s]" % code in o for o in output.splitlines()), (line, output)
