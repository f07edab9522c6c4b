"""Guards against hanging that do not depend on what else the machine does.

A limit counts the seconds of processor time that a process and all that it started have used. For those that hang without using any,
there is a second limit, on the time in which none of them runs or waits for the processor: some times as long, as they may be waiting
for another process that is slow because of the load.
"""

import ctypes
import os
import select
import signal
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None)
LOOK = 0.5  # seconds between two looks


def with_us():
    """For `preexec_fn`: the process ends with the tests, also when these are killed (PR_SET_PDEATHSIG)."""
    _libc.prctl(1, signal.SIGKILL)


class Guard:
    """Watches the session of a process: start it with `start_new_session=True`. `limit`: seconds of processor time from the first `check`."""

    def __init__(self, process, limit):
        self.process = process
        self.limit = limit
        self.patience = 4 * limit + 240  # seconds asleep
        self.asleep = 0
        self.start = self.last = None

    def check(self):
        """Kill the session and raise `subprocess.TimeoutExpired` if it is over its limits."""
        used, awake = _usage(self.process.pid)
        now = time.monotonic()
        if self.start is None:
            self.start = used
        elif not awake:
            self.asleep += now - self.last
        self.last = now
        if used - self.start > self.limit or self.asleep > self.patience:
            self.over()

    def over(self):
        """End what took too long."""
        kill(self.process)
        raise subprocess.TimeoutExpired(self.process.args, self.limit)

    def wait_for(self, stream):
        """Return when there is something to read from `stream` (a file or a descriptor), or at its end."""
        while not select.select([stream], [], [], LOOK)[0]:
            self.check()

    def wait(self):
        """Return the exit status of the process, when it has ended."""
        while True:
            try:
                return self.process.wait(LOOK)
            except subprocess.TimeoutExpired:
                self.check()


def _usage(session):
    # (seconds of processor time, whether anything runs, waits for the processor or for a disk) of all processes of a session.
    ticks = 0
    awake = False
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = _fields(entry.path)
            if int(stat[3]) == session:
                ticks += sum(int(n) for n in stat[11:15])  # its own, and what its children had used that have ended
                awake = awake or any(_fields(task)[0] in "RD" for task in os.scandir(entry.path + "/task"))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended
    return ticks / TICKS, awake


def _fields(path):
    # proc(5), from the state on: behind the name, which may hold spaces.
    return (Path(path) / "stat").read_text().rpartition(")")[2].split()


def kill(process):
    """End a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(command, timeout, capture_output=False, check=False, **options):
    """As `subprocess.run`, but `timeout` counts processor time; all that the command started ends with it if it fails to end itself."""
    if capture_output:
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    options.setdefault("stdin", subprocess.DEVNULL)
    with subprocess.Popen(command, start_new_session=True, preexec_fn=with_us, **options) as process:
        guard = Guard(process, timeout)
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=LOOK)
                    break
                except subprocess.TimeoutExpired:
                    pass
                try:
                    guard.check()
                except subprocess.TimeoutExpired as e:
                    e.output, e.stderr = process.communicate()
                    raise
        finally:
            if process.poll() is None:
                kill(process)
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done
