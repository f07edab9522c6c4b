"""The stubs say exactly what an image has: names, arguments, defaults, results; programs type-check with the wheel of them."""

import ast
import json
import os
import re
import sys
from pathlib import Path

import apidoc
import conftest
import fetch
import guard
import packages
import pytest
import stubs
from common import lock
from conftest import ROOT

CLASSES, NAMES = apidoc.stubs()
OTA_CLASSES, OTA_NAMES = apidoc.stubs("ota/__init__.pyi")
STUB = CLASSES["MicroTetherDB"]
TYPED = ROOT / "tests" / "typed"


def only_for_types(node):
    """Whether a name of a stub file is for annotations: no image has it."""
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation) == "TypeAlias"
    return any(ast.unparse(d) == "type_check_only" for d in node.decorator_list)


def keys(node):
    """The keys of a TypedDict: (those that are always there, all)."""
    every = {n.target.id: ast.unparse(n.annotation) for n in node.body if isinstance(n, ast.AnnAssign)}
    return {n for n, a in every.items() if not a.startswith("NotRequired")}, set(every)


def arguments(overloads):
    """The names of all arguments of a method."""
    return {name for f in overloads for name, _ in apidoc.parameters(f)}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the UNIX image tells of itself (device/stubs_names.py)."""
    text, path = conftest._source("stubs_names.py")
    folder = tmp_path_factory.mktemp("image")
    return json.loads(conftest._run_unix(conftest.PROGRAMS["unix"], text, path, folder, None, (), 60, None, ()))


def code(module):
    """The source of a module of the image."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    assert path.exists(), "the image has a module %s and the tree has not: build it again" % module
    return ast.parse(path.read_text())


def body(image, name):
    """The functions of a class, or the function, that the image has under `name`."""
    for module in image["home"][name]:
        for node in code(module).body:
            if getattr(node, "name", None) == name:
                return apidoc.methods(node) if isinstance(node, ast.ClassDef) else node
    raise AssertionError("%s has no %s" % (image["home"][name], name))


def implementation(image, name):
    """The function in the code that is a method of the database."""
    where = image["where"].get(name)
    if where is None:
        return body(image, "MicroTetherDB")[name]
    found = apidoc.methods(code(where))
    return found.get(name) or found[name + "_steps"]


def test_the_stubs_have_the_names_of_the_image_and_no_others(image):
    for stub, found in zip((NAMES, OTA_NAMES), image["names"]):
        # `module` is how the package loads what it needs
        assert {n for n, node in stub.items() if not only_for_types(node) and n != "__version__"} == set(found) - {"module"}


def test_the_stubs_have_the_methods_of_the_image_and_no_others(image):
    for classes, name in ((CLASSES, "MicroTetherDB"), (CLASSES, "Cursor"), (CLASSES, "Defaults"), (OTA_CLASSES, "Updater")):
        special = {n for n in body(image, name) if n.startswith("__")} - {"__getattr__", "__repr__"}
        if name == "Cursor":
            special.discard("__init__")  # `find` makes them
        assert set(classes[name]) == set(image["methods"][name]) | special, name


def test_errors_are_derived_as_in_the_image(image):
    for names, found in zip((NAMES, OTA_NAMES), image["bases"]):
        bases = {
            n: ast.unparse(node.bases[0])
            for n, node in names.items()
            if isinstance(node, ast.ClassDef) and not only_for_types(node) and node.bases
        }
        assert bases == found  # fmt: skip


def test_the_arguments_and_defaults_of_methods_are_those_of_the_code(image):
    for name, overloads in STUB.items():
        if name in ("__init__", "put"):
            continue
        plain = name.removesuffix("_async")
        given = apidoc.parameters(implementation(image, plain))
        for f in overloads:
            order = [n for n, _ in apidoc.parameters(f)]
            assert order == [n for n, _ in given if n in order], name
            assert isinstance(f, ast.AsyncFunctionDef) == (name != plain or name in ("__aenter__", "__aexit__", "__anext__")), name
            assert {(n, d) for n, d in apidoc.parameters(f) if d} <= set(given), name
        assert arguments(overloads) == {n for n, _ in given}, name
        if len(overloads) == 1:
            assert apidoc.parameters(overloads[0]) == given, name
        if name != plain:
            # aggregate gives a cursor, its asynchronous form a list
            forms = [ast.unparse(f.args) + ast.unparse(f.returns).replace("Cursor", "list") for f in STUB[plain]]
            assert [ast.unparse(f.args) + ast.unparse(f.returns) for f in overloads] == forms, name


def test_the_asynchronous_forms_are_those_of_the_image(image):
    assert {n for n in STUB if n.endswith("_async")} == set(image["async"])


def test_the_constructor_has_the_arguments_and_defaults_of_the_image(image):
    (f,) = STUB["__init__"]
    assert [(n, ast.literal_eval(d)) for n, d in apidoc.parameters(f)] == [(n, ast.literal_eval(d)) for n, d in image["defaults"]]


def test_put_has_the_arguments_of_the_image(image):
    assert arguments(STUB["put"]) == set(image["put"])


