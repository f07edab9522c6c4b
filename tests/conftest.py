"""The device test harness: `run` executes MicroPython code on a real image and fails with the device's own traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))
sys.path.insert(0, str(ROOT / "tests"))

LIB = ROOT / "tests" / "device" / "lib"
PROGRAMS = {
    "unix": ROOT / "dist" / "UNIX" / "micropython",
    "unix32": ROOT / "dist" / "UNIX32" / "micropython",
    "stock": ROOT / "build" / "stock" / "micropython",
    "faults": ROOT / "build" / "faults" / "micropython",
    "faults32": ROOT / "build" / "faults32" / "micropython",
}
QEMU = {"m33": "QEMU_M33", "rv32": "QEMU_RV32"}
collect_ignore = ["device"]  # MicroPython scripts, run by test_device.py
BOARDS = ("unix", "unix32", "rp2")


class DeviceError(AssertionError):
    """The device ended with a traceback or a wrong status."""


def _source(code):
    """Return (text, path or None) of a code argument: a Path, the path of a file, or code."""
    if isinstance(code, Path) or (isinstance(code, str) and "\n" not in code and code.endswith(".py")):
        path = Path(code)
        if not path.is_absolute():
            path = next((p for p in (ROOT / "tests" / "device" / path, ROOT / path) if p.exists()), path)
        return path.read_text(), path
    return code, None


def _run_unix(program, text, path, folder, heap, args, timeout, env, python_path):
    if not program.exists():
        raise DeviceError("%s is not built; run: make test" % program.relative_to(ROOT))
    if path is None:
        path = folder / "script.py"
        path.write_text(text)
    command = [str(program)]
    if heap:
        command += ["-X", "heapsize=%s" % heap]
    search = ":".join([*python_path, ".frozen", str(LIB)])
    environ = dict(os.environ, MICROPYPATH=search, **(env or {}))
    try:
        done = guard.run(
            [*command, str(path), *map(str, args)], cwd=folder, env=environ,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        raise DeviceError(
            "no end within %s s of processor time; output so far:\n%s" % (timeout, (e.stdout or b"").decode(errors="replace"))
        ) from None
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        raise DeviceError("status %d on %s\n%s" % (done.returncode, program.parent.name, output))
    return output


@pytest.fixture
def run(tmp_path):
    """run(code, board="unix", *, files={}, heap=None, args=(), timeout=60, env={}, path=()) -> what the device printed.

    `code`: MicroPython source, or the path of a script (also relative to tests/device). It runs in a folder of this test, so that
    a second call finds the files of the first; on "rp2" (the RPI_PICO image in its emulator) the whole flash persists likewise,
    and each call is a power cycle, as on "m33" and "rv32" (the QEMU boards), whose RAM disk persists. `timeout`: seconds of processor time (guard.py). `files`: name -> bytes or text, put there before. `path`: put before the frozen modules.
    """

    def run(code, board="unix", *, files=None, heap=None, args=(), timeout=60, env=None, path=(), **options):
        text, script = _source(code)
        try:
            if board == "rp2":
                import emulator

                return emulator.run(text, flash=tmp_path / "flash.bin", files=files, timeout=timeout, lib=LIB, **options)
            if board in QEMU:
                import qemu

                return qemu.run(text, QEMU[board], tmp_path / board, files, timeout, LIB, int(heap[:-1]) << 20 if heap else 0, **options)
            for name, data in (files or {}).items():
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
            return _run_unix(PROGRAMS[board], text, script, tmp_path, heap, args, timeout, env, path)
        except AssertionError as e:
            error = str(e)
        pytest.fail(error, pytrace=False)

    return run


@pytest.fixture(params=BOARDS)
def board(request):
    """Each image in turn: unix, unix32, rp2 (emulated)."""
    return request.param


def header_boards(path):
    """Return the boards that a device script's first line names: `# boards: unix unix32 rp2`; nightly those of a line `# nightly: m33`, too."""
    text = path.read_text()
    match = re.match(r"# boards:([\w ]+)", text)
    boards = match.group(1).split() if match else ["unix", "unix32"]
    more = re.search(r"^# nightly:([\w ]+)$", text, re.M) if os.environ.get("MTDB_NIGHTLY") else None
    boards += more.group(1).split() if more else []
    # What runs on a microcontroller of 32 bits need not run on UNIX32 too, each time.
    return boards if os.environ.get("MTDB_NIGHTLY") or not {*QEMU} & {*boards} else [board for board in boards if board != "unix32"]


def header_heap(path, board):
    """Return the heap that a device script asks for on UNIX32, `# heap: 190k`, or on the QEMU boards, `# qemu heap: 4m`, instead of their 192 KB."""
    kind = {"unix32": "heap", "m33": "qemu heap", "rv32": "qemu heap"}.get(board, "-")
    match = re.search(r"^# %s: (\w+)$" % kind, path.read_text(), re.M)
    return match.group(1) if match else None


# Words in the names of tests that take long, the longest first.
LONG = (
    "emulated_pico", "wire", "pieces-rp2", "spec_pico-rp2", "power_cycle[rp2", "pico", "faults", "rp2", "index_property", "calls_", "m33", "rv32",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    # Long ones first, and dealt out to two workers, which begin with a half each and then take from each other: so they end together.
    items.sort(key=lambda item: next((i for i, word in enumerate(LONG) if word in item.nodeid), len(LONG)))
    items[:] = items[::2] + items[1::2]
