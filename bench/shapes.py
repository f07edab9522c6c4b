"""Documents as people have them (bench/device/shapes.py): ratios to direct calls, in time and in instructions, beside their goals.

As a program: shapes.py [--source] [GROUP...] prints the instructions and their ratios; --profile ROW prints where one row's go.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import instructions  # noqa: E402
import measure  # noqa: E402

# row: the ratio that we set out to reach
GOALS = {
    "put, flat": 1.1,
    "put, nested object": 1.1,
    "put, list": 1.2,
    "put, four levels": 1.4,
    "put, one field": 1.7,
    "put, umlauts": 1.4,
    "put, three floats": 1.7,
    "put, flat, two tags": 3.0,
    "put, flat, TTL": 2.5,
    "put_batch, flat": 0.9,
    "put_batch, nested object": 0.9,
    "delete, 100 documents": 2.0,
    "delete, 1,000 documents": 2.0,
    "put, flat, tags, file, against in place": 2.8,
    "put, flat, TTL, file, against in place": 2.3,
    "put, TTL, region: 5,000 documents against 100": 1.4,
    "query by equality, 100 documents": 0.15,
    "query by index, 100 documents": 0.08,
    "$limit 10 met early": 1.15,
    "find(), a record, against query()": 1.5,
    "query_async against query, loop idle": 1.5,
}
GROUPS = ("puts", "extras", "batches", "deletes", "files", "regions", "queries", "finds")
COUNTING = {"instructions": True, "prepare": True, "times": False}
DEVICE = ROOT / "bench" / "device"


def _command(mode, groups, source, *prefix, program):
    path = [str(DEVICE), *([str(ROOT)] if source else []), ".frozen"]
    env = {"MICROPYPATH": ":".join(path), "PATH": os.environ["PATH"]}
    heap = "16M" if COUNTING[mode] or "regions" in groups else measure.IMAGES["UNIX"]
    return [*prefix, str(program), "-X", "heapsize=" + heap, str(DEVICE / "shapes.py"), mode, *groups], env


def _run(folder, mode, groups, source, *prefix, program):
    command, env = _command(mode, groups, source, *prefix, program=program)
    done = measure.guard.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError("shapes.py %s:\n%s%s" % (mode, done.stdout, done.stderr[-2000:]))
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [line for line in lines if line[1] != "garbage"]


def _counted(folder, groups, source):
    """Return [(row, side, number of operations, callgrind's file)]."""
    folder = Path(folder)
    if not groups or "regions" in groups:
        _run(folder, "prepare", (), source, program=measure.program("UNIX"))
    lines = _run(folder, "instructions", groups, source, *instructions.CALLGRIND, program=instructions.PROGRAM)
    return [(row, side, int(n), instructions.part(folder, i)) for i, (row, side, n, _) in enumerate(lines)]


def _paired(measured):
    found = {}
    for row, side, value in measured:
        found.setdefault(row, {})[side] = value
    return found


def count(groups=(), source=False):
    """Return {row: {"ours": instructions an operation, "direct": the same, directly}}."""
    with tempfile.TemporaryDirectory() as folder:
        counted = _counted(folder, groups, source)
        return _paired((row, side, round(instructions.total(part) / n)) for row, side, n, part in counted)


def times(groups=(), source=False):
    """Return {row: {"ours": microseconds, "direct": microseconds}}."""
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for group in groups or GROUPS:  # each on a heap of its own
            lines += _run(folder, "times", (group,), source, program=measure.program("UNIX"))
        return _paired((row, side, float(us)) for row, side, n, us in lines)


def rows(counted, timed):
    """Return the rows of `make bench`: both ratios, the goal, and whether the instructions (of files the time) miss it."""
    out = []
    for row, by in counted.items():
        t = timed.get(row, {})
        ratio = t["ours"] / t["direct"] if t else None
        goal = GOALS.get(row)
        missed = goal is not None and (ratio if t and " file" in row else by["ours"] / by["direct"]) > goal
        out.append({
            "row": row, "goal": goal, "us": t.get("ours"), "direct_us": t.get("direct"), "ratio": ratio,
            "instructions": by["ours"], "direct_instructions": by["direct"], "instruction_ratio": by["ours"] / by["direct"],
            "missed": "missed" if missed else "",
        })  # fmt: skip
    return out


def profile(row, source=True):
    """Print which C functions one row's instructions are spent in."""
    with tempfile.TemporaryDirectory() as folder:
        for found, side, n, part in _counted(folder, (), source):
            if found == row:
                print("%s, %s: %d" % (row, side, instructions.total(part) / n))
                instructions.show(part, n)


if __name__ == "__main__":
    words = [a for a in sys.argv[1:] if a != "--source"]
    if words[:1] == ["--profile"]:
        profile(words[1])
    else:
        for row, by in count(words, "--source" in sys.argv).items():
            ratio = by["ours"] / by["direct"]
            goal = GOALS.get(row)
            mark = "" if goal is None else "goal %.2f%s" % (goal, "  MISSED" if ratio > goal else "")
            print("%-48s %8d %8d %6.2f  %s" % (row, by["ours"], by["direct"], ratio, mark))
