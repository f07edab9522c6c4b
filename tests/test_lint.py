"""`make lint` finds nothing in this tree, and each of its checks finds what it is for."""

import shutil
import subprocess
import sys
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - runs: make\n"


def _lint(root):
    return guard.run([sys.executable, "ci/lint.py"], cwd=root, capture_output=True, text=True, timeout=120)


def test_lint_finds_nothing():
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "check, name, text",
    [
        ("ruff check", "a.py", "import os\n"),
        ("ruff format", "a.py", "x = [1,2]\n"),
        ("codespell", "a.md", "A fault that occured.\n"),  # codespell:ignore
        ("clang-format", "a.c", "int  one;\n"),
        ("actionlint", ".github/workflows/a.yml", WORKFLOW),
    ],
)
def test_each_check_finds_what_it_is_for(tmp_path, check, name, text):
    shutil.copytree(ROOT / "ci", tmp_path / "ci")
    for setting in ("pyproject.toml", ".clang-format", ".gitignore"):
        shutil.copy(ROOT / setting, tmp_path)
    (tmp_path / "build").mkdir()
    for folder in ("venv", "src", "download"):
        (tmp_path / "build" / folder).symlink_to(ROOT / "build" / folder)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    done = _lint(tmp_path)
    assert done.returncode == 1 and "error: %s: see above" % check in done.stderr, done.stdout + done.stderr
    assert name in done.stdout + done.stderr
