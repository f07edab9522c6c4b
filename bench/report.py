"""Fill the tables of docs/performance.md, between `<!-- NAME -->` and `<!-- end -->`, from dist/bench.json."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOALS = {"put": 1.8, "put generated": 2.2, "get": 1.4, "delete": 4, "put_batch": 1.3}


def table(heads, rows):
    cells = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| %s |" % " | ".join("%.3g" % c if isinstance(c, float) else "" if c is None else str(c) for c in row) for row in cells)


def operations(r):
    found = {(o["medium"], o["data"], o["n"], o["op"]): o for o in r["operations"] if o["image"] == "UNIX"}
    names = dict.fromkeys(o["op"] for o in r["operations"])
    order = [n for n in ("put", "put generated", "put tags", "put ttl", "put_batch", "put_batch generated", "get", "delete", "expire each", "open") if n in names]
    heads = ["operation", "goal", "RAM, us", "direct, us", "ratio", "ratio at 100", "at 5,000", "weather", "file, us", "direct, us", "ratio", "at 100", "at 5,000", "weather"]

    def of(medium, name):
        one = found.get((medium, "synthetic", 1000, name), {})
        more = [found.get(at + (name,), {}).get("ratio") for at in ((medium, "synthetic", 100), (medium, "synthetic", 5000), (medium, "seattle-weather.csv", 1461))]
        return [one.get("us"), one.get("direct_us"), one.get("ratio"), *more]

    return table(heads, [[name, GOALS.get(name), *of("ram", name), *of("file", name)] for name in order])


def instructions(r):
    counts = r["instructions"]
    names = dict.fromkeys(name for stretches in counts.values() for name in stretches)
    return table(["operation", "direct", "RAM", "ratio", "file"], [
        [n, counts["direct"].get(n), counts["ram"].get(n),
         counts["ram"][n] / counts["direct"][n] if n in counts["direct"] and n in counts["ram"] else None, counts["file"].get(n)]
        for n in names if n != "scan"
    ])  # fmt: skip


def rows(name, heads):
    return lambda r: table(list(heads), [[row.get(key) for key in heads.values()] for row in r[name]])


TABLES = {
    "operations": operations,
    "instructions": instructions,
    "queries": rows("queries", {"query": "query", "hits": "hits", "us": "us", "by hand, us": "by_hand_us", "ratio": "ratio", "goal": "goal"}),
    "ram": lambda r: table(["what", "bytes"], [[row["case"], row["bytes"]] for row in r["ram"]["cases"]]),
    "import": lambda r: table(["image", "frozen", ".mpy", ".py"], [[row[k] for k in ("image", "frozen", "mpy", "py")] for row in r["ram"]["import"]]),
    "flash": rows("flash", {
        "medium": "medium", "documents": "documents", "flush every": "flush", "keys": "keys", "erases": "erases", "programs": "programs",
        "bytes programmed": "bytes", "bytes read": "read", "pages read per get": "pages_per_get", "modelled ms": "modelled_ms",
    }),
    "sizes": lambda r: table(["image", "text", "frozen library", "btree", "headroom"], [[n, s["text"], s["frozen_library"], s["btree"], s.get("headroom")] for n, s in r["sizes"].items()]),
    "latency": lambda r: table(["image", "medium", "work", "ms"], [[o["image"], o["medium"], o["work"], o["stall_ms"]] for o in r["latency"] + [p for p in r.get("pico", ()) if p["bench"] == "latency"]]),
    "pico": lambda r: table(["operation", "us", "direct, us", "ratio"], [[o["op"], o["us"], o.get("direct_us"), o.get("ratio")] for o in r.get("pico", ()) if o["bench"] == "ops"]),
    "alternatives": rows("alternatives", {"what": "what", "put, us": "put_us", "open, us": "open_us", "get, us": "get_us", "search, us": "search_us", "RAM, bytes": "ram"}),
}  # fmt: skip


def fill():
    results = json.loads((ROOT / "dist" / "bench.json").read_text())
    path = ROOT / "docs" / "performance.md"
    text = path.read_text()
    for name, make in TABLES.items():
        if name in results or name == "import":
            body = "<!-- %s -->\n%s\n<!-- end -->" % (name, make(results))
            text, n = re.subn(r"<!-- %s -->.*?<!-- end -->" % name, lambda _: body, text, flags=re.S)
            if n != 1:
                raise SystemExit("docs/performance.md: %d places for the table %r" % (n, name))
    path.write_text(text)


if __name__ == "__main__":
    fill()
