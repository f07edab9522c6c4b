"""SPEC section 4 on stock firmware: what reads many records reads all of them or raises, though Berkeley DB says "the end" for a page
that cannot be read or that it has no memory for."""

import subprocess

import pytest
from conftest import ROOT

DEVICE = ROOT / "tests" / "device"


@pytest.mark.parametrize("script", ["test_scan_faults.py", "test_scan_writers.py"])
def test_media_that_fail(run, script):
    assert "OK" in run(script, board="stock", path=[str(ROOT)], timeout=240)


def test_no_memory_for_a_page(run, tmp_path):
    library = tmp_path / "malloc_fails.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, DEVICE / "malloc_fails.c", "-ldl"], check=True, timeout=60)
    assert "OK" in run("scan_no_memory.py", board="stock", path=[str(ROOT)], env={"LD_PRELOAD": str(library)}, timeout=240)
