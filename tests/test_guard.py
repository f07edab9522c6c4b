"""The guards of tests/guard.py end what hangs, however it hangs, and nothing else, whatever the load."""

import os
import subprocess
import sys
import time

import guard
import pytest

SPIN = "while True:\n    pass"
WORK = "import time\nwhile time.process_time() < %s:\n    pass\nprint('done')"


def test_what_spins_is_ended_by_its_processor_time_and_its_output_kept():
    with pytest.raises(subprocess.TimeoutExpired) as e:
        guard.run([sys.executable, "-uc", "print('before')\n" + SPIN], timeout=0.5, stdout=subprocess.PIPE, text=True)
    assert "before" in e.value.output


def test_what_sleeps_for_ever_is_ended(monkeypatch):
    init = guard.Guard.__init__

    def impatient(self, *args):
        init(self, *args)
        self.patience = 1

    monkeypatch.setattr(guard.Guard, "__init__", impatient)
    with pytest.raises(subprocess.TimeoutExpired):
        guard.run([sys.executable, "-c", "import time\ntime.sleep(10000)"], timeout=60)


@pytest.mark.parametrize("text", ["%(python)s -c '%(spin)s' & wait", "(%(python)s -c '%(spin)s'); true", "while :; do /bin/true; done"])
def test_children_count_and_end_too(text, tmp_path):
    text = text % {"python": sys.executable, "spin": SPIN}
    with pytest.raises(subprocess.TimeoutExpired):
        guard.run(["sh", "-c", "echo $$ > pid; " + text], timeout=0.6, cwd=tmp_path)
    session = int((tmp_path / "pid").read_text())
    for _ in range(1000):
        if guard._usage(session) == (0, False):
            break
        time.sleep(0.01)
    else:
        pytest.fail("something of it lives on")


def test_work_beside_busy_loops_is_not_ended_by_the_time_it_waits():
    loops = [subprocess.Popen([sys.executable, "-c", SPIN], start_new_session=True) for _ in range(8)]
    try:
        start = time.monotonic()
        done = guard.run([sys.executable, "-c", WORK % 0.4], timeout=0.7, capture_output=True, text=True)
        took = time.monotonic() - start
    finally:
        for p in loops:
            p.kill()
            p.wait()
    assert done.stdout == "done\n"
    assert took > 0.7 or os.cpu_count() > 4, "the loops did not slow it down: %s" % took


def test_it_returns_what_subprocess_returns(tmp_path):
    done = guard.run("echo out; echo err >&2; cat; exit 3", timeout=9, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)
    with pytest.raises(subprocess.CalledProcessError):
        guard.run(["false"], timeout=9, check=True)


def test_a_line_is_waited_for_under_guard():
    p = subprocess.Popen([sys.executable, "-uc", "print('one')\n" + SPIN], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        watch = guard.Guard(p, 0.5)
        watch.wait_for(p.stdout)
        assert p.stdout.readline() == "one\n"
        with pytest.raises(subprocess.TimeoutExpired):
            watch.wait_for(p.stdout)
        assert p.returncode is not None
        p = subprocess.Popen(["sh", "-c", "exit 4"], start_new_session=True)
        assert guard.Guard(p, 5).wait() == 4
    finally:
        guard.kill(p)


def test_the_emulator_counts_its_own_processor_time():
    import asyncio

    import emulator

    async def spin():
        while True:
            await asyncio.sleep(0)

    async def work():
        await asyncio.sleep(2.5)  # a busy machine
        return 5

    async def fail():
        raise RuntimeError("stopped")

    assert asyncio.run(emulator.within(1, work())) == 5
    for work, kind in ((spin, TimeoutError), (fail, RuntimeError)):
        with pytest.raises(kind):
            asyncio.run(emulator.within(0.5, work()))
