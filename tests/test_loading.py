"""Modules are loaded flat, once, and whole, whichever thread asks first."""

import ast
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


def _imports():
    """Return {module: the modules of the package that it imports when it is loaded, in order}."""
    graph = {}
    for path in PACKAGE.glob("*.py"):
        found = []
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                found += [node.module] if node.module else [alias.name for alias in node.names]
        graph[path.stem] = found
    return graph


def test_no_import_nests_deep():
    """An import within an import takes 2 KB of stack; a thread of 20 KB must get through its first query."""
    from ast import literal_eval

    graph = _imports()
    text = (PACKAGE / "loading.py").read_text()
    first = dict(literal_eval(re.search(r"_FIRST = (\(.*?\n\))", text, re.S).group(1)))
    asks = {(p.stem, name) for p in PACKAGE.glob("*.py") for name in re.findall(r'module\("(\w+)"\)', p.read_text())}
    asks |= {("methods", name) for name in re.findall(r'^    \("(\w+)", \("', (PACKAGE / "methods.py").read_text(), re.M)}
    assert {("methods", "query"), ("query", "sort")} <= asks and set(first) <= {name for _, name in asks}

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
    for name in ("__init__", "lifecycle", "opening", "ramstore", "methods"):
        load(name, base)
    depths = {}
    for asker, name in asks:
        loaded = set(base)
        asked(asker, loaded)
        depths[asker, name] = asked(name, loaded)
    assert max(depths.values()) == 3, {k: d for k, d in depths.items() if d > 3}


def test_imports_inside_functions_take_the_lock():
    """MicroPython's own import has none."""
    for path in PACKAGE.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for node in ast.walk(function):
                    assert not (isinstance(node, ast.ImportFrom) and node.level), "%s, line %d" % (path.name, node.lineno)
