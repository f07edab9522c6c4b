"""Instructions per hot operation on the UNIX image, counted by valgrind's callgrind: the repeatable figure.

The image is the unstripped one under build/, whose `mp_micropython_mem_current` marks the stretches (bench/device/hot.py).
As a program: instructions.py [MEDIUM...] prints them; --profile MEDIUM STRETCH prints where one stretch's instructions go.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import guard  # noqa: E402

CALLGRIND = ("valgrind", "--tool=callgrind", "--dump-before=mp_micropython_mem_current", "--callgrind-out-file=cg")
PROGRAM = ROOT / "build" / "UNIX" / "micropython"
MEDIA = ("direct", "cached", "ram", "file")


def run(medium, folder, source=False, data="synthetic"):
    """Run hot.py under callgrind in `folder`; return [(stretch, operations)]. `source`: the library's source, not the frozen one."""
    path = [str(ROOT / "bench" / "device"), *([str(ROOT)] if source else []), ".frozen"]
    env = {"MICROPYPATH": ":".join(path), "PATH": os.environ["PATH"]}
    done = guard.run(
        [*CALLGRIND, str(PROGRAM), "-X", "heapsize=2M", str(ROOT / "bench" / "device" / "hot.py"), medium, str(data)],
        cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError("callgrind run of hot.py %s:\n%s%s" % (medium, done.stdout, done.stderr[-2000:]))
    return [(line.rpartition(" ")[0], int(line.rpartition(" ")[2])) for line in done.stdout.splitlines()]


def part(folder, i):
    """Return the path of callgrind's file on stretch `i`: part 1 ends with the first mark, and each stretch is an even one."""
    return Path(folder) / ("cg.%d" % (2 * i + 2))


def total(path):
    """Return the instructions in a callgrind file."""
    return int(re.search(r"^totals: (\d+)", path.read_text(), re.M).group(1))


def show(path, n):
    """Print which C functions the instructions of a callgrind file are spent in, for each of n operations."""
    for function, cost in sorted(self_costs(path).items(), key=lambda item: -item[1])[:25]:
        print("%8d  %s" % (cost // n, function))


def count(medium, source=False, data="synthetic"):
    """Return {stretch: instructions per operation}. `data`: "synthetic" or the path of the weather readings."""
    with tempfile.TemporaryDirectory() as folder:
        stretches = run(medium, folder, source, data)
        return {name: round(total(part(folder, i)) / n) for i, (name, n) in enumerate(stretches)}


def self_costs(path):
    """Return {function: instructions of its own} of a callgrind file (callgrind_annotate sums a part up to one line)."""
    costs, names = {}, {}
    function, skip = None, False
    for line in path.read_text().splitlines():
        match = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?", line)
        if match:
            kind, number, name = match.groups()
            if name:
                names[number] = name
            if kind == "fn":
                function = number
        elif line.startswith("calls="):
            skip = True
        elif re.match(r"[+\-*\d]", line):
            if not skip:
                costs[function] = costs.get(function, 0) + int(line.split()[1])
            skip = False
    return {names[n]: c for n, c in costs.items() if not names[n].startswith("__libc_start")}


def profile(medium, name, source=True):
    """Print which C functions one stretch spends its instructions in."""
    with tempfile.TemporaryDirectory() as folder:
        stretches = run(medium, folder, source)
        i = [s[0] for s in stretches].index(name)
        show(part(folder, i), stretches[i][1])


if __name__ == "__main__":
    if "--profile" in sys.argv:
        profile(*sys.argv[2:4])
    else:
        for medium in [a for a in sys.argv[1:] if a in MEDIA] or MEDIA:
            for name, n in count(medium, "--source" in sys.argv).items():
                print("%-8s %-20s %8d" % (medium, name, n))
