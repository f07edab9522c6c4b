"""What the scripts of this folder share: paths, quiet progress with logs, and one-sentence failures."""

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
DIST = ROOT / "dist"
BOARDS = ROOT / "boards"
JOBS = str(os.cpu_count() or 2)


class Failure(Exception):
    """What the user reads: one sentence that says what to do."""


def main(function):
    """Run a script's `function(argv)`; show a Failure as one line and exit with status 1."""
    try:
        sys.exit(function(sys.argv[1:]))
    except Failure as e:
        print("error: %s" % e, file=sys.stderr)
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
    except OSError as e:
        if e.errno != 28:
            raise
        print("error: the disk is full; free some space (make distclean removes everything built) and run it again", file=sys.stderr)
    sys.exit(1)


def pins():
    """Return ci/pins.toml, or the file that MTDB_PINS names."""
    with open(os.environ.get("MTDB_PINS") or ROOT / "ci" / "pins.toml", "rb") as f:
        return tomllib.load(f)


def library_version():
    """Return `microtetherdb.__version__`, whose only source is the package."""
    text = (ROOT / "microtetherdb" / "__init__.py").read_text()
    return re.search(r'^__version__ = "([^"]+)"', text, re.M).group(1)


def source_date():
    """Return the time of the last commit as Unix seconds, so that equal sources give equal images."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    git = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return int(git.stdout) if git.returncode == 0 and git.stdout.strip() else int(time.time())


def board(name):
    """Return a board's board.json; Failure with the list of boards for a name that is none."""
    path = BOARDS / (name or "-") / "board.json"
    if not path.is_file():
        known = " ".join(sorted(p.parent.name for p in BOARDS.glob("*/board.json")))
        raise Failure("there is no board %r; use BOARD= with one of: %s" % (name or "", known))
    return json.loads(path.read_text())


def micropython():
    """Return (source tree, True when it is the user's own)."""
    own = os.environ.get("MPY_DIR")
    if not own:
        return BUILD / "src" / "micropython", False
    path = Path(own).resolve()
    if not (path / "py" / "mpconfig.h").is_file():
        raise Failure("MPY_DIR=%s is not a MicroPython source tree (no py/mpconfig.h)" % own)
    return path, True


def run(what, command, log, **kw):
    """Run a command with its output in build/log/<log>.log; show the end of that when it fails."""
    path = BUILD / "log" / (log + ".log")
    path.parent.mkdir(parents=True, exist_ok=True)
    start = time.time()
    print("  %s ..." % what, end="", flush=True)
    try:
        with open(path, "wb") as f:
            f.write(("$ %s\n" % " ".join(map(str, command))).encode())
            f.flush()
            status = subprocess.call(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=f, stderr=f, **kw)
    except FileNotFoundError:
        print()
        raise Failure("the program %s is not installed" % command[0]) from None
    print(" %.0f s" % (time.time() - start) if status == 0 else " failed", flush=True)
    if status:
        lines = path.read_text(errors="replace").splitlines()
        print("\n".join("    " + line[:240] for line in lines[-25:]), file=sys.stderr)
        if any("No space left on device" in line for line in lines):
            raise OSError(28, "No space left on device")
        raise Failure("%s failed; the whole log is %s" % (what, path.relative_to(ROOT)))


@contextlib.contextmanager
def lock():
    """One build at a time in this tree."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / ".lock", "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  waiting for another build in this folder ...", flush=True)
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def replace(path, data):
    """Write a file whole or not at all; keep it untouched when it already says the same."""
    data = data.encode() if isinstance(data, str) else data
    path = Path(path)
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + "~")
    new.write_bytes(data)
    os.replace(new, path)
    return True
