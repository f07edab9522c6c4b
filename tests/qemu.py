"""The QEMU boards' images in QEMU. Each run is a power-on; the machine's memory, with its RAM disk, can persist in a file.

Code goes into the memory as a ROMFS, compiled, so that nothing passes the serial line but the command that starts it and what it prints.
As a program it runs one script, with files beside it, or without one opens the REPL: qemu.py BOARD [SCRIPT [FILE...]].
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))
sys.path.insert(0, str(ROOT / "tests"))
import emulator  # noqa: E402
import guard  # noqa: E402

BOARDS = {
    # board: (QEMU's program, its arguments, bytes of memory in the file, where ramdisk.py's memory starts in it)
    "QEMU_M33": ("qemu-system-arm", ["-machine", "mps2-an505,memory-backend=ram"], 16 << 20, 0),
    "QEMU_RV32": ("qemu-system-riscv32", ["-machine", "virt,memory-backend=ram", "-m", "32M", "-bios", "none"], 32 << 20, 16 << 20),
}
ROM, DISK, FLASH = 4 << 20, 2 << 20, 1 << 20  # bytes, as in ports/qemu/modules/ramdisk.py
FAULT = re.compile(rb"exception caught:.*xPSR: \w+\r?\n|MACHINE EXCEPTION CAUGHT.*MCAUSE=[^\n]*\n|uncaught NLR", re.S)


def image(board):
    """Return the path of the built .elf."""
    found = sorted((ROOT / "dist" / board).glob("*.elf"))
    if not found:
        raise AssertionError("the %s image is not built; run: make firmware BOARD=%s" % (board, board))
    return found[-1]


def compiled(text, name):
    """Return the bytecode of a module; `name` is what tracebacks call it. Text that does not compile stays text."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "x.py"
        source.write_bytes(text)
        done = subprocess.run([ROOT / "build" / "mpy-cross" / "mpy-cross", "-s", name, source], capture_output=True)
        return source.with_suffix(".mpy").read_bytes() if done.returncode == 0 else None


def romfs(modules):
    """Return a ROMFS of these modules, {file name: text as bytes}."""
    from mpremote.romfs import VfsRomWriter

    writer = VfsRomWriter()
    for name, text in modules.items():
        code = compiled(text, name)
        writer.mkfile(name if code is None else name[:-2] + "mpy", text if code is None else code)
    return writer.finalise()


def command(board, memory, monitor=None, extra=()):
    """Return the command that starts a board on the memory in the file `memory`."""
    program, machine, size, _ = BOARDS[board]
    backend = "memory-backend-file,id=ram,size=%d,mem-path=%s,share=on" % (size, memory)
    serial = ["-serial", "mon:stdio"] if monitor is None else ["-serial", "stdio", "-monitor", "unix:%s,server,nowait" % monitor]
    return [program, *machine, "-object", backend, "-nographic", *serial, "-semihosting", "-kernel", str(image(board)), *extra]


