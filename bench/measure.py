"""The measurements of `make bench`, each a function that returns rows (dicts). The device's part is in bench/device/."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEVICE = ROOT / "bench" / "device"
WEATHER = ROOT / "build" / "src" / "vega-datasets" / "seattle-weather.csv"
IMAGES = {"UNIX": "8M", "UNIX32": "4M"}  # image: heap, of pages enough for 5,000 documents


def program(image):
    return ROOT / "dist" / image / "micropython"


def run(image, script, *args, heap=None, timeout=300):
    """Run a script on a unix image, in a new folder, with the library frozen in it; return what it printed."""
    env = dict(os.environ, MICROPYPATH="%s:%s:.frozen" % (DEVICE, ROOT / "tests" / "device" / "lib"))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [program(image), "-X", "heapsize=" + (heap or IMAGES[image]), script, *map(str, args)],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError("%s on %s:\n%s" % (Path(script).name, image, done.stdout[-2000:]))
    return done.stdout


def rows(text, **more):
    """Return the JSON lines of a device's output."""
    return [dict(json.loads(line), **more) for line in text.splitlines() if line.startswith("{")]


def operations(image, sizes=(100, 1000, 5000), media=("ram", "file"), rounds=7):
    """Times per operation and their ratios to direct calls."""
    out = []
    for medium in media:
        for n in sizes:
            few = max(3, rounds - 2 * (n // 1000) - (2 if medium == "file" else 0))
            out += rows(run(image, DEVICE / "ops.py", n, few, medium, "synthetic"), image=image)
        if WEATHER.exists():
            out += rows(run(image, DEVICE / "ops.py", 1461, 3, medium, WEATHER), image=image)
    return out


def queries(image="UNIX"):
    """Ratios of queries to queries by hand, as bench/query_ratio.py prints them."""
    out = []
    for line in run(image, ROOT / "bench" / "query_ratio.py", 5).splitlines():
        if " ratio " in line:
            name, numbers = line[:36].strip(), line[36:].split()
            out.append({"query": name, "hits": int(numbers[0]), "by_hand_us": int(numbers[2]), "us": int(numbers[6]),
                        "ratio": float(numbers[9]), "goal": float(numbers[11].rstrip(")"))})  # fmt: skip
    return out


RAM_CASES = ("record", "ttl", "index", "file_ttl", "get", "put", "find", "query_limit")


def opened(image="UNIX32", media=("ram", "file", "region")):
    """Heap bytes of import and opening."""
    out = []
    for medium in media:
        out += rows(run(image, DEVICE / "opened.py", medium, heap="256k"), image=image)
    return out


def ram(image="UNIX32", cases=RAM_CASES):
    """Heap bytes of records and queries. The heap has 256 KB, about a Pico's."""
    out = []
    for case in cases:
        out += rows(run(image, DEVICE / "ram.py", case, heap="256k"), image=image)
    return out


def flash():
    """Counts on the simulated NOR flash."""
    return rows(run("UNIX", ROOT / "bench" / "flash_counts.py", heap="32M", timeout=600))


PROGRAM_MS, ERASE_MS = 0.4, 45  # W25Q16JV, typical: page program 256 bytes, sector erase 4 KB


def modelled(row):
    """Milliseconds of flash time per put on a Pico."""
    return row["programs"] * PROGRAM_MS + row["erases"] * ERASE_MS


def latency(image="UNIX", n=500):
    out = []
    for medium in ("ram", "file", "region"):
        out += rows(run(image, DEVICE / "latency.py", medium, n), image=image)
    return out


def alternatives(image="UNIX", n=500):
    return rows(run(image, DEVICE / "alternatives.py", n), image=image)


def sizes():
    """Code size of each image that is built."""
    out = {}
    for path in sorted((ROOT / "dist").glob("*/size.json")):
        out[path.parent.name] = json.loads(path.read_text())
    return out


def pico():
    """Times, RAM and stalls on the emulated RPI_PICO; its clock is the chip's, 125 MHz."""
    sys.path.insert(0, str(ROOT / "tests"))
    import emulator

    out = []
    modules = {"lib/docs.py": (DEVICE / "docs.py").read_bytes()}
    for script, args in (("ops.py", "60 1 ram synthetic"), ("latency.py", "ram 24"), ("latency.py", "region 24")):
        # this image has no sys.argv
        code = "import sys\nsys.path.append('/lib')\n" + (DEVICE / script).read_text().replace("sys.argv", "%r.split()" % ("x " + args))
        with tempfile.TemporaryDirectory() as folder:
            out += rows(emulator.run(code, Path(folder) / "flash.bin", files=modules, timeout=400), image="RPI_PICO")
    return out
