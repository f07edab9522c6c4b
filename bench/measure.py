"""The measurements of `make bench`, each a function that returns rows (dicts). The device's part is in bench/device/."""

import concurrent.futures
import functools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import guard  # noqa: E402

DEVICE = ROOT / "bench" / "device"
WEATHER = ROOT / "build" / "src" / "vega-datasets" / "seattle-weather.csv"
INSTALLED = {
    "installed-" + name: ROOT / "build" / "src" / name for name in ("microdbx", "chumicro-kvstore", "chumicro-msgpack")
}  # alternatives
IMAGES = {"UNIX": "8M", "UNIX32": "4M"}  # image: heap, of pages enough for 5,000 documents


def program(image):
    return ROOT / "dist" / image / "micropython"


@functools.cache
def fixed_addresses():
    """Return the command prefix that gives a process the same addresses each time, where the machine allows.

    The collector takes any word that looks like an address for one: with random addresses, bytes counted on the heap differ.
    """
    prefix = ["setarch", "-R"]
    try:
        return prefix if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode == 0 else []
    except OSError:
        return []


def provide(folder, *scripts):
    """Put the scripts, the readings and what they import into the folder, by symbolic links."""
    scripts = [*DEVICE.glob("*.py"), *(ROOT / "tests" / "device" / "lib").glob("*.py"), *scripts, WEATHER]
    for name, path in {**{path.name: path for path in scripts}, **INSTALLED}.items():
        link = Path(folder) / name
        if path.exists() and not link.is_symlink():
            link.symlink_to(path)


