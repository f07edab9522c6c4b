#!/usr/bin/env python3
"""tools.py: make the virtual environment build/venv with the Python tools of ci/pins.toml, verified by hash."""

import hashlib
import shutil
import sys
import venv

import packages
from common import BUILD, Failure, lock, main, pins, replace, run

PYTHON = BUILD / "venv" / "bin" / "python"


def tools():
    """Make sure that the environment holds exactly the pinned tools; return its interpreter."""
    packages.require("unix")
    text = "".join("%s %s\n" % (name, " ".join("--hash=sha256:" + h for h in hashes)) for name, hashes in pins()["python"].items())
    folder = BUILD / "venv"
    stamp = folder / ".pins"
    wanted = hashlib.sha256((text + sys.version).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return PYTHON
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    requirements = BUILD / "requirements.txt"
    replace(requirements, text)
    command = [PYTHON, "-m", "pip", "install", "--no-input", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements]
    try:
        run("Python tools", [*command, "--no-cache-dir"], "tools")
    except Failure:
        log = (BUILD / "log" / "tools.log").read_text()
        if "DO NOT MATCH THE HASHES" in log:
            raise Failure("a Python tool does not have the SHA-256 of ci/pins.toml: nothing was installed; check the network, or the pin") from None
        raise Failure("the Python tools could not be installed: check the network and pip's index (build/log/tools.log)") from None
    stamp.write_text(wanted)
    return PYTHON


def script(argv):
    with lock():
        tools()


if __name__ == "__main__":
    main(script)
