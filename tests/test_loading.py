"""Modules are loaded flat, once, and whole, whichever thread asks first."""

import ast
import graphlib
import re

import guard
import pytest
from conftest import PROGRAMS, ROOT

PACKAGE = ROOT / "microtetherdb"

FIRST_CALLS = """
import _thread, sys, time
from microtetherdb import MicroTetherDB
db = MicroTetherDB(%s)
go = []
out = []
def run(f):
    while not go:
        pass
    try:
        f()
        out.append(None)
    except Exception as e:
        sys.print_exception(e)
        out.append(e)
def write():
    a, b = db.put_batch([{"n": 1}, {"n": [2]}], tags=["x"])
    db.update(a, {"$inc": {"n": 1}}); db.put("t", 1, ttl=60); db.ttl("t"); db.update(b, {"$push": {"n": 1}}); db.check()
def ask():
    db.query({"n": {"$gt": 1}}, sort="n", limit=1); db.query({"s": {"$regex": "a+"}}); db.create_index("n"); db.explain({"n": 1})
def other():
    db.stats(); list(db.items("a")); len(db); db.delete_many({"none": 1}); list(db.find({"n": {"$elemMatch": {"a": 1}}}, sort="n"))
work = (write, ask, other)
for f in work[:%d] + work[%d:]:
    _thread.start_new_thread(run, (f,))
time.sleep_ms(5)
go.append(1)
while len(out) < 2:
    time.sleep_ms(1)
print(out)
"""


@pytest.mark.parametrize("board", ["unix", "unix32"])
def test_first_calls_in_two_threads(tmp_path, board):
    """Fresh processes, since each loads once: of 300, up to 7 failed before loading had a lock."""
    script = tmp_path / "first.py"
    for i in range(60):
        without = i % 3  # of the three kinds of calls
        script.write_text(FIRST_CALLS % ("" if i % 2 else "'%s/t%d.db', in_memory=False" % (tmp_path, i), without, without + 1))
        done = guard.run([str(PROGRAMS[board]), "-X", "heapsize=8m", str(script)], capture_output=True, text=True, timeout=20)
        assert done.stdout == "[None, None]\n" and not done.returncode, (i, done)


def _modules():
    """Return {module, dotted below the package: its path}; a package's own file is the package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.replace(".__init__", "")] = path
    return found


MODULES = _modules()


def _named(node, inside):
    """Return the modules that one relative import names, seen from the package `inside`."""
    base = inside if node.level == 1 else ""
    source = ".".join(filter(None, (base, node.module)))
    if source in MODULES and MODULES[source].name != "__init__.py":
        return [source]
    return [".".join(filter(None, (source, alias.name))) for alias in node.names]


def _imports(path, everywhere=False):
    """Return the modules that a file imports when it is loaded, in order, or `everywhere` in it."""
    inside = ".".join(path.parent.relative_to(PACKAGE).parts)
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else tree.body
    return [name for n in nodes if isinstance(n, ast.ImportFrom) and n.level for name in _named(n, inside)]


def _absolute(path):
    """Return the absolute names below the package that a file imports, the package's own aside: "microtetherdb.x"."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            names += [ast.unparse(node.args[0]).strip("'\"")]
    return [name for name in names if name.startswith("microtetherdb.")]


def _asks(path):
    """Return the modules that a file loads at run time."""
    text = path.read_text()
    found = re.findall(r'module\("([\w.]+)"\)', text)
    if path.name == "methods.py":
        found += re.findall(r'^    \("([\w.]+)", \("', text, re.M)
    return found


def test_no_import_nests_deep():
    """An import within an import takes 2 KB of stack; a thread of 20 KB must get through its first query."""
    graph = {name: _imports(path) for name, path in MODULES.items()}
    text = (PACKAGE / "loading.py").read_text()
    first = dict(ast.literal_eval(re.search(r"_FIRST = (\(.*?\n\))", text, re.S).group(1)))
    asks = {(name, asked) for name, path in MODULES.items() for asked in _asks(path)}
    assert {("methods", "query.run"), ("query.run", "query.sort")} <= asks and set(first) <= {name for _, name in asks}
    assert {name for _, name in asks} <= set(MODULES)

    def load(name, loaded):
        """Depth of the imports that are going on at once at most when `name` is loaded."""
        if name in loaded:
            return 0
        loaded.add(name)
        return 1 + max((load(n, loaded) for n in graph[name]), default=0)

    def asked(name, loaded):
        deepest = max([asked(n, loaded) for n in first.get(name, "").split()], default=0)
        return max(deepest, load(name, loaded))

    base = set()
    for name in ("__init__", "opening", "upkeep", "storage.ram_store", "methods"):
        load(name, base)
    depths = {}
    for asker, name in asks:
        loaded = set(base)
        asked(asker, loaded)
        depths[asker, name] = asked(name, loaded)
    assert max(depths.values()) == 3, {k: d for k, d in depths.items() if d > 3}


def test_imports_inside_functions_take_the_lock():
    """MicroPython's own import has none."""
    for name, path in MODULES.items():
        if not name.startswith("ota"):
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    for node in ast.walk(function):
                        assert not (isinstance(node, ast.ImportFrom) and node.level), "%s, line %d" % (name, node.lineno)


def test_every_import_goes_down():
    """docs/architecture.md lists the floors of the house; none asks for what is above it, and no two for each other."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    floors = {}
    for i, line in enumerate(re.search(r"```floors\n(.*?)```", text, re.S).group(1).splitlines()):
        for name in line.split():
            assert name not in floors, name
            floors[name] = i
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py" and name != "__init__"}

    def floor(name):
        package = name.split(".")[0]
        return floors[package if package in packages else name]

    assert set(floors) == {name.split(".")[0] for name in MODULES}
    graph = {}
    for name, path in MODULES.items():
        graph[name] = set(_imports(path, True)) | set(_asks(path))
        assert graph[name] <= set(MODULES), "%s asks for what is no module: %s" % (name, graph[name] - set(MODULES))
        assert not _absolute(path), "%s: imports of the package are relative, or by loading.module" % name
        # What is loaded at run time is named where it is: "loading" itself and the methods' table aside.
        calls = len(re.findall(r"\bmodule\(", path.read_text())) if name not in ("loading", "methods") else len(_asks(path))
        assert calls == len(_asks(path)) or name == "__init__", name
        # The one way up: what a user's function in the package's root is told.
        ups = re.findall(r"^ *(?:import microtetherdb|from microtetherdb import .*)$", path.read_text(), re.M)
        if name.split(".")[0] != "ota" and name != "__init__":
            assert len(ups) == path.read_text().count("microtetherdb.on_warning("), name
        for other in graph[name]:
            assert floor(other) >= floor(name), "%s asks for %s, which is above it" % (name, other)

    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError
