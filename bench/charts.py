"""Bar charts as SVG for docs/performance.md, from the results of bench/run.py."""

import math
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "charts"
BAR, LEFT, WIDTH = 18, 250, 420
COLOURS = ("#2f6f9f", "#d08a2c", "#7a7a7a")


def bars(title, items, unit, log=False):
    """Return an SVG of horizontal bars; `items`: [(label, value, series)]."""
    top = max(value for _, value, _ in items)
    low = min(value for _, value, _ in items if value > 0)

    def length(value):
        if value <= 0:
            return 0
        if log:
            return WIDTH * (0.05 + 0.95 * math.log(value / low + 1e-9) / max(1e-9, math.log(top / low)))
        return WIDTH * value / top

    height = 40 + (BAR + 6) * len(items)
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
        % (LEFT + WIDTH + 90, height),
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="8" y="20" font-size="14" font-weight="bold">%s</text>' % escape(title + (" (logarithmic)" if log else "")),
    ]
    for i, (label, value, series) in enumerate(items):
        y = 34 + i * (BAR + 6)
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + 13, escape(label)))
        out.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' % (LEFT, y, max(1, length(value)), BAR, COLOURS[series]))
        out.append('<text x="%.1f" y="%d">%.3g %s</text>' % (LEFT + length(value) + 6, y + 13, value, escape(unit)))
    return "\n".join(out) + "\n</svg>\n"


def write(results):
    """Write the charts that the results allow."""
    FOLDER.mkdir(exist_ok=True)
    ops = [
        r for r in results.get("operations", ()) if r["image"] == "UNIX" and r["data"] == "synthetic" and r["n"] == 1000 and "ratio" in r
    ]
    for medium in ("ram", "file"):
        items = [(r["op"], r["ratio"], 0) for r in ops if r["medium"] == medium]
        if items:
            (FOLDER / ("operations-%s.svg" % medium)).write_text(
                bars("Time against direct btree and json, %s, 1,000 documents" % medium, sorted(items), "x")
            )
    flash = [r for r in results.get("flash", ()) if r["flush"] == 20]
    if flash:
        items = [
            (
                "%s, %d %s, %s keys" % (r["medium"], r["documents"], "readings" if r["data"] == "weather" else "documents", r["keys"]),
                r["modelled_ms"],
                int(r["medium"] == "in place"),
            )
            for r in flash
        ]
        (FOLDER / "flash.svg").write_text(bars("Flash time of a put on a Pico, modelled", items, "ms", log=True))
    queries = [r for r in results.get("queries", ()) if r["documents"] == 1000]
    if queries:
        (FOLDER / "queries.svg").write_text(bars("Queries against the same by hand", [(r["query"], r["ratio"], 0) for r in queries], "x"))
