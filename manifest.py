# The library and what it needs, for every image. Boards include this from their own manifest;
# `without` leaves files of the package out: include("../../manifest.py", without=("ota/slot_file.py",)).
# `opt=3`, as for MicroPython's own asyncio, leaves out line numbers (10 KB of flash): tracebacks name functions only.
import os
import re

options.defaults(without=(), opt=None)

with open("microtetherdb/__init__.py") as f:
    metadata(
        description="Document database for microcontrollers",
        version=re.search(r'^__version__ = "([^"]+)"', f.read(), re.M).group(1),
        license="MIT",
    )

files = [
    os.path.relpath(os.path.join(folder, name), "microtetherdb")
    for folder, _, names in os.walk("microtetherdb")
    for name in names
    if name.endswith(".py")
]
package("microtetherdb", files=sorted(set(files) - set(options.without)), opt=options.opt)
include("$(MPY_DIR)/extmod/asyncio")
