"""The `btree` module of our images: Berkeley DB behind ports/btree (SPEC section 9; ports/btree/README.md).

The scripts tests/device/btree_*.py take their parameters from lines put before them.
"""

import os
import signal
from pathlib import Path

import guard
import pytest
from conftest import QEMU

ROOT = Path(__file__).resolve().parent.parent
DEVICE = ROOT / "tests" / "device"
DB1 = ROOT / "build" / "src" / "db1-compat" / "db"
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
    for seed in range(30 if NIGHTLY else 1):
        text = script("btree_model.py", SEED=seed, OPS=20000, PAGE=page, FILE=file, KEYS=300, STOCK=False)
        assert "OK" in run(text, board=board, heap="16M", timeout=60)


@pytest.mark.parametrize("file", [None, "model.db"])
@pytest.mark.parametrize("board", list(QEMU))
def test_random_operations_agree_with_a_dict_on_a_microcontroller(run, board, file):
    text = script("btree_model.py", SEED=5, OPS=5000 if file is None else 60, PAGE=512, FILE=file, KEYS=30, STOCK=False)
    assert "OK" in run(text, board=board, timeout=100)


@pytest.mark.parametrize("board, page", [("unix", 512), ("unix", 1024), ("unix32", 512)])
def test_every_record_size_up_to_three_pages(run, board, page):
    step = 1 if NIGHTLY or (board, page) == ("unix", 512) else 5  # the sizes around half a page, each of them: in the next test
    text = script("btree_sizes.py", PAGE=page, FIRST=0, LAST=3 * page, STEP=step, ROUNDS=600 if NIGHTLY else 60)
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
    for seed in range(3 if NIGHTLY else 1):
        text = script("btree_model.py", SEED=seed, OPS=20000, PAGE=page, FILE=None, KEYS=300, STOCK=True)
        assert "OK" in run(text, board="stock", heap="16M", timeout=60)


PAGES = [512, 1024, 2048, 4096]


def orders(page, cache, file, board, safe=True):
    """Return the script of keys that come and go in orders."""
    stock = board == "stock"
    return script("btree_orders.py", PAGE=page, CACHE=cache, FILE=file, STEPS=3000 if NIGHTLY else 150, SAFE=stock and safe, STOCK=stock)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("board", [*UNIX, "stock"])
def test_keys_may_come_and_go_in_any_order(run, board, page, tmp_path):
    """On stock firmware with what the library does there. A middling cache there and on 32 bits, unless nightly."""
    for cache in (1, 16 * page, 1 << 20) if NIGHTLY or board == "unix" else (16 * page,):
        for file in (None, str(tmp_path / "orders.db")):
            assert "OK" in run(
                orders(page, cache, file, board), board=board, heap="32M", timeout=900 if NIGHTLY else 60, path=[str(ROOT), ".frozen"]
            )


@pytest.mark.parametrize("page", PAGES)
def test_stock_berkeley_db_alone_loses_keys_in_some_orders(run, page):
    with pytest.raises(pytest.fail.Exception, match=r"status (-\d+|1) on stock"):
        run(orders(page, 1, None, "stock", safe=False), board="stock", heap="32M", timeout=60)


@pytest.mark.parametrize("kind", ["errors", "no_memory", "dropped", "flush"])
@pytest.mark.parametrize("board", [*UNIX, "stock"])
def test_errors_and_flushes_are_as_documented(run, board, kind):
    text = script("btree_errors.py", KIND=kind, STOCK=board == "stock")
    assert "OK" in run(text, board=board, heap="16M", timeout=60)


@pytest.mark.parametrize("width", ["-m64", "-m32"])
def test_no_access_is_unaligned(tmp_path, width):
    """Cortex-M0+ faults on unaligned words, the rp2040py emulator reads them: so gcc's alignment sanitizer looks for them."""

    def outcome(*options):
        program = tmp_path / "alignment"
        sources = [*(DB1 / "btree").glob("bt_*.c"), DB1 / "mpool" / "mpool.c", DEVICE / "btree_alignment.c"]
        command = [
            "gcc", width, "-O1", "-std=gnu99", "-w", "-fno-strict-aliasing",
            "-fsanitize=alignment", "-fsanitize-undefined-trap-on-error", "-DMTDB_BTREE_LIBC_HEAP=1", *options,
            "-I", ROOT / "ports" / "btree" / "include", "-I", DB1, *sources, "-o", program,
        ]  # fmt: skip
        guard.run(command, check=True, timeout=100)
        return guard.run([program], capture_output=True, text=True, timeout=60)

    done = outcome()
    assert done.returncode == 0 and "OK" in done.stdout
    assert outcome("-DMTDB_BTREE_NATURAL_PGNO=1").returncode == -signal.SIGILL, "the test would not notice a missing mend"
