"""The RPI_PICO image in the rp2040py emulator. Each run is a power cycle; the whole flash can persist in a file.

As a program it runs one script: emulator.py IMAGE SCRIPT --flash FILE [--cut NS] [--timeout S]. `run` starts that as a process
of its own, so that a hanging emulator is ended for sure.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))
sys.path.insert(0, str(ROOT / "tests"))
import guard  # noqa: E402
import layout  # noqa: E402

IMAGES = ROOT / "dist" / "RPI_PICO"
CUT = 75  # exit status after a power cut
RUNNERS = []  # what a script printed so far, in the process that runs the emulator
RESET = 76  # exit status when the device reset itself


def image():
    """Return the path of the built .uf2."""
    found = sorted(IMAGES.glob("*.uf2"))
    if not found:
        raise AssertionError("the RPI_PICO image is not built; run: make firmware BOARD=RPI_PICO")
    return found[-1]


def littlefs(files, blocks):
    """Return an image of a littlefs with these files, {path: bytes}."""
    from littlefs import LittleFS

    fs = LittleFS(
        block_size=4096, block_count=blocks, prog_size=256, read_size=256, cache_size=1024, lookahead_size=32, disk_version=0x00020000
    )
    for path, data in files.items():
        folder = path.rpartition("/")[0]
        if folder:
            fs.makedirs(folder, exist_ok=True)
        with fs.open(path, "wb") as f:
            f.write(data)
    return bytes(fs.context.buffer)


def fresh_flash(files):
    """Return the 2 MB of a factory-new chip with a file system that holds these files."""
    regions = layout.layout("RPI_PICO", "rp2040")
    start, size = regions["file system"]
    flash = bytearray(b"\xff" * (2 << 20))
    flash[start : start + size] = littlefs(files, size // 4096)
    return flash


def modules(code, lib):
    """Return {path: bytes} of the modules in the folder `lib` that the code, or one of them, imports."""
    found = {}
    texts = [code]
    while texts:
        for name in re.findall(r"^\s*(?:import|from) (\w+)", texts.pop(), re.M):
            path = lib / (name + ".py")
            if path.exists() and "lib/" + path.name not in found:
                data = path.read_bytes()
                if name == "nightly" and os.environ.get("MTDB_NIGHTLY"):
                    data += b"NIGHTLY, FEW = True, False\n"  # a board has no environment
                found["lib/" + path.name] = data
                texts.append(path.read_text())
    return found


def run(code, flash, files=None, timeout=120, lib=None, cut=None, installed=False, tear=None, resets=False):
    """Run code on the emulated board; return what it printed. AssertionError with the device's traceback.

    `flash`: path of a file with the chip's contents, made when absent, updated at the end. `files`: written to the file system when
    the flash is made, like the modules of the folder `lib` that the code names. `cut`: nanoseconds of device time after the start of
    the script at which the power goes; then what was printed so far is returned. `timeout`: seconds of processor time.

    `installed`: start what is on the chip, instead of putting the image there first. `tear`: (operation, seed): the erase or program of
    the flash, counted from power-on, that the power goes in. `resets`: the device may reset itself, which ends the run, too.
    """
    flash = Path(flash)
    if not flash.exists():
        contents = {name: data.encode() if isinstance(data, str) else data for name, data in (files or {}).items()}
        contents.update(modules(code, Path(lib)) if lib else {})
        flash.write_bytes(fresh_flash(contents))
    elif files:
        raise ValueError("files: only when the flash is made")
    script = flash.with_suffix(".py")
    script.write_text(code)
    command = [sys.executable, __file__, str(image()), str(script), "--flash", str(flash), "--timeout", str(timeout)]
    if cut is not None:
        command += ["--cut", str(cut)]
    if installed:
        command += ["--installed"]
    if tear:
        command += ["--tear", "%d,%d" % tear]
    try:
        done = guard.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout + 60)
    except subprocess.TimeoutExpired as e:
        raise AssertionError(
            "the emulator did not end within %s s of processor time\n%s" % (timeout, (e.stdout or b"").decode(errors="replace"))
        ) from None
    output = done.stdout.decode(errors="replace").replace("\r\n", "\n")
    if done.returncode not in (0, CUT if cut is not None or tear else 0, RESET if resets else 0):
        raise AssertionError("status %d on rp2\n%s" % (done.returncode, output))
    return output


def board_spec(path):
    """Return rp2040py's description of a Pico with our image."""
    from rp2040py.boards import BOARDS

    return dataclasses.replace(BOARDS["pico"], image=path)


