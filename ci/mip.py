#!/usr/bin/env python3
"""mip.py: compile the package into dist/mip and write the package.json that `mpremote mip install` wants there.

The package.json in the root of the repository, which lists the sources for `mip.install("github:...")`, is written too. With a
folder as argument: into that one only.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import fetch
import host
import packages
from common import DIST, ROOT, Failure, library_version, lock, main, micropython, replace


def listing(suffix):
    """Return the text of a package.json that lists the package's files, as .py or .mpy, beside it."""
    names = [str(source.relative_to(ROOT).with_suffix(suffix)) for source in sorted((ROOT / "microtetherdb").rglob("*.py"))]
    return json.dumps({"urls": [[name, name] for name in names], "deps": [], "version": library_version()}, indent=1) + "\n"


def make(out):
    """Write into the folder `out` package.json and the .mpy files, which fit every chip (format 6: MicroPython 1.19 and newer)."""
    packages.require("unix")
    if not micropython()[1]:
        fetch.fetch("micropython")
    cross = host.mpy_cross()
    shutil.rmtree(out, ignore_errors=True)
    for source in (ROOT / "microtetherdb").rglob("*.py"):
        name = source.relative_to(ROOT)
        target = out / name.with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([cross, "-s", str(name), "-o", target, source], capture_output=True, text=True)
        if done.returncode:
            raise Failure("%s does not compile: %s" % (name, done.stderr.strip()))
    replace(out / "package.json", listing(".mpy"))


def script(argv):
    out = Path(argv[0]) if argv else DIST / "mip"
    with lock():
        make(out)
        if not argv:
            replace(ROOT / "package.json", listing(".py"))
    print("  mpremote mip install %s" % os.path.relpath(out / "package.json"))


if __name__ == "__main__":
    main(script)
