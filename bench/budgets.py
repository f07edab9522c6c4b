"""The figures that bench/budgets.json limits: measured now. As a program: prints them beside the budgets; --write sets the budgets."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import instructions
import measure
import shapes

PATH = Path(__file__).resolve().parent / "budgets.json"
FLASH = """
import sys
sys.path.insert(0, %r)
import flash_counts
for medium in ("region", "file"):
    flash_counts.measure(medium, 1000, 1 if medium == "region" else None)
"""


def ram():
    """Heap bytes on 32 bits."""
    return {
        "ram: " + row["case"]: row["bytes"] for row in measure.opened() + measure.ram(cases=("record", "ttl", "index", "file_ttl", "find"))
    }


def largest():
    """The largest single allocation on 32 bits, of some operations."""
    return {"largest: %s, %s" % (row["case"], row["medium"]): row["bytes"] for row in measure.largest(cases=measure.LARGEST_BUDGET)}


def code():
    """Bytes of flash in the RPI_PICO image; nothing where it is not built."""
    found = measure.sizes().get("RPI_PICO", {})
    return {"code: RPI_PICO " + key: found[key] for key in ("frozen_library", "btree", "text") if key in found}


def flash():
    """Counts per put on the simulated NOR flash, 1,000 documents: each put durable in a region, default rhythm in a file."""
    path = measure.ROOT / "build" / "budget_flash.py"
    path.write_text(FLASH % str(measure.ROOT / "bench"))
    out = {}
    for row in measure.rows(measure.run("UNIX", path, heap="16M")):
        for key in ("erases", "programs", "pages_per_get", "opening_read"):
            out["flash: %s %s" % (row["medium"], key)] = round(row[key], 3)
    return out


def instruction_counts():
    """Instructions per operation in RAM and on a file."""
    return {"instructions: %s %s" % (medium, name): n for medium in ("ram", "file") for name, n in instructions.count(medium).items()}


def m33():
    """Thousands of instructions an operation takes on a Cortex-M33 (QEMU_M33), which repeat exactly; nothing where it is not built."""
    return {"m33: " + name: value for name, value in measure.costs("QEMU_M33").items()}


def shape_ratios():
    """Instructions of calls with documents of many shapes, as ratios to direct calls; those in a region, the longest run, nightly."""
    groups = [g for g in shapes.GROUPS if g != "regions" or os.environ.get("MTDB_NIGHTLY") == "1" or __name__ == "__main__"]
    return {"shapes: " + row: round(by["ours"] / by["direct"], 3) for row, by in shapes.count(groups).items()}


MEASURES = {
    "ram": ram,
    "largest": largest,
    "code": code,
    "flash": flash,
    "instructions": instruction_counts,
    "m33": m33,
    "shapes": shape_ratios,
}


def measured():
    out = {}
    for function in MEASURES.values():
        out.update(function())
    return out


def load():
    return json.loads(PATH.read_text())


def over(budgets, found):
    """Return a line for each figure above its budget and tolerance; a figure without a budget counts too."""
    lines = []
    for name, value in found.items():
        group = name.partition(":")[0]
        limit = budgets["budgets"].get(name)
        tolerance = budgets["tolerance"][group]
        if limit is None:
            lines.append("%s: %s, no budget" % (name, value))
        elif value > limit * (1 + tolerance):
            lines.append("%s: %s, budget %s + %d %%" % (name, value, limit, tolerance * 100))
    return lines


if __name__ == "__main__":
    found = measured()
    budgets = (
        load()
        if PATH.exists()
        else {
            "tolerance": {"ram": 0.1, "largest": 0.25, "code": 0.02, "flash": 0.05, "instructions": 0.2, "m33": 0.03, "shapes": 0.1},
            "budgets": {},
        }
    )
    for name, value in found.items():
        print("%-50s %10s  budget %s" % (name, value, budgets["budgets"].get(name)))
    if "--write" in sys.argv:
        budgets["budgets"] = found
        PATH.write_text(json.dumps(budgets, indent=1) + "\n")