async def within(seconds, work):
    """Await `work`; `TimeoutError` once this process has used so many seconds of processor time, however busy the machine is."""
    end = time.process_time() + seconds
    task = asyncio.ensure_future(work)
    while not task.done():
        if time.process_time() > end:
            task.cancel()
            raise TimeoutError("no end within %d s of processor time" % seconds)
        await asyncio.wait([task], timeout=1)
    return task.result()


class Torn:
    """The power goes in the erase or program of the flash with the number `operation`, which is done in part; `stop()` is called."""

    def __init__(self, device, operation, seed, stop):
        self.ssi = device.mcu.ssi
        self.flash = device.mcu.flash
        self.left = operation
        self.random = random.Random(seed)
        self.stop = stop
        self.apply = self.ssi._apply_command
        self.ssi._apply_command = self.command

    def command(self):
        sent = self.ssi._tx_buffer
        if sent and sent[0] in (0x20, 0xD8, 0x02) and self.ssi._write_enabled:
            self.left -= 1
            if self.left < -1:  # the power is gone
                self.ssi._tx_buffer = bytearray()
                return
            if self.left == -1:
                at = int.from_bytes(sent[1:4], "big") & ~0xFFF
                before = bytes(self.flash[at : at + 4096])
                self.apply()
                share = self.random.choice((0, 0.3, 0.7, 1))
                for i, old in enumerate(before):
                    if self.flash[at + i] != old and self.random.random() >= share:
                        self.flash[at + i] = old
                self.stop()
                return
        self.apply()


async def execute(device, code, cut, timeout):
    """Run code; stop the chip `cut` ns of its time after the start unless that is None. Return (output, exit status)."""
    from rp2040py.device import mp_device

    class Runner(mp_device.RawReplRunner):
        """Keeps what was printed so far, and starts the countdown when the device takes the script."""

        def __init__(self, *args, **kw):
            super().__init__(*args, **kw)
            RUNNERS.append(self)

        def feed(self, data):
            waiting = self._stage == "await_ok"
            super().feed(data)
            if waiting and self._stage == "stdout" and cut is not None:
                alarm.schedule(cut)

    def power_off():
        cut_now.append(True)
        device.stop()

    cut_now = []
    alarm = device.simulator.clock.create_alarm(power_off)
    mp_device.RawReplRunner = Runner
    try:
        out, err = await within(timeout, device.aexec(code, timeout=None))
        return out + err, 1 if err else 0
    except TimeoutError as e:
        return bytes(RUNNERS[0]._stdout) + ("\n%s" % e).encode(), 1
    except RuntimeError:
        if not cut_now:
            raise
        return bytes(RUNNERS[0]._stdout), CUT


def quiet_host(cdc):
    """Let the USB host send nothing while it has nothing to send.

    rp2040py's host answers each time that the device is ready to receive after 10 us, with an empty packet when there is no data; a
    real one does not answer then. The firmware handled these packets between bytecodes: half the time of code in Python went there.
    """
    answer = cdc.usb.on_endpoint_read

    def on_endpoint_read(endpoint, size):
        if endpoint == cdc._out_endpoint and not cdc.tx_fifo.item_count:
            cdc.usb.endpoint_read_done(endpoint, b"", 10000)  # look again in 10 ms
        else:
            answer(endpoint, size)

    cdc.usb.on_endpoint_read = on_endpoint_read


def install(path, flash):
    """Put the merged UF2 `path` into `flash`, a chip's contents. The control region says already that slot A is valid: the check
    after a copy by cable takes a second here."""
    import slots

    written = slots.parts(path.read_bytes())
    regions = layout.layout("RPI_PICO", "rp2040")
    for address, page in written.items():
        at = address - slots.FLASH
        flash[at : at + len(page)] = page
    start = regions["control"][0]
    size = int.from_bytes(flash[start + 12 : start + 16], "little")
    image = bytes(flash[regions["slot A"][0] :][:size])
    flash[start : start + 2 * layout.BLOCK] = slots.control(image, states=(slots.VALID, slots.EMPTY))


