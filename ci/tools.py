#!/usr/bin/env python3
"""tools.py: make the virtual environment build/venv with the Python tools of ci/pins.toml, verified by hash."""

import hashlib
import shutil
import sys
import venv

import packages
from common import BUILD, Failure, lock, main, pins, replace, run

PYTHON = BUILD / "venv" / "bin" / "python"


def install(what, name, text, *options):
    """Install requirements into the environment: nothing but these, each with its hash."""
    requirements = BUILD / (name + ".txt")
    replace(requirements, text)
    command = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--no-input",
        "--no-cache-dir",
        "--no-deps",
        "--require-hashes",
        *options,
        "-r",
        requirements,
    ]
    try:
        run(what, command, name)
    except Failure:
        if "DO NOT MATCH THE HASHES" in (BUILD / "log" / (name + ".log")).read_text():
            raise Failure(
                "a Python tool does not have the SHA-256 of ci/pins.toml: it was not installed; check the network, or the pin"
            ) from None
        raise Failure("the Python tools could not be installed: check the network and pip's index (build/log/%s.log)" % name) from None


def tools():
    """Make sure that the environment holds exactly the pinned tools; return its interpreter."""
    packages.require("unix")
    wheels, sources = [
        "".join("%s %s\n" % (name, " ".join("--hash=sha256:" + h for h in hashes)) for name, hashes in pins()[table].items())
        for table in ("python", "python-source")
    ]
    folder = BUILD / "venv"
    stamp = folder / ".pins"
    wanted = hashlib.sha256((wheels + sources + sys.version).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return PYTHON
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    install("Python tools", "tools", wheels, "--only-binary=:all:")
    install("Python tools from source", "tools-source", sources, "--no-binary=:all:", "--no-build-isolation")
    stamp.write_text(wanted)
    return PYTHON


def script(argv):
    with lock():
        tools()


if __name__ == "__main__":
    main(script)
