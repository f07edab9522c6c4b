#!/usr/bin/env python3
"""Make the golden files of a format version: `tests/golden/make.py VERSION` with the UNIX image; existing ones are not touched."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

folder = HERE / sys.argv[1]
for pagesize in (512, 1024):
    out = folder / str(pagesize)
    if out.exists():
        print(out, "exists")
        continue
    out.mkdir(parents=True)
    path = ":".join([*os.environ.get("MTDB_SOURCE", "").split(), ".frozen", str(ROOT / "tests" / "device" / "lib")])
    subprocess.run(
        [ROOT / "dist" / "UNIX" / "micropython", "-X", "heapsize=16M", HERE / "content.py", "make", out, str(pagesize)], check=True, env=dict(os.environ, MICROPYPATH=path)
    )  # fmt: skip