def prepare(board, memory, modules, files, heap=0):
    """Put modules into the ROMFS of a memory file, which is made with these files on its disk if there is none, and the size of the heap.

    Whatever else was in the memory goes.
    """
    _, _, size, at = BOARDS[board]
    disk = b""
    if memory.exists():
        with open(memory, "rb") as f:
            f.seek(at + ROM)
            disk = f.read(DISK + FLASH)
    elif files:
        disk = emulator.littlefs(files, DISK // 4096) + b"\xff" * FLASH
    with open(memory, "wb") as f:  # all other memory is zero, as after power-on
        f.truncate(size)
        f.seek(at)
        f.write(romfs(modules))
        f.seek(at + ROM)
        f.write(disk)
        f.seek(at + ROM + DISK + FLASH)
        f.write(heap.to_bytes(4, "little"))


class Machine:
    """A board that is running, at its REPL. `memory`, `extra`: see `run`. AssertionError with the guest's registers when it crashes."""

    def __init__(self, board, memory, timeout, extra=()):
        self.board = board
        self.timeout = timeout
        self.folder = tempfile.TemporaryDirectory()
        self.monitor = Path(self.folder.name) / "monitor"
        line = command(board, memory, self.monitor, extra)
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=guard.with_us
        )
        self.got = b""

    def start(self, code):
        """Give code to the raw REPL."""
        self.limit(self.timeout)
        self.until(b">>> ")
        self.send(b"\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")
        self.send(code.encode() + b"\x04")
        self.until(b"OK")

    def limit(self, seconds):
        """Allow so many seconds of processor time from now on."""
        self.watch = Watch(self, seconds)

    def send(self, data):
        """Write to the serial line."""
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def until(self, mark):
        """Return what comes on the serial line in front of `mark`."""
        data = b"-"
        while mark not in self.got:
            if not data or FAULT.search(self.got):
                raise AssertionError("%s crashed\n%s" % (self.board, _text(self.got)))
            self.watch.wait_for(self.process.stdout)
            data = os.read(self.process.stdout.fileno(), 65536)
            self.got += data
        part, _, self.got = self.got.partition(mark)
        return part

    def registers(self):
        """Return the guest's registers, asked of QEMU's monitor."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.monitor))
            s.sendall(b"info registers\n")
            time.sleep(0.5)
            text = s.recv(65536).decode(errors="replace")
        return text[text.find("info registers") :]

    def close(self):
        """Cut the power. What is in the memory is in its file."""
        guard.kill(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()


class Watch(guard.Guard):
    """A guard that asks a machine for its registers before it ends it."""

    def __init__(self, machine, limit):
        super().__init__(machine.process, limit)
        self.machine = machine

    def over(self):
        """Raise AssertionError with what is known."""
        text = self.machine.registers()
        guard.kill(self.process)
        raise AssertionError("no end within %s s of processor time\n%s\n%s" % (self.limit, _text(self.machine.got), text))


def run(code, board, memory, files=None, timeout=60, lib=None, heap=0, extra=()):
    """Run code on a board; return what it printed. AssertionError with the device's traceback, or with the registers where it crashed.

    `memory`: path of a file with the machine's memory, made when absent with `files` on its RAM disk; `timeout`: seconds of processor time;
    `heap`: bytes, at most 8 MB; 0: the image's own 192 KB; `extra`: more arguments of QEMU.
    """
    memory = Path(memory)
    modules = {"script.py": code.encode()}
    if lib:
        modules.update((path[4:], text) for path, text in emulator.modules(code, Path(lib)).items())
    files = {path: data.encode() if isinstance(data, str) else data for path, data in (files or {}).items()}
    prepare(board, memory, modules, files, heap)
    machine = Machine(board, memory, timeout, extra)
    try:
        machine.start("import script")
        out = machine.until(b"\x04")
        error = machine.until(b"\x04")
    finally:
        machine.close()
    if error:
        raise AssertionError("status 1 on %s\n%s" % (board, _text(out + error)))
    return _text(out)


def _text(data):
    return data.decode(errors="replace").replace("\r\n", "\n")


def main(argv):
    board, *paths = argv
    with tempfile.TemporaryDirectory() as folder:
        memory = Path(folder) / "memory"
        if not paths:
            prepare(board, memory, {}, {}, 0)
            print("  QEMU %s; Ctrl-A X ends it" % board, flush=True)
            return subprocess.call(command(board, memory))
        try:
            print(
                run(
                    Path(paths[0]).read_text(),
                    board,
                    memory,
                    files={Path(path).name: Path(path).read_bytes() for path in paths[1:]},
                    timeout=600,
                    lib=ROOT / "tests" / "device" / "lib",
                    heap=int(os.environ.get("MTDB_HEAP", 0)),
                ),
                end="",
            )
        except (AssertionError, OSError) as e:
            sys.exit(str(e))
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
