#!/usr/bin/env python3
"""boards.py: list the boards."""

import json

from common import BOARDS, DIST, main


def script(argv):
    for path in sorted(BOARDS.glob("*/board.json")):
        spec = json.loads(path.read_text())
        built = "built" if (DIST / path.parent.name / "SHA256SUMS").exists() else ""
        print("  %-18s %-8s %-34s %s" % (path.parent.name, spec["port"], "%s %s" % (spec.get("vendor", ""), spec["product"]), built))


if __name__ == "__main__":
    main(script)
