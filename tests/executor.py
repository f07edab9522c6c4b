"""The host's end of tests/device/lib/executor.py: a MicroPython process that runs operations on one database."""

import json
import os
import signal
import subprocess

import guard
from conftest import LIB, PROGRAMS, ROOT


class Device:
    """A MicroPython process that runs the executor."""

    def __init__(self, board, folder):
        self.command = [str(PROGRAMS[board]), "-X", "heapsize=16M", str(LIB / "executor.py")]
        self.folder = folder
        # the stock build has nothing frozen in
        source = [str(ROOT)] if board == "stock" else os.environ.get("MTDB_SOURCE", "").split()
        self.path = [*source, ".frozen", str(LIB)]
        self.process = None

    def call(self, name, *args, **kw):
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=dict(os.environ, MICROPYPATH=":".join(self.path)), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True,
            )  # fmt: skip
        self.process.stdin.write(json.dumps([name, args, kw], ensure_ascii=False) + "\n")
        self.process.stdin.flush()
        guard.Guard(self.process, 120).wait_for(self.process.stdout)  # an answer is one line
        line = self.process.stdout.readline()
        assert line, "the device died, status %s" % self.process.wait()
        return json.loads(line)

    def kill(self):
        """Cut the power: what only the process knew is gone."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None