def test_functions_and_the_other_classes_have_the_arguments_and_defaults_of_the_code(image):
    for classes, name in ((CLASSES, "Cursor"), (CLASSES, "Defaults"), (OTA_CLASSES, "Updater")):
        found = body(image, name)
        for method, overloads in classes[name].items():
            assert [apidoc.parameters(f) for f in overloads] == [apidoc.parameters(found[method])], method
            assert type(overloads[0]) is type(found[method]), method
    for names, name in ((NAMES, "preload"), (OTA_NAMES, "confirm"), (OTA_NAMES, "status")):
        assert apidoc.parameters(names[name], 0) == apidoc.parameters(body(image, name), 0), name
    assert len(apidoc.parameters(body(image, "on_warning"), 0)) == 1  # a str, says the reference
    source = {n for n, d in apidoc.parameters(body(image, "Source")["__init__"]) if d} - {"offset"}
    assert keys(OTA_NAMES["SourceOptions"])[1] == source
    updater = {n for n, _ in apidoc.parameters(body(image, "Updater")["__init__"])} - {"**source"}
    assert keys(OTA_NAMES["Options"])[1] == updater


def test_the_image_takes_every_call_that_the_stubs_allow_and_refuses_others(run):
    forms = []
    for name, overloads in STUB.items():
        if not name.startswith("__") and name != "close":
            for f in overloads:
                only = {a.arg for a in f.args.kwonlyargs}
                forms.append((name, [(n, d, n in only) for n, d in apidoc.parameters(f)]))
    calls = (ROOT / "tests" / "device" / "stubs_calls.py").read_text()
    output = run("FORMS = %r\n%s" % (forms, calls))
    assert output == "%d\n" % len(forms), output


def test_results_have_the_keys_that_the_stubs_tell(run):
    text = """
import asyncio, json
from microtetherdb import MicroTetherDB, ota
from typed_slots import Slots
stats = []
explain = []
for args in (), ("x.db", False), ("flash:", False):
    with MicroTetherDB(*args) as db:
        db.put({"a": 1})
        explain.append(db.explain({"a": 1}))
        db.create_index("a")
        explain.append(db.explain({"a": 1}, sort="a"))
        report = db.check()
        stats.append(db.stats())
up = ota.Updater(Slots(), board="UNIX", allow_unsigned=True)
m = dict(board="UNIX", version="1", size=1, sha256="0" * 64)
print(json.dumps({
    "Stats": stats, "Explanation": explain, "Report": [report], "Status": [up.status()], "Manifest": [asyncio.run(up.check(m))]
}))
"""
    program = ast.parse((TYPED / "program.py").read_text())
    slots = ast.unparse(next(n for n in program.body if isinstance(n, ast.ClassDef) and n.name == "Slots"))
    results = json.loads(run(text, files={"typed_slots.py": slots}))
    for name, found in results.items():
        always, every = keys((NAMES | OTA_NAMES)[name])
        for result in found:
            assert always <= set(result) <= every, name
        if name != "Manifest":  # the others of its members are the server's to give
            assert set().union(*found) == every, name


def test_the_sample_program_runs_on_the_image(run):
    run((TYPED / "program.py").read_text())


def test_the_sample_program_uses_everything():
    used = {n.attr for n in ast.walk(ast.parse((TYPED / "program.py").read_text())) if isinstance(n, ast.Attribute)}
    used |= {n.name for n in ast.walk(ast.parse((TYPED / "program.py").read_text())) if isinstance(n, ast.alias)}
    for names in (CLASSES["MicroTetherDB"], CLASSES["Cursor"], CLASSES["Defaults"], OTA_CLASSES["Updater"]):
        assert {n for n in names if n[0] != "_"} <= used
    for names in (NAMES, OTA_NAMES):
        assert {n for n, node in names.items() if not only_for_types(node)} <= used


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the sample programs, and the environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("stubs")
    wheel = stubs.wheel(folder)
    target = folder / "site"
    guard.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", "--target", target, wheel],
        check=True, timeout=60,
    )  # fmt: skip
    for path in TYPED.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    return folder, dict(os.environ, PYTHONPATH=str(target))


def judge(checker, errors):
    """`errors`: (file, line, message). There must be one on every marked line and on no other."""
    marked = set()
    for path in TYPED.glob("*.py"):
        for i, line in enumerate(path.read_text().split("\n")):
            if re.search(r"# wrong$|# wrong for %s$" % checker, line):
                marked.add((path.name, i + 1))
    found = {(Path(file).name, line) for file, line, _ in errors}
    assert len(marked) > 50
    assert found == marked, (sorted(marked - found), [e for e in errors if (Path(e[0]).name, e[1]) not in marked])


def test_mypy_strict_finds_the_mistakes_and_no_others(installed):
    folder, env = installed
    cache = ROOT / "build" / "mypy-cache"
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", cache, "program.py", "mistakes.py"]
    output = guard.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120).stdout
    judge("mypy", [(f, int(n), m) for f, n, m in re.findall(r"^(\S+?):(\d+): error: (.*)", output, re.M)])


def test_pyright_finds_the_mistakes_and_no_others(installed):
    folder, env = installed
    packages.require("node")
    with lock():
        (pyright,) = fetch.fetch("pyright")
    command = ["node", pyright / "index.js", "--pythonpath", sys.executable, "--outputjson", "program.py", "mistakes.py"]
    output = json.loads(guard.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120).stdout)
    found = output["generalDiagnostics"]
    judge("pyright", [(d["file"], d["range"]["start"]["line"] + 1, d["message"]) for d in found if d["severity"] == "error"])


def test_the_wheel_is_the_same_again_whatever_the_umask(installed, tmp_path):
    old = os.umask(0o077)
    try:
        again = stubs.wheel(tmp_path)
    finally:
        os.umask(old)
    assert again.read_bytes() == (installed[0] / again.name).read_bytes()
