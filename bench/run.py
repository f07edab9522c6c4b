"""`make bench`: measure, print tables, write dist/bench.json and docs/charts/*.svg. Arguments: sections to run (default: all)."""

import datetime
import json
import sys
import time

import charts
import import_cost
import instructions
import measure
import shapes


def table(title, rows, columns):
    """Print rows as a Markdown table; `columns`: heading -> key or function of the row."""
    print("\n## %s\n" % title)
    print("| %s |" % " | ".join(columns))
    print("|%s|" % "|".join("---" for _ in columns))
    for row in rows:
        cells = [key(row) if callable(key) else row.get(key, "") for key in columns.values()]
        print("| %s |" % " | ".join("%.3g" % c if isinstance(c, float) else str(c) for c in cells))
    sys.stdout.flush()


def operations(image):
    rows = measure.operations(image)
    columns = {
        "image": "image",
        "medium": "medium",
        "data": "data",
        "documents": "n",
        "operation": "op",
        "us": "us",
        "direct us": "direct_us",
        "ratio": "ratio",
    }
    table("Operations on %s against direct btree and json" % image, rows, columns)
    return rows


def shape_rows():
    rows = shapes.rows(shapes.count(), shapes.times())
    columns = {"operation": "row", "goal": "goal", "us": "us", "direct us": "direct_us", "ratio": "ratio",
               "instructions": "instructions", "directly": "direct_instructions", "their ratio": "instruction_ratio", "": "missed"}  # fmt: skip
    table("Documents of many shapes against direct btree and json, in RAM unless said", rows, columns)
    return rows


def queries():
    rows = measure.queries()
    columns = {
        "query": "query",
        "data": "data",
        "documents": "documents",
        "hits": "hits",
        "us": "us",
        "by hand us": "by_hand_us",
        "ratio": "ratio",
        "goal": "goal",
    }
    table("Queries against queries by hand, in RAM", rows, columns)
    return rows


SOURCES = ("synthetic", measure.WEATHER.name)


def ram():
    rows = measure.opened() + [row for source in SOURCES for row in measure.ram(source=source)]
    table("RAM on 32 bits (bytes)", rows, {"what": "case", "documents": "data", "bytes": "bytes"})
    largest = [row for source in SOURCES for row in measure.largest(source=source)]
    table(
        "Largest single allocation on 32 bits (bytes)",
        largest,
        {"operation": "case", "medium": "medium", "documents": "data", "bytes": "bytes"},
    )
    imports = [
        dict(image=image, **{form: "%d (%d after use)" % pair for form, pair in forms.items()})
        for image, forms in import_cost.imports().items()
    ]
    table("RAM of the import", imports, {"image": "image", "frozen": "frozen", ".mpy": "mpy", ".py": "py"})
    return {"cases": rows, "largest": largest, "import": imports}


def flash():
    rows = measure.flash()
    for row in rows:
        row["modelled_ms"] = measure.modelled(row)
    table("Flash per put, counted; time modelled for a Pico", rows, {
        "medium": "medium", "data": "data", "documents": "documents", "flush every": "flush", "keys": "keys", "erases": "erases", "programs": "programs",
        "bytes programmed": "bytes", "bytes read": "read", "page reads per get": "pages_per_get", "modelled ms": "modelled_ms",
    })  # fmt: skip
    return rows


def latency():
    rows = measure.latency()
    table(
        "Longest stall of a 10 ms loop (ms)", rows, {"image": "image", "medium": "medium", "data": "data", "work": "work", "ms": "stall_ms"}
    )
    return rows


def alternatives():
    rows = measure.alternatives()
    columns = {"what": "what", "data": "data", "put us": "put_us", "open us": "open_us", "get us": "get_us", "search us": "search_us", "RAM": "ram",
               "erases": "erases", "programs": "programs", "modelled ms": "modelled_ms"}  # fmt: skip
    table("Alternatives, 500 readings put one by one", rows, columns)
    return rows


def instruction_counts():
    counts = {medium: instructions.count(medium) for medium in instructions.MEDIA}
    counts.update(("weather " + medium, instructions.count(medium, data=measure.WEATHER)) for medium in ("direct", "ram", "file"))
    names = dict.fromkeys(name for stretches in counts.values() for name in stretches)
    table("Instructions per operation (UNIX, callgrind)", [dict(op=name, **{m: counts[m].get(name, "") for m in counts}) for name in names],
          {"operation": "op", "direct": "direct", "direct, tree in cache": "cached", "RAM": "ram", "file": "file",
           "weather: direct": "weather direct", "RAM ": "weather ram", "file ": "weather file"})  # fmt: skip
    return counts


def m33():
    instructions, times = measure.costs("QEMU_M33"), measure.costs("RPI_PICO")
    rows = [{"op": name, "thousands": n, "pico_ms": round(times[name] / 1000, 3)} for name, n in instructions.items()]
    table(
        "Instructions on a Cortex-M33, and the emulated RP2040",
        rows,
        {"operation": "op", "thousand instructions": "thousands", "RP2040 ms": "pico_ms"},
    )
    return rows


def sizes():
    found = measure.sizes()
    keys = ("text", "data", "bss", "frozen_library", "btree", "headroom")
    table("Code size (bytes)", [dict(found[image], name=image) for image in found], {"image": "name", **{k: k for k in keys}})
    return found


def pico():
    rows = measure.pico()
    ops = [r for r in rows if r["bench"] == "ops"]
    table(
        "Emulated RP2040, 60 documents",
        ops,
        {"medium": "medium", "data": "data", "operation": "op", "us": "us", "direct us": "direct_us", "ratio": "ratio"},
    )
    stalls = [r for r in rows if r["bench"] == "latency"]
    table("Emulated RP2040: longest stall of a 10 ms loop", stalls, {"medium": "medium", "data": "data", "work": "work", "ms": "stall_ms"})
    return rows


SECTIONS = {
    "sizes": sizes, "ram": ram, "instructions": instruction_counts, "operations": lambda: operations("UNIX") + operations("UNIX32"),
    "shapes": shape_rows, "queries": queries, "flash": flash, "latency": latency, "alternatives": alternatives, "pico": pico, "m33": m33,
}  # fmt: skip


def main(argv):
    path = measure.ROOT / "dist" / "bench.json"
    results = json.loads(path.read_text()) if argv and path.exists() else {}
    results["date"] = datetime.datetime.now().isoformat(timespec="seconds")
    for name in argv or SECTIONS:
        if name not in SECTIONS:
            raise SystemExit("bench/run.py: no section %r; there are: %s" % (name, " ".join(SECTIONS)))
        began = time.monotonic()
        results[name] = SECTIONS[name]()
        print("\n%s: %d s" % (name, time.monotonic() - began))
        path.write_text(json.dumps(results, indent=1))
    charts.write(results)
    print("\nwritten: dist/bench.json, docs/charts/*.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
