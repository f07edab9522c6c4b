"""The host's end of tests/device/lib/executor.py: a MicroPython process that runs operations on one database."""

import json
import os
import signal
import subprocess

import guard
from conftest import LIB, PROGRAMS, QEMU, ROOT


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

    def forget(self, *names):
        """Remove files."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def kill(self):
        """Cut the power: what only the process knew is gone."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


class Board:
    """As `Device`, on a QEMU board: the lines go over its serial port."""

    def __init__(self, board, folder):
        self.board = QEMU[board]
        self.memory = folder / board
        self.process = self.machine = None

    def call(self, name, *args, **kw):
        import qemu

        if self.machine is None:
            text = (LIB / "executor.py").read_text()
            modules = {path[4:]: data for path, data in qemu.emulator.modules(text, LIB).items()}
            # The answers, all records each time, need more room than a device's heap has beside the database.
            qemu.prepare(self.board, self.memory, {**modules, "executor.py": text.encode()}, {}, 1 << 20)
            self.machine = qemu.Machine(self.board, self.memory, 60)
            self.process = self.machine.process
            self.machine.start("import executor\nexecutor.main()")
        self.machine.limit(120)
        self.machine.send(json.dumps([name, args, kw], ensure_ascii=False).encode() + b"\r")
        said = b""
        while True:
            line = self.machine.until(b"\n").strip()
            if line.startswith(b"{"):
                return json.loads(line)
            said += line + b"\n"
            assert b"\x04" not in self.machine.got, "the device's program ended:\n" + said.decode(errors="replace")

    def forget(self, *names):
        """Remove files, all there are."""
        self.kill()
        self.memory.unlink(missing_ok=True)

    def kill(self):
        """Cut the power: what is on the RAM disk stays."""
        if self.machine is not None:
            self.machine.close()
            self.process = self.machine = None
