"""What every build runs in: environment, MicroPython's bytecode compiler, stand-in for its library."""

import os
import shutil

import fetch
from common import BUILD, JOBS, Failure, micropython, pins, replace, run, source_date

SUBMODULES = {"tinyusb": "src/tusb.h", "mbedtls": "include/mbedtls/ssl.h"}  # each with a file of it


def environment():
    """Return the environment of every build: MicroPython's own version, and the date of our last commit."""
    env = dict(os.environ, SOURCE_DATE_EPOCH=str(source_date()), LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BOARD", "PORT", "BUILD", "ARGS"):
        env.pop(name, None)
    tree, own = micropython()
    if not own or not (tree / ".git").exists():
        # Without this MicroPython would take the version from our repository around its sources.
        text = (tree / "py" / "mpconfig.h").read_text()
        numbers = [text.split("#define MICROPY_VERSION_%s " % part, 1)[1].split()[0] for part in ("MAJOR", "MINOR", "MICRO")]
        pre = "-preview" if "#define MICROPY_VERSION_PRERELEASE 1" in text else ""
        env["MICROPY_GIT_TAG"] = "v" + ".".join(numbers) + pre
        env["MICROPY_GIT_HASH"] = ""
    return env


def tree_id():
    """Return what tells one MicroPython tree from another: our pin's hash, or the path of an own one."""
    tree, own = micropython()
    return str(tree) if own else pins()["debian"]["micropython"]["sha256"]


def mpy_cross():
    """Build MicroPython's bytecode compiler; return its path."""
    tree, _ = micropython()
    folder = BUILD / "mpy-cross"
    path = folder / "mpy-cross"
    stamp = folder / ".tree"
    if not (path.exists() and stamp.exists() and stamp.read_text() == tree_id()):
        shutil.rmtree(folder, ignore_errors=True)
        run("mpy-cross", ["make", "-C", tree / "mpy-cross", "BUILD=%s" % folder, "-j" + JOBS], "mpy-cross", env=environment())
        stamp.write_text(tree_id())
    return path


def micropython_lib():
    """Return a folder that satisfies MicroPython's rules where its library is absent."""
    tree, own = micropython()
    if own and (tree / "lib" / "micropython-lib" / "README.md").exists():
        return tree / "lib" / "micropython-lib"
    folder = BUILD / "no-micropython-lib"
    replace(folder / "README.md", "Stands for micropython-lib, from which nothing is used.\n")
    return folder


def submodules(*names):
    """Link packaged libraries into our MicroPython tree; an own tree must have its submodules."""
    tree, own = micropython()
    for name in names:
        link = tree / "lib" / name
        if (link / SUBMODULES[name]).exists():
            continue
        if own:
            raise Failure("MPY_DIR has no lib/%s; run there: git submodule update --init lib/%s" % (name, name))
        source = fetch.fetch(name)[0]
        if name == "tinyusb":
            source = source / "usr" / "src" / "tinyusb"
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            link.rmdir()
        link.symlink_to(source)