def plug_in(path, flash):
    """Return the device with this image and the chip's contents in the file `flash`, before power-on; `path` None: with the images
    that are there."""
    from rp2040py.device import MicroPythonDevice

    device = MicroPythonDevice(board=board_spec(path or image()))
    quiet_host(device.cdc)
    contents = bytearray(flash.read_bytes())
    if path:
        install(path, contents)
    device.mcu.flash[: 2 << 20] = contents
    return device


def unplug(device, flash):
    """Power off, and write the chip's contents to the file `flash`."""
    device.stop()
    flash.write_bytes(bytes(device.mcu.flash[: 2 << 20]))


def interactive(flash):
    """Connect the device's REPL with this terminal until Ctrl-X."""

    async def repl():
        from rp2040py.cli.stdio_repl import StdioInteractiveRepl

        device = plug_in(image(), flash)
        shutdown = device.simulator.shutdown_request
        await within(60, device.astart(timeout=None))
        console = StdioInteractiveRepl(device.cdc, device.simulator, on_quit=shutdown.request)
        await console.start()
        device.cdc.send_serial_byte(ord("\r"))  # the first prompt came before this terminal was there
        while not shutdown.event.is_set():
            await asyncio.sleep(0.05)
        await console.stop()
        unplug(device, flash)

    asyncio.run(repl())


@contextlib.contextmanager
def serial_port(flash, installed=False):
    """Run the RPI_PICO image on a flash file: gives the path of its serial port, a pseudo-terminal that loses nothing. `installed`: as
    for `run`."""
    board = subprocess.Popen(
        [sys.executable, __file__, "serve", flash, *["installed"][: installed]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=guard.with_us,
    )  # fmt: skip
    try:
        guard.Guard(board, 120).wait_for(board.stdout)
        port = board.stdout.readline().strip()
        assert port, "the emulator did not start"
        yield port
    finally:
        board.stdin.close()
        guard.Guard(board, 60).wait()
        board.stdout.close()


async def serve(flash, installed):
    """The process of `serial_port`; it ends with its standard input."""
    from rp2040py.cli.pty_repl import PtyInteractiveRepl

    device = plug_in(None if installed else image(), flash)
    await within(60, device.astart(timeout=None))
    port = PtyInteractiveRepl(device.cdc, device.simulator, on_quit=lambda status: None)
    await port.start()
    print(port.slave_path, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await port.stop()
    unplug(device, flash)


async def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("image", type=Path)
    parser.add_argument("script", type=Path)
    parser.add_argument("--flash", type=Path, required=True)
    parser.add_argument("--cut", type=int)
    parser.add_argument("--installed", action="store_true")
    parser.add_argument("--tear")
    parser.add_argument("--timeout", type=float, default=120)
    args = parser.parse_args(argv)
    device = plug_in(None if args.installed else args.image, args.flash)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def end(status):
        if not ended.done():
            ended.set_result((b"", status))
            device.stop()

    def stand_still(code):
        # A fault ends at the "bkpt" of its handler, where a core without a debugger locks up; this emulator knows neither.
        device.mcu.core.waiting = True

    device.mcu.watchdog.on_watchdog_trigger = lambda: end(RESET)
    device.mcu.on_break = stand_still
    if args.tear:
        Torn(device, *map(int, args.tear.split(",")), lambda: end(CUT))

    async def start():
        await within(60, device.astart(timeout=None))
        return await execute(device, args.script.read_text(), args.cut, args.timeout)

    work = asyncio.ensure_future(start())
    await asyncio.wait([work, ended], return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        ended.set_result(work.result())
    printed, status = ended.result()
    unplug(device, args.flash)
    sys.stdout.write((printed or RUNNERS and bytes(RUNNERS[0]._stdout) or b"").decode(errors="replace"))
    sys.stdout.flush()
    os._exit(status)  # a chip that stopped while it started leaves tasks behind that wait for it


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(Path(sys.argv[2]), len(sys.argv) > 3))
    else:
        sys.exit(asyncio.run(main(sys.argv[1:])))
