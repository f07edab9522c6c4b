#!/usr/bin/env python3
"""apidoc.py: write docs/api.md, the API reference, from the docstrings and the stub files of the package, and copy the docstrings
into the stub files, for editors.

`apidoc.py --check` exits with 1 when a file is stale.
"""

import ast
import inspect
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "microtetherdb"
OUT = ROOT / "docs" / "api.md"
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)

GROUPS = (
    ("Opening and closing", ("close", "__enter__")),
    ("Writing", ("put", "put_batch", "update", "delete", "delete_batch")),
    ("Reading", ("get", "keys", "values", "items")),
    ("Expiry", ("ttl", "expire", "cleanup")),
    ("Queries", ("query", "find", "count", "aggregate", "explain", "distinct", "delete_many", "update_many")),
    ("Collections", ("collection", "collections")),
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
    """The syntax tree of a file of the package."""
    return ast.parse((PACKAGE / name).read_text())


def functions(module):
    """The functions of a module of the package (or of the class in database.py) by name."""
    if module == "database":
        return methods(definition("MicroTetherDB"))
    return methods(tree(module.replace(".", "/") + ".py"))


def methods(node):
    """The functions of a class or a module by name."""
    return {n.name: n for n in node.body if isinstance(n, FUNCTION)}


def definition(name, folder=PACKAGE):
    """The class `name` of the package's code, or None."""
    for path in sorted(folder.rglob("*.py"), key=lambda p: len(p.parts)):
        text = path.read_text()
        if "\nclass " + name in text:
            for node in ast.parse(text).body:
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return node
    return None


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


def parameters(function, first=1):
    """[(name, default as text or None)] of the caller's arguments, without `self` or `db`; `*args` and `**kw` as such."""
    a = function.args
    positional = a.posonlyargs + a.args
    defaults = [None] * (len(positional) - len(a.defaults)) + a.defaults
    out = [(arg.arg, default) for arg, default in zip(positional, defaults)][first:]
    if a.vararg:
        out.append(("*" + a.vararg.arg, None))
    out += [(arg.arg, default) for arg, default in zip(a.kwonlyargs, a.kw_defaults)]
    if a.kwarg:
        out.append(("**" + a.kwarg.arg, None))
    return [(name, default and ast.unparse(default).replace("'", '"')) for name, default in out]


def stubs(name="__init__.pyi"):
    """A stub file: class -> {method: [its function, or overloads of it]}, and the names at its top -> their nodes."""
    classes, names = {}, {}
    for node in tree(name).body:
        if isinstance(node, ast.ClassDef):
            classes[node.name] = found = {}
            for n in node.body:
                if isinstance(n, FUNCTION):
                    found.setdefault(n.name, []).append(n)
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
        elif isinstance(node, FUNCTION):
            names[node.name] = node
    return classes, names


def asynchronous(name):
    """Whether a method has a form `name_async`."""
    where = table().get(name)
    if where is None:
        return False
    found = functions(where)
    return name + "_async" in table() or name + "_async" in found or name + "_steps" in found


def forms(overloads, first=1):
    """The forms of a method, or of a function (`first` 0), as text. Of overloads that take the same arguments, the last."""
    found = {}
    for f in overloads:
        fixed = {a.arg: ast.unparse(a.annotation)[8:-1] for a in f.args.kwonlyargs if ast.unparse(a.annotation).startswith("Literal[")}
        arguments = [(name, default or fixed.get(name)) for name, default in parameters(f, first)]
        text = ", ".join(name if default is None else "%s=%s" % (name, default) for name, default in arguments)
        found[frozenset(name for name, _ in arguments)] = "%s(%s)" % (f.name, text)
    return list(found.values())


def entry(overloads, text, more="", level="####", first=1):
    """The lines of the reference on a method or function."""
    returns = overloads[-1].returns
    waits = "Awaited, returns" if isinstance(overloads[-1], ast.AsyncFunctionDef) else "Returns"
    return [
        "%s %s" % (level, ", ".join("`%s`" % f for f in forms(overloads, first))),
        "",
        "%s `%s`.%s" % (waits, ast.unparse(returns), more),
        "",
        paragraph(text),
        "",
    ]


def paragraph(text):
    return inspect.cleandoc(text or "").strip()


def wrapped(lines):
    """Lines of Markdown with paragraphs and list items wrapped at 100 columns; code, tables and headings as they are."""
    out, block, code = [], [], False
    for line in [*"\n".join(lines).split("\n"), ""]:
        fence = line.startswith("```")
        if code or fence or not line or line[0] in "#|" or line.startswith("- "):
            text = " ".join(block)
            indent = "  " if text.startswith("- ") else ""
            out += textwrap.wrap(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            block = []
        if code or fence or not line or line[0] in "#|":
            out.append(line)
            code ^= fence
        else:
            block.append(line.strip())
    return out[:-1]


def render():
    classes, names = stubs()
    found = classes["MicroTetherDB"]
    database = definition("MicroTetherDB")
    lines = ["# API reference", "", "Made by `ci/apidoc.py` from the docstrings; do not edit.", ""]
    lines += ["## `MicroTetherDB`", "", "```python"]
    (init,) = found["__init__"]
    lines += ["MicroTetherDB("] + ["    %s=%s," % item for item in parameters(init)] + [")", "```", ""]
    lines += [paragraph(ast.get_docstring(database)), ""]
    for title, members in GROUPS:
        lines += ["### " + title, ""]
        for name in members:
            if name.startswith("__"):
                continue
            more = " Also as `await %s_async(...)`, which shares the event loop." % name if asynchronous(name) else ""
            lines += entry(found[name], ast.get_docstring(implementation(name)), more)
    lines += ["### As a dictionary and a context manager", "", "| | |", "|---|---|"]
    lines += ["| %s | %s |" % (form, what) for form, _, what in PROTOCOL]
    cursor = definition("Cursor")
    lines += ["", "## `Cursor`", "", paragraph(ast.get_docstring(cursor)), ""]
    lines += entry(classes["Cursor"]["close"], ast.get_docstring(methods(cursor)["close"]))
    lines += ["## Errors", ""] + errors(names)
    lines += ["", "## The module", ""]
    config = definition("Defaults")
    warning = functions("__init__")["on_warning"]
    lines += ["#### `defaults`", "", paragraph(ast.get_docstring(config)), ""]
    source = methods(config)["source"]
    lines += ["`defaults.source(name)`: " + paragraph(ast.get_docstring(source)), ""]
    lines += ["#### `on_warning(message)`", "", paragraph(ast.get_docstring(warning)), ""]
    lines += ["#### `preload(*names)`", "", paragraph(ast.get_docstring(functions("methods")["preload"])), ""]
    lines += ["#### `__version__`", "", "The release, a str.", ""]
    lines += updates()
    return "\n".join(wrapped(lines))


def errors(names):
    """The table of the errors among the names of a stub file."""
    rows = [n for n in names if n != "MicroTetherDB" and definition(n) and definition(n).bases]
    return ["| | |", "|---|---|"] + ["| `%s` | %s |" % (n, paragraph(ast.get_docstring(definition(n))).replace("\n", " ")) for n in rows]


def updates():
    """The lines on `microtetherdb.ota`."""
    classes, names = stubs("ota/__init__.pyi")
    updater = definition("Updater")
    found = classes["Updater"]
    arguments = parameters(found["__init__"][0])[:-1] + [(n, d) for n, d in parameters(methods(definition("Source"))["__init__"]) if d]
    lines = ["## `microtetherdb.ota`", "", "[update.md](update.md) tells how to use it.", ""]
    lines += ["#### `Updater(%s)`" % ", ".join("%s=%s" % a for a in arguments if a[0] != "offset"), ""]
    lines += [paragraph(ast.get_docstring(updater)), ""]
    for name in found:
        if not name.startswith("_"):
            lines += entry(found[name], ast.get_docstring(methods(updater)[name]), level="#####")
    for name, function in functions("ota/__init__").items():
        lines += entry([names[name]], ast.get_docstring(function), first=0)
    lines += ["#### Errors", ""] + errors(names)
    return lines + [""]


def told(stub, cls, name):
    """The docstring that the code has for a name in a stub file, or None: `name` in the class `cls`, or in the module."""
    if cls == "MicroTetherDB":
        if name.endswith("_async"):
            return "As `%s`, sharing the event loop." % name[: -len("_async")]
        return None if name.startswith("_") else ast.get_docstring(implementation(name))
    if cls:
        code = definition(cls)
        node = code and methods(code).get(name)
    else:
        node = definition(name) or functions("ota/__init__" if stub.startswith("ota/") else "methods").get(name)
    return node and ast.get_docstring(node)


def documented(stub):
    """The text of a stub file with the docstrings of the code, still to be formatted."""
    lines = (PACKAGE / stub).read_text().split("\n")
    todo = []
    for node in tree(stub).body:
        if isinstance(node, ast.ClassDef) and node.bases and ast.unparse(node.bases[0]) in ("TypedDict", "Protocol", "SourceOptions"):
            continue  # not in the code
        if isinstance(node, (ast.ClassDef, *FUNCTION)):
            todo.append((node, None))
        if isinstance(node, ast.ClassDef):
            firsts = {}
            for n in node.body:
                if isinstance(n, FUNCTION):
                    firsts.setdefault(n.name, n)  # the first of several overloads
            todo += [(n, node.name) for n in firsts.values()]
    for node, cls in sorted(todo, key=lambda item: -item[0].lineno):
        text = told(stub, cls, node.name)
        if text:
            _insert(lines, node, text)
    return "\n".join(lines)


def _insert(lines, node, text):
    # Put the docstring into the lines: instead of the one that is there, of `...`, or before the first member.
    indent = " " * (node.col_offset + 4)
    body = node.body[0]
    text = text.replace("\\", "\\\\")
    new = [(indent + line).rstrip() for line in ('"""%s%s"""' % (text, "\n" if "\n" in text else "")).split("\n")]
    first, last = body.lineno - 1, body.end_lineno
    if not isinstance(body, ast.Expr):
        first = last = min([body.lineno, *(d.lineno for d in getattr(body, "decorator_list", ()))]) - 1
        new.append("")
    elif body.value.value is ... and lines[first][: body.col_offset].strip():
        new.insert(0, lines[first][: body.col_offset].rstrip())
    lines[first:last] = new


STUBS = ("__init__.pyi", "ota/__init__.pyi")


def stale():
    """The files that are not what the code says."""
    out = [] if OUT.exists() and OUT.read_text() == render() else [OUT]
    return out + [PACKAGE / s for s in STUBS if ast.dump(ast.parse(documented(s))) != ast.dump(tree(s))]


if __name__ == "__main__":
    old = stale()
    if "--check" in sys.argv:
        if old:
            raise SystemExit("stale: %s; run ci/apidoc.py" % ", ".join(str(p.relative_to(ROOT)) for p in old))
    else:
        for path in old:
            path.write_text(render() if path == OUT else documented(path.relative_to(PACKAGE).as_posix()))
            if path != OUT:
                print("%s: written; format it with ruff" % path.relative_to(ROOT))
