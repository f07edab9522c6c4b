#!/usr/bin/env python3
"""changelog.py TAG: print what CHANGELOG.md says of the version that TAG (v0.1.0) is to release; refuse one that cannot be released.

The version is that of the library, and nothing may be left under "Unreleased".
"""

import re

from common import ROOT, Failure, library_version, main

PATH = ROOT / "CHANGELOG.md"


def section(text, version):
    """Return the text under the version's heading; Failure where there is none."""
    found = re.search(r"^## \[%s\] - \d{4}-\d\d-\d\d\n(.*?)(?=^## |\Z)" % re.escape(version), text, re.M | re.S)
    if not found:
        raise Failure(
            "CHANGELOG.md does not tell what is new in %s, the version in microtetherdb/__init__.py: write a section '## [%s] - YYYY-MM-DD'"
            " from what stands under '## [Unreleased]'" % (version, version)
        )
    return found.group(1).strip() + "\n"


def notes(text, version, tag):
    """Return the notes of the release that `tag` names."""
    if tag != "v" + version:
        raise Failure("the tag %s is not v%s: the version is that in microtetherdb/__init__.py" % (tag, version))
    told = section(text, version)
    if re.search(r"^## \[Unreleased\]\n+[^#\s]|^## \[Unreleased\]\n+###", text, re.M):
        raise Failure("CHANGELOG.md still has changes under '## [Unreleased]': they are in this release, so move them under its version")
    return told


def script(argv):
    if len(argv) != 1:
        raise Failure("usage: changelog.py TAG")
    print(notes(PATH.read_text(), library_version(), argv[0]), end="")


if __name__ == "__main__":
    main(script)
