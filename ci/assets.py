#!/usr/bin/env python3
"""assets.py FOLDER: copy what `make release` left in dist/ to FOLDER, flat as a release's page wants it, with SHA256SUMS.

Of each board its images, bill of materials and licence texts; what does not begin with the board's name gets it.
"""

import shutil
from pathlib import Path

import release
from common import DIST, Failure, main


def collect(dist, out):
    """Fill the new folder `out`; return the names."""
    out.mkdir(parents=True)
    for bom in sorted(dist.glob("*/bom.cdx.json")):
        folder = bom.parent
        for path in [*release.images(folder), bom, folder / "LICENCES.txt"]:
            shutil.copy(path, out / (path.name if path.name.startswith(folder.name + "-") else "%s-%s" % (folder.name, path.name)))
    names = sorted(path.name for path in out.iterdir())
    if not names:
        raise Failure("%s holds no release; run: make release" % dist)
    release.sums(out)
    return names


def script(argv):
    if len(argv) != 1:
        raise Failure("usage: assets.py FOLDER")
    print("  %s: %d files and SHA256SUMS" % (argv[0], len(collect(DIST, Path(argv[0])))))


if __name__ == "__main__":
    main(script)
