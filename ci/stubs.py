#!/usr/bin/env python3
"""stubs.py: write the wheel microtetherdb-stubs into dist/, which tells mypy, pyright and editors the package's types (PEP 561).

Equal commits give equal bytes.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import tools
from common import DIST, ROOT, Failure, library_version, lock, main, replace, source_date

PACKAGE = "microtetherdb-stubs"
PROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "%s"
version = "%s"
description = "Types of MicroTetherDB, a document database for microcontrollers"
license = "%s"
license-files = ["LICENSE"]
requires-python = ">=3.9"

[tool.setuptools]
packages = %s

[tool.setuptools.package-data]
"*" = ["*.pyi"]
"""
BUILD = "import sys, setuptools.build_meta as b; print(b.build_wheel(sys.argv[1]))"


def wheel(dist=DIST):
    """Write the wheel into `dist`, instead of an older one; return its path."""
    source = ROOT / "microtetherdb"
    licence = "MIT" if (ROOT / "LICENSE").read_text().startswith("MIT License") else "LicenseRef-LICENSE"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        packages = []
        for path in sorted(source.rglob("*.pyi")):
            to = folder / PACKAGE / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            packages.append(".".join(to.parent.relative_to(folder).parts))
        shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
        (folder / "pyproject.toml").write_text(PROJECT % (PACKAGE, library_version(), licence, sorted(set(packages))))
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # which the wheel keeps
        done = subprocess.run(
            [tools.PYTHON, "-c", BUILD, folder / "out"], cwd=folder, umask=0o022, capture_output=True, text=True,
            env=dict(os.environ, SOURCE_DATE_EPOCH=str(max(source_date(), 315532800)), PYTHONDONTWRITEBYTECODE="1"),
        )  # fmt: skip
        if done.returncode:
            raise Failure("the wheel of the stubs cannot be built: " + (done.stderr.strip().splitlines() or ["?"])[-1])
        made = folder / "out" / done.stdout.split()[-1]
        for old in dist.glob("microtetherdb_stubs-*.whl"):
            if old.name != made.name:
                old.unlink()
        replace(dist / made.name, made.read_bytes())
    return dist / made.name


def script(argv):
    with lock():
        tools.tools()
        path = wheel()
    print("  pip install %s" % path.relative_to(ROOT))


if __name__ == "__main__":
    main(script)
