"""Fill the tables of docs/performance.md and other pages, between `<!-- NAME -->` and `<!-- end -->`, from dist/bench.json."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = {"synthetic": "synthetic", "seattle-weather.csv": "weather", "weather.csv": "weather", "weather": "weather"}
GOALS = {"put": 1.8, "put generated": 2.2, "get": 1.4, "delete": 4, "put_batch": 1.3}
FILE_GOALS = {"put": 2.5, "get": 2.5, "open": 10}
OPERATIONS = (
    "put",
    "put generated",
    "put tags",
    "put ttl",
    "put_batch",
    "put_batch generated",
    "get",
    "delete",
    "expire",
    "flush",
    "open",
    "open again",
    "open and get",
)
SIZES = ((100, "synthetic"), (1000, "synthetic"), (5000, "synthetic"), (1461, "weather"))
AT = ["at 100", "1,000", "5,000", "weather"]


def cell(value):
    if value is None:
        return ""
    if isinstance(value, float):
        return "%.0f" % value if abs(value) >= 100 else "%.3g" % value
    return str(value)


def table(heads, rows):
    return "\n".join("| %s |" % " | ".join(cell(c) for c in row) for row in (heads, ["--"] * len(heads), *rows))


def found(r, image):
    """Return {(medium, documents, data): {operation: row}} of the times of an image."""
    out = {}
    for row in r["operations"]:
        if row["image"] == image:
            out.setdefault((row["medium"], row["n"], SOURCE[row["data"]]), {})[row["op"]] = row
    return out


def get(table, medium, size, name, key):
    return table.get((medium, *size), {}).get(name, {}).get(key)


def ratios(medium, goals):
    """A table of one medium on UNIX: times with 1,000 documents, ratios at all sizes."""

    def make(r):
        t = found(r, "UNIX")
        names = [n for n in OPERATIONS if get(t, medium, SIZES[1], n, "us") is not None]
        return table(
            ["operation", "goal", "us", "direct, us", "ratio " + AT[0], *AT[1:]],
            [
                [
                    n,
                    goals.get(n),
                    *(get(t, medium, SIZES[1], n, key) for key in ("us", "direct_us")),
                    *(get(t, medium, size, n, "ratio") for size in SIZES),
                ]
                for n in names
            ],
        )

    return make


def region(r):
    t = found(r, "UNIX")
    return table(["operation", "us " + AT[0], *AT[1:]], [[n, *(get(t, "region", size, n, "us") for size in SIZES)] for n in OPERATIONS])


def unix32(r):
    t = found(r, "UNIX32")
    return table(
        ["operation", "RAM " + AT[0], *AT[1:], "file " + AT[0], *AT[1:], "region, us"],
        [
            [n, *(get(t, m, size, n, "ratio") for m in ("ram", "file") for size in SIZES), get(t, "region", SIZES[1], n, "us")]
            for n in OPERATIONS
        ],
    )


def instructions(r):
    counts = r["instructions"]

    def ratio(a, b, n):
        return counts[a][n] / counts[b][n] if n in counts[a] and n in counts[b] else None

    names = dict.fromkeys(name for stretches in counts.values() for name in stretches if name != "scan")
    return table(
        ["operation", "direct", "RAM", "ratio", "file", "weather: direct", "RAM", "ratio", "file"],
        [["query, each record" if n == "query" else n, counts["direct"].get(n), counts["ram"].get(n), ratio("ram", "direct", n), counts["file"].get(n),
          counts["weather direct"].get(n), counts["weather ram"].get(n), ratio("weather ram", "weather direct", n), counts["weather file"].get(n)]
         for n in names]
    )  # fmt: skip


def queries(r):
    kinds = {}
    for row in r["queries"]:
        name = re.sub(r"\((int|float)\)", "(number)", row["query"]).replace("8 %", "10 %")
        kinds.setdefault(name, {})[row["documents"], SOURCE[row["data"]]] = row
    out = []
    for name, at in kinds.items():
        one = at[1000, "synthetic"]
        out.append([name, one["goal"], one["hits"], one["us"], one["by_hand_us"], *(at.get(size, {}).get("ratio") for size in SIZES)])
    return table(["query", "goal", "hits", "us", "by hand, us", "ratio " + AT[0], *AT[1:]], out)


def ram(r):
    cases = {}
    for row in r["ram"]["cases"]:
        cases.setdefault(row["case"], {})[SOURCE[row.get("data", "synthetic")]] = row["bytes"]
    board = {row["case"]: row["bytes"] for row in r.get("pico", ()) if row["bench"] == "ram"}
    return table(
        ["what", "UNIX32", "weather readings", "RPI_PICO"],
        [[name, by.get("synthetic"), by.get("weather"), board.get(name)] for name, by in cases.items()],
    )


def largest(r):
    found = {(row["case"], row["medium"], SOURCE[row["data"]]): row["bytes"] for row in r["ram"]["largest"]}
    cases = dict.fromkeys(case for case, _, _ in found)
    media = ("ram", "file", "region")

    def row(case):
        if case == "import":
            return [case, found["import", "ram", "synthetic"], "", "", found["import", "ram", "weather"], "", ""]
        return [case, *(found.get((case, medium, data)) for data in ("synthetic", "weather") for medium in media)]

    return table(["operation", "RAM", "file", "region", "weather: RAM", "file", "region"], [row(case) for case in cases])


def latency(r):
    stalls = {}
    for row in r["latency"] + [p for p in r.get("pico", ()) if p["bench"] == "latency"]:
        stalls.setdefault(row["work"], {})[row["image"], row["medium"], SOURCE[row["data"]]] = row["stall_ms"]
    columns = [("RPI_PICO", "ram", "synthetic"), ("RPI_PICO", "region", "synthetic"), ("RPI_PICO", "region", "weather")]
    columns += [("UNIX", medium, data) for data in ("synthetic", "weather") for medium in ("ram", "file", "region")]
    heads = ["while", "RP2040: RAM", "region", "region, weather", "UNIX: RAM", "file", "region", "weather: RAM", "file", "region"]
    return table(heads, [[work, *(by.get(column) for column in columns)] for work, by in stalls.items()])


def pico(r):
    ops = {}
    for row in r["pico"]:
        if row["bench"] == "ops":
            ops.setdefault(row["op"], {})[SOURCE[row["data"]]] = row
    out = []
    for name in (n for n in OPERATIONS if n in ops):
        out.append([name, *(ops[name].get(data, {}).get(key) for data in ("synthetic", "weather") for key in ("us", "direct_us", "ratio"))])
    return table(["operation", "us", "direct, us", "ratio", "weather: us", "direct, us", "ratio"], out)


def rows(name, heads, only=None):
    return lambda r: table(
        list(heads), [[row.get(key) for key in heads.values()] for row in r[name] if only is None or SOURCE[row["data"]] == only]
    )


ALTERNATIVES = {"what": "what", "put, us": "put_us", "open, us": "open_us", "get, us": "get_us", "search, us": "search_us", "RAM, bytes": "ram",
                "erases a put": "erases", "programs a put": "programs", "flash, ms a put": "modelled_ms"}  # fmt: skip
SHAPES = {"operation": "row", "goal": "goal", "us": "us", "direct, us": "direct_us", "ratio": "ratio",
          "instructions": "instructions", "directly": "direct_instructions", "their ratio": "instruction_ratio", "": "missed"}  # fmt: skip
TABLES = {
    "shapes": rows("shapes", SHAPES),
    "operations-ram": ratios("ram", GOALS),
    "operations-file": ratios("file", FILE_GOALS),
    "operations-region": region,
    "operations-unix32": unix32,
    "instructions": instructions,
    "queries": queries,
    "ram": ram,
    "ram-largest": largest,
    "ram-import": lambda r: table(["image", "frozen", ".mpy", ".py"],
                                  [[row["image"], *("%d (%s)" % tuple(map(int, re.findall(r"\d+", row[k]))) for k in ("frozen", "mpy", "py"))] for row in r["ram"]["import"]]),
    "flash": rows("flash", {
        "medium": "medium", "data": "data", "documents": "documents", "flush every": "flush", "keys": "keys", "erases": "erases", "programs": "programs",
        "bytes programmed": "bytes", "bytes read": "read", "pages read per get": "pages_per_get", "modelled ms": "modelled_ms",
    }),
    "sizes": lambda r: table(["image", "text", "frozen library", "btree", "headroom"], [[n, s["text"], s["frozen_library"], s["btree"], s.get("headroom")] for n, s in r["sizes"].items()]),
    "latency": latency,
    "pico": pico,
    "m33": lambda r: table(["operation", "thousand instructions (M33)", "ms (emulated RP2040)", "ms (RP2350, estimate)"],
                           [[row["op"], row["thousands"], row["pico_ms"], round(row["thousands"] * 1.4 / 150, 3)] for row in r["m33"]]),
    "alternatives": rows("alternatives", ALTERNATIVES, "synthetic"),
    "alternatives-weather": rows("alternatives", ALTERNATIVES, "weather"),
}  # fmt: skip


def fill():
    results = json.loads((ROOT / "dist" / "bench.json").read_text())
    pages = {path: path.read_text() for path in (ROOT / "docs").glob("*.md")}
    for name, make in TABLES.items():
        if name.partition("-")[0] in results:
            body = "<!-- %s -->\n\n%s\n\n<!-- end -->" % (name, make(results))
            places = 0
            for path, text in pages.items():
                pages[path], n = re.subn(r"<!-- %s -->.*?<!-- end -->" % name, lambda _: body, text, flags=re.S)
                places += n
            if not places:
                raise SystemExit("docs: no place for the table %r" % name)
    for path, text in pages.items():
        if text != path.read_text():
            path.write_text(text)


if __name__ == "__main__":
    fill()
