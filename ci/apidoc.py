#!/usr/bin/env python3
"""apidoc.py: write docs/api.md, the API reference, from the docstrings and the stub file of the package.

`apidoc.py --check` exits with 1 when the file is stale.
"""

import ast
import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "microtetherdb"
OUT = ROOT / "docs" / "api.md"

GROUPS = (
    ("Opening and closing", ("close", "__enter__")),
    ("Writing", ("put", "put_batch", "update", "delete", "delete_batch")),
    ("Reading", ("get", "keys", "values", "items")),
    ("Expiry", ("ttl", "expire", "cleanup")),
    ("Queries", ("query", "find", "count", "explain", "delete_many", "update_many")),
    ("Indexes", ("create_index", "drop_index", "indexes")),
    ("Durability and copies", ("flush", "check", "backup", "dump", "load")),
    ("Monitoring", ("stats",)),
)
PROTOCOL = (
    ("`key in db`", "__contains__", "whether there is such a record"),
    ("`db[key]`", "__getitem__", "its document; `KeyError` if there is none"),
    ("`db[key] = document`", "__setitem__", "as `put(key, document)`"),
    ("`del db[key]`", "__delitem__", "`KeyError` if there is none"),
    ("`len(db)`", "__len__", "number of records"),
    ("`for key in db`", "__iter__", "as `keys()`"),
    ("`with db`, `async with db`", "__enter__", "closes at the end, also after an exception"),
    ("`repr(db)`", "__repr__", "one line: name, records, operations, flush threshold"),
)


def tree(name):
    return ast.parse((PACKAGE / name).read_text())


def functions(module):
    """The functions of a module of the package (or of the class in database.py) by name."""
    body = tree(module + ".py").body
    if module == "database":
        body = next(n for n in body if isinstance(n, ast.ClassDef)).body
    return {n.name: n for n in body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}


def table():
    """`methods.py`'s table: method -> module."""
    for node in tree("methods.py").body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "_WHERE":
            return {name: module for module, names in ast.literal_eval(node.value) for name in names}
    raise SystemExit("methods.py: no table _WHERE")


def implementation(name):
    """The function that is the method `name`: (function, arguments it has before the caller's)."""
    where = table().get(name)
    if where is None:
        return functions("database")[name]
    found = functions(where)
    return found.get(name) or found[name + "_steps"]


def parameters(function):
    """[(name, default as text or None)] of the caller's arguments of a method; `*args` and `**kw` as such."""
    a = function.args
    out = []
    positional = a.posonlyargs + a.args
    first = len(positional) - len(a.defaults)
    for i, arg in enumerate(positional):
        if i:  # self, or db
            out.append((arg.arg, ast.unparse(a.defaults[i - first]) if i >= first else None))
    if a.vararg:
        out.append(("*" + a.vararg.arg, None))
    for arg, default in zip(a.kwonlyargs, a.kw_defaults):
        out.append((arg.arg, None if default is None else ast.unparse(default)))
    if a.kwarg:
        out.append(("**" + a.kwarg.arg, None))
    return out


def stubs():
    """The stub file: class -> {method: function}, and the names at its top."""
    classes, names = {}, []
    for node in tree("__init__.pyi").body:
        if isinstance(node, ast.ClassDef):
            classes[node.name] = {n.name: n for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
            names.append(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.append(node.target.id)
    return classes, names


def asynchronous(name):
    """Whether a method has a form `name_async`."""
    where = table().get(name)
    if where is None:
        return False
    found = functions(where)
    return name + "_async" in found or name + "_steps" in found


def signature(stub):
    text = ", ".join(name if default is None else "%s=%s" % (name, default) for name, default in parameters(stub))
    return "%s(%s)" % (stub.name, text), ast.unparse(stub.returns) if stub.returns else "None"


def paragraph(text):
    return inspect.cleandoc(text or "").strip()


def render():
    classes, _ = stubs()
    methods = classes["MicroTetherDB"]
    database = next(n for n in tree("database.py").body if isinstance(n, ast.ClassDef))
    lines = ["# API reference", "", "Made by `ci/apidoc.py` from the docstrings; do not edit.", ""]
    lines += ["## `MicroTetherDB`", "", "```python"]
    init = methods["__init__"]
    lines += ["MicroTetherDB("] + ["    %s=%s," % item for item in parameters(init)] + [")", "```", ""]
    lines += [paragraph(ast.get_docstring(database)), ""]
    for title, names in GROUPS:
        lines += ["### " + title, ""]
        for name in names:
            if name.startswith("__"):
                continue
            text, returns = signature(methods[name])
            lines += ["#### `%s`" % text, ""]
            lines += [
                "Returns `%s`.%s"
                % (returns, " Also as `await %s_async(...)`, which shares the event loop." % name if asynchronous(name) else ""),
                "",
            ]
            lines += [paragraph(ast.get_docstring(implementation(name))), ""]
    lines += ["### As a dictionary and a context manager", "", "| | |", "|---|---|"]
    lines += ["| %s | %s |" % (form, what) for form, _, what in PROTOCOL]
    lines += ["", "## Errors", "", "| | |", "|---|---|"]
    for node in tree("errors.py").body:
        if isinstance(node, ast.ClassDef) and node.bases:
            lines.append("| `%s` | %s |" % (node.name, paragraph(ast.get_docstring(node)).replace("\n", " ")))
    lines += ["", "## The module", ""]
    config = next(n for n in tree("config.py").body if isinstance(n, ast.ClassDef) and n.name == "Defaults")
    warning = next(n for n in tree("__init__.py").body if isinstance(n, ast.FunctionDef) and n.name == "on_warning")
    lines += ["#### `defaults`", "", paragraph(ast.get_docstring(config)), ""]
    source = next(n for n in config.body if isinstance(n, ast.FunctionDef) and n.name == "source")
    lines += ["`defaults.source(name)`: " + paragraph(ast.get_docstring(source)), ""]
    lines += ["#### `on_warning(message)`", "", paragraph(ast.get_docstring(warning)), ""]
    preload = next(n for n in tree("methods.py").body if isinstance(n, ast.FunctionDef) and n.name == "preload")
    lines += ["#### `preload(*names)`", "", paragraph(ast.get_docstring(preload)), ""]
    lines += ["#### `__version__`", "", "The release, a str.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    new = render()
    if "--check" in sys.argv:
        if not OUT.exists() or OUT.read_text() != new:
            raise SystemExit("docs/api.md is stale: run ci/apidoc.py")
    else:
        OUT.write_text(new)
