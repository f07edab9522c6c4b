"""Runs each tests/device/test_*.py on every image that its first line names."""

import os
from pathlib import Path

import pytest
from conftest import ROOT, header_boards, header_heap

DEVICE = Path(__file__).parent / "device"
SCRIPTS = sorted(DEVICE.glob("test_*.py"))


@pytest.mark.parametrize("script, board", [pytest.param(s, b, id="%s-%s" % (s.stem, b)) for s in SCRIPTS for b in header_boards(s)])
def test_device(run, script, board):
    heap = header_heap(script, board)
    path = [str(ROOT)] if board == "stock" else ()  # which has no library frozen in
    output = run(script, board, heap=heap, path=path, timeout=900 if os.environ.get("MTDB_NIGHTLY") else 240 if board == "rp2" else 120)
    assert output.splitlines()[-1:] == ["OK"], output
