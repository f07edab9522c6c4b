"""The `btree` module of our images: Berkeley DB behind ports/btree (SPEC section 9; ports/btree/README.md).

The scripts tests/device/btree_*.py take their parameters from lines put before them.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEVICE = ROOT / "tests" / "device"
NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"
UNIX = ["unix", "unix32"]
THRESHOLD = {512: 232, 1024: 488}  # the largest record that Berkeley DB keeps in a leaf


def script(name, **parameters):
    """Return the text of a device script with its parameters."""
    lines = ["%s = %r" % item for item in parameters.items()]
    return "\n".join(lines) + "\n" + (DEVICE / name).read_text()


@pytest.mark.parametrize("where", ["ram", "file"])
@pytest.mark.parametrize("page", [512, 1024])
@pytest.mark.parametrize("board", UNIX)
def test_20000_random_operations_agree_with_a_dict(run, board, page, where, tmp_path):
    file = str(tmp_path / "model.db") if where == "file" else None
    for seed in range(30 if NIGHTLY else 3):
        text = script("btree_model.py", SEED=seed, OPS=20000, PAGE=page, FILE=file, KEYS=300, STOCK=False)
        assert "OK" in run(text, board=board, heap="16M", timeout=60)


@pytest.mark.parametrize("file", [None, "model.db"])
def test_500_random_operations_agree_with_a_dict_on_the_emulated_rp2040(run, file):
    text = script("btree_model.py", SEED=5, OPS=500 if file is None else 150, PAGE=512, FILE=file, KEYS=30, STOCK=False)
    assert "OK" in run(text, board="rp2", timeout=170)


@pytest.mark.parametrize("board, page", [("unix", 512), ("unix", 1024), ("unix32", 512)])
def test_every_record_size_up_to_three_pages(run, board, page):
    text = script("btree_sizes.py", PAGE=page, FIRST=0, LAST=3 * page, STEP=1, ROUNDS=600 if NIGHTLY else 60)
    assert "OK" in run(text, board=board, heap="16M", timeout=500 if NIGHTLY else 60)


@pytest.mark.parametrize("page", [512, 1024])
@pytest.mark.parametrize("board", UNIX)
def test_the_record_size_that_kills_stock_berkeley_db_is_mended(run, board, page):
    size = THRESHOLD[page]
    text = script("btree_sizes.py", PAGE=page, FIRST=size - 2, LAST=size + 2, STEP=1, ROUNDS=3000)
    assert "OK" in run(text, board=board, heap="16M", timeout=60)


@pytest.mark.parametrize("page", [512, 1024])
def test_the_record_size_test_bites_on_the_stock_build(run, page):
    size = THRESHOLD[page]

    def outcome(first, last):
        text = script("btree_sizes.py", PAGE=page, FIRST=first, LAST=last, STEP=1, ROUNDS=3000)
        return run(text, board="stock", heap="16M", timeout=60)

    assert "OK" in outcome(size - 2, size - 1)
    assert "OK" in outcome(size + 1, size + 2)
    with pytest.raises(pytest.fail.Exception, match=r"status (-\d+|1) on stock"):  # killed by a signal, or wrong content noticed
        outcome(size, size)


@pytest.mark.parametrize("page", [512, 1024])
def test_stock_berkeley_db_is_sound_without_that_size(run, page):
    for seed in range(3):
        text = script("btree_model.py", SEED=seed, OPS=20000, PAGE=page, FILE=None, KEYS=300, STOCK=True)
        assert "OK" in run(text, board="stock", heap="16M", timeout=60)


@pytest.mark.parametrize("kind", ["errors", "no_memory", "dropped", "flush"])
@pytest.mark.parametrize("board", [*UNIX, "stock"])
def test_errors_and_flushes_are_as_documented(run, board, kind):
    text = script("btree_errors.py", KIND=kind, STOCK=board == "stock")
    assert "OK" in run(text, board=board, heap="16M", timeout=60)


UNALIGNED = """
import machine, uctypes
buf = bytearray(range(16))
even = uctypes.addressof(buf)
print("even", machine.mem32[even])
@micropython.asm_thumb
def load(r0):
    ldr(r0, [r0, 0])
print("aligned", load(even))
print("unaligned next")
print("survived", load(even + %d))
"""


def test_the_emulated_rp2040_faults_on_unaligned_access(run):
    """The model test above runs there, so it would notice a load that the glue left unaligned."""
    assert "survived" in run(UNALIGNED % 4, board="rp2", timeout=60)
    with pytest.raises(pytest.fail.Exception) as caught:
        run(UNALIGNED % 1, board="rp2", timeout=20)
    assert "unaligned next" in str(caught.value) and "survived" not in str(caught.value)