def execute(image, folder, script, *args, heap=None, timeout=300):
    """Run a script in a folder, with the library frozen in the image; return the process.

    It is named as a module and all paths are relative: MicroPython keeps the names and paths it meets on its heap, and the bytes
    counted there would depend on where the repository lies.
    """
    script = Path(script)
    provide(folder, script)
    return guard.run(
        [*fixed_addresses(), program(image), "-X", "heapsize=" + (heap or IMAGES[image]), "-m", script.stem, *map(str, args)],
        cwd=folder, env={"MICROPYPATH": ":.frozen"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
    )  # fmt: skip


def run(image, script, *args, **options):
    """Run a script in a new folder; return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        done = execute(image, folder, script, *args, **options)
    if done.returncode:
        raise RuntimeError("%s on %s:\n%s" % (Path(script).name, image, done.stdout[-2000:]))
    return done.stdout


def rows(text, **more):
    """Return the JSON lines of a device's output."""
    return [dict(json.loads(line), **more) for line in text.splitlines() if line.startswith("{")]


def operations(image, sizes=(100, 1000, 5000), media=("ram", "file", "region"), rounds=7):
    """Times per operation and their ratios to direct calls."""
    out = []
    for medium in media:
        for n in sizes:
            # Short runs are easily disturbed: more of them.
            few = 3 * rounds if medium == "ram" and n <= 1000 else max(3, rounds - 2 * (n // 1000) - (2 if medium == "file" else 0))
            # The direct side's BytesIO grows in one piece: with 5,000 documents it finds room only on a large heap.
            out += rows(run(image, DEVICE / "ops.py", n, few, medium, "synthetic", heap="64M" if n == 5000 else None), image=image)
        if WEATHER.exists():
            out += rows(run(image, DEVICE / "ops.py", 1461, 11 if medium == "ram" else 3, medium, WEATHER.name), image=image)
    return out


def queries(image="UNIX"):
    """Ratios of queries to queries by hand."""
    script = ROOT / "bench" / "query_ratio.py"
    out = []
    for n in (100, 1000, 5000):
        out += rows(run(image, script, 3 if n == 5000 else 7, n, heap="32M"), image=image)
    if WEATHER.exists():
        out += rows(run(image, script, 7, 1461, WEATHER.name, heap="32M"), image=image)
    return out


LEAST = ("get", "put", "find", "query_limit")
RAM_CASES = ("record", "ttl", "index", "file_ttl", *LEAST)


def costs(image):
    """Return bench/device/costs.py's figures: on QEMU_M33 thousands of instructions an operation, on RPI_PICO (emulated) microseconds."""
    text = (DEVICE / "costs.py").read_text()
    with tempfile.TemporaryDirectory() as folder:
        if image == "RPI_PICO":
            import emulator

            return json.loads(emulator.run(text, Path(folder) / "flash.bin", timeout=900).splitlines()[-1])
        import qemu

        if not (ROOT / "dist" / image).exists():
            return {}
        out = qemu.run(text, image, Path(folder) / "memory", timeout=120, extra=["-icount", "shift=0"])
        return dict(sorted(json.loads(out).items()))


def opened(image="UNIX32", media=("ram", "file", "region")):
    """Heap bytes of import and opening."""
    out = []
    for medium in media:
        out += rows(run(image, DEVICE / "opened.py", medium, heap="256k"), image=image)
    return out


def ram(image="UNIX32", cases=RAM_CASES, source="synthetic"):
    """Heap bytes of records and queries. The heap has 256 KB, about a Pico's."""
    out = []
    for case in cases:
        # The least free heap that an operation needs depends on how it is fragmented: the best of three.
        tries = [
            rows(run(image, DEVICE / "ram.py", case, source, heap="256k"), image=image, data=source)
            for _ in range(3 if case in LEAST else 1)
        ]
        out += min(tries, key=lambda found: found[0]["bytes"])
    return out


LARGEST = [("import", "ram"), *((case, medium) for medium in ("ram", "file", "region")
           for case in ("open", "put", "get", "query", "first query", "find", "delete", "expire", "flush"))]  # fmt: skip
LARGEST_BUDGET = [
    ("import", "ram"),
    ("first query", "ram"),
    *((case, medium) for medium in ("ram", "file", "region") for case in ("open", "put")),
]


def largest(image="UNIX32", cases=LARGEST, source="synthetic"):
    """The largest single allocation of an operation, bytes: the smallest size of the heap's holes with which it works, by bisection."""
    out = []
    for case, medium in cases:
        with tempfile.TemporaryDirectory() as folder:

            def works(blocks):
                for path in Path(folder).glob("largest.db*"):
                    path.unlink()
                if medium != "ram" and (medium == "file" or not (Path(folder) / "region.bin").exists()):
                    execute(image, folder, DEVICE / "largest.py", "fill", medium, 0, source, heap="1M").check_returncode()
                done = execute(image, folder, DEVICE / "largest.py", case, medium, blocks, source, heap="1M")
                found = re.search(r"max free sz: (\d+)", done.stdout)
                if not found or int(found.group(1)) > blocks + 1:
                    raise RuntimeError("largest.py %s %s %d: holes of another size\n%s" % (case, medium, blocks, done.stdout))
                return done.stdout.endswith("OK\n")

            low, high = 0, 80
            while not works(high):
                low, high = high, high * 4
                if high > 2000:
                    raise RuntimeError("largest.py %s %s fails" % (case, medium))
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if works(middle) else (middle, high)
        out.append({"bench": "largest", "case": case, "medium": medium, "bytes": high * 16, "image": image, "data": source})
    return out


def flash():
    """Counts on the simulated NOR flash."""
    return rows(run("UNIX", ROOT / "bench" / "flash_counts.py", WEATHER.name, heap="32M", timeout=900))


PROGRAM_MS, ERASE_MS = 0.4, 45  # W25Q16JV, typical: page program 256 bytes, sector erase 4 KB


def modelled(row):
    """Milliseconds of flash time per put on a Pico."""
    return row["programs"] * PROGRAM_MS + row["erases"] * ERASE_MS


def latency(image="UNIX", n=500, sources=("synthetic", WEATHER.name)):
    out = []
    for source in sources:
        for medium in ("ram", "file", "region"):
            # Other work of the machine is in it: the best of five runs.
            tries = [rows(run(image, DEVICE / "latency.py", medium, n, source), image=image) for _ in range(5)]
            out += [min(same, key=lambda row: row["stall_ms"]) for same in zip(*tries)]
    return out


ALTERNATIVES = ("json", "lines", "tree", "microdbx", "kvstore", "ours", "rhythm", "region", "region rhythm")


def alternatives(n=500, sources=("synthetic", WEATHER.name)):
    """Times on UNIX and its disk; RAM on UNIX32; counts on littlefs, and for the library also in a region, on the simulated NOR flash."""
    out = []
    for source in sources:
        for kind in ALTERNATIVES:
            row = {}
            for image, place in (("UNIX32", "disk"), ("UNIX", "disk"), ("UNIX", "flash")):
                if place == "flash" or not kind.startswith("region"):
                    found = rows(run(image, DEVICE / "alternatives.py", kind, n, source, place, heap="32M"))[0]
                    row = {**found, **row, **({} if place == "flash" else {key: found[key] for key in found if key.endswith("_us")})}
            out.append(dict(row, modelled_ms=modelled(row)))
    return out


def sizes():
    """Code size of each image that is built."""
    out = {}
    for path in sorted((ROOT / "dist").glob("*/size.json")):
        out[path.parent.name] = json.loads(path.read_text())
    return out


PICO_RUNS = (("opened.py", "ram"), ("opened.py", "region"), ("ops.py", "60 1 ram synthetic"), ("ops.py", "60 1 ram weather.csv"), ("latency.py", "ram 24 synthetic"), ("latency.py", "region 24 synthetic"), ("latency.py", "region 24 weather.csv"))  # fmt: skip


def pico():
    """Times, stalls and RAM of opening on the emulated RPI_PICO; its clock is the chip's, 125 MHz."""
    sys.path.insert(0, str(ROOT / "tests"))
    import emulator

    files = {"lib/" + name: (DEVICE / name).read_bytes() for name in ("docs.py", "nor.py")}
    files["weather.csv"] = b"".join(WEATHER.read_bytes().splitlines(True)[:101])

    def run_one(script, args):
        # this image has no sys.argv
        code = "import sys\nsys.path.append('/lib')\n" + (DEVICE / script).read_text().replace("sys.argv", "%r.split()" % ("x " + args))
        with tempfile.TemporaryDirectory() as folder:
            return rows(emulator.run(code, Path(folder) / "flash.bin", files=files, timeout=600), image="RPI_PICO")

    # Two at a time: the clock is the emulated chip's.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [row for found in pool.map(run_one, *zip(*PICO_RUNS)) for row in found]
