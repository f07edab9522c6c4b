#!/usr/bin/env python3
"""mip.py [FOLDER]: compile the package into dist/mip, or that folder, and write the package.json that `mpremote mip install` wants there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import fetch
import host
import packages
from common import DIST, ROOT, Failure, library_version, lock, main, micropython, replace


def make(out):
    """Write into the folder `out` package.json and the .mpy files, which fit every chip (format 6: MicroPython 1.19 and newer)."""
    packages.require("unix")
    if not micropython()[1]:
        fetch.fetch("micropython")
    cross = host.mpy_cross()
    shutil.rmtree(out, ignore_errors=True)
    urls = []
    for source in sorted((ROOT / "microtetherdb").rglob("*.py")):
        if source.name == "names.py":  # for firmware images only
            continue
        name = source.relative_to(ROOT)
        target = out / name.with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([cross, "-s", str(name), "-o", target, source], capture_output=True, text=True)
        if done.returncode:
            raise Failure("%s does not compile: %s" % (name, done.stderr.strip()))
        urls.append([str(name.with_suffix(".mpy")), str(name.with_suffix(".mpy"))])
    replace(out / "package.json", json.dumps({"urls": urls, "deps": [], "version": library_version()}, indent=1) + "\n")


def script(argv):
    out = Path(argv[0]) if argv else DIST / "mip"
    with lock():
        make(out)
    print("  mpremote mip install %s" % os.path.relpath(out / "package.json"))


if __name__ == "__main__":
    main(script)
