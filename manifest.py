# The library and what it needs, for every image. Boards include this from their own manifest;
# `without` leaves files of the package out, or all of a group below: include("../../manifest.py", without=("collections", "ota/slot_file.py")).
# `opt=3`, as for MicroPython's own asyncio, leaves out line numbers (10 KB of flash): tracebacks name functions only.
import ast
import os

options.defaults(without=(), opt=None)

# No version here: MicroPython would append it to each file, which costs RAM in each module.
metadata(description="Document database for microcontrollers", license="MIT")

# What is left out by one word. The rest of the library works without; what needs them raises ImportError.
GROUPS = {
    "collections": (
        "parts.py", "collection/__init__.py", "collection/bulk.py", "collection/collection.py", "collection/writing.py",
    ),
    "aggregation": (
        "query/aggregate.py", "query/date_trunc.py", "query/expression.py", "query/functions.py", "query/group.py",
        "query/reshape.py", "query/values.py",
    ),
}  # fmt: skip

without = set()
for word in (options.without,) if isinstance(options.without, str) else options.without:
    without.update(GROUPS.get(word, (word,)))

files = sorted(
    os.path.relpath(os.path.join(folder, name), "microtetherdb")
    for folder, _, names in os.walk("microtetherdb")
    for name in names
    if name.endswith(".py")
)
missing = without - set(files)
if missing:
    raise ValueError("manifest.py: without: no such file in the package: " + ", ".join(sorted(missing)))


def is_code(name):
    """Return whether the file is more than a package's docstring: a folder without __init__.py is a package too (RAM and flash)."""
    return not name.endswith("/__init__.py") or len(ast.parse(open(os.path.join("microtetherdb", name)).read()).body) > 1


files = [name for name in files if name not in without]
package("microtetherdb", files=[name for name in files if is_code(name)], opt=options.opt)

# MicroPython enters the full name of each module that it loads in its table of names, in RAM (1.1 KB), unless the firmware
# has it there: this module, which nobody loads, brings them along. Of rarely loaded ones they stay out: 40 bytes of flash each.
rare = (
    "backup", "check", "collection/bulk", "jsonlines", "ota/", "query/array_fields", "query/explain", "query/nearest", "query/reshape",
    "stats", "update/positional",
)  # fmt: skip
names = os.path.join("build", "manifest")
os.makedirs(os.path.join(names, "microtetherdb"), exist_ok=True)
modules = [name[:-3].replace("/", ".").replace(".__init__", "") for name in files if name != "__init__.py" and not name.startswith(rare)]
text = "".join("import microtetherdb.%s\n" % name for name in modules)
path = os.path.join(names, "microtetherdb", "names.py")
if not os.path.exists(path) or open(path).read() != text:
    with open(path, "w") as f:
        f.write(text)
package("microtetherdb", files=["names.py"], base_path=names, opt=options.opt)

include("$(MPY_DIR)/extmod/asyncio")
