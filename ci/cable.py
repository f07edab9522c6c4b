#!/usr/bin/env python3
"""cable.py BOARD [PORT] [--wait S] [--folder DIR]: update a board with two slots over its USB cable, without BOOTSEL (make update).

The image goes into the slot that does not run, is verified there, started on trial and confirmed: by the board's own main.py, for
which it waits S seconds, or, where there is none, from here, once a database in RAM works. UPDATE_KEY signs, for boards with a key.
Run it with build/venv's Python.
"""

import argparse
import ast
import os
import re
import sys
import time
from pathlib import Path

import updates
from common import DIST, Failure, board, library_version, main
from flash import serial_port
from release import images, update_images

# The watchdog of the program that was interrupted is stopped (WATCHDOG.CTRL.ENABLE).
STATUS = """
import machine, os, sys, _mtdb_board
from microtetherdb import ota
machine.mem32[0x4005b000 if 'RP2040' in sys.implementation._machine else 0x400db000] = 1 << 30
up = ota.Updater(allow_unsigned=True)
print(repr((_mtdb_board.BOARD, up.status(), 'main.py' in os.listdir())))
"""

# Asks with "?N" for N bytes of the image; without an answer for 20 s it gives up, and restarts where half an answer came, for which
# `readinto` waits for ever. Ctrl-C is a byte as others meanwhile.
WAIT = 20000  # ms
UPDATE = """
import asyncio, machine, micropython, select, sys
timer = machine.Timer()
class Cable:
    def __init__(self):
        self.poll = select.poll()
        self.poll.register(sys.stdin, select.POLLIN)
    def readinto(self, buf):
        sys.stdout.write('?%%d\\n' %% len(buf))
        for i in range(0, len(buf), 256):
            if not self.poll.poll(WAIT):
                raise OSError(110)
            timer.init(mode=machine.Timer.ONE_SHOT, period=WAIT, callback=lambda t: machine.reset())
            sys.stdin.buffer.readinto(buf[i:i + 256])
            timer.deinit()
        return len(buf)
up.forget()
micropython.kbd_intr(-1)
try:
    asyncio.run(up.update(%r, Cable()))
finally:
    micropython.kbd_intr(3)
""".replace("WAIT", str(WAIT))

CONFIRM = """
def works():
    from microtetherdb import MicroTetherDB
    with MicroTetherDB('update') as db:
        db.put('a', {'n': 1})
        return db.get('a')['n'] == 1
up.confirm(works)
"""


class Board:
    """The board at a serial port, at its raw REPL."""

    def __init__(self, port):
        self.port = port
        self.link = None

    def connect(self, seconds=10):
        """Interrupt what runs there, and soft-reset. Raises Failure when it does not answer within so many seconds."""
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport

        end = time.monotonic() + seconds
        while True:
            self.close()
            try:
                self.link = SerialTransport(self.port, timeout=1)
                self.quietly(self.link.enter_raw_repl, timeout_overall=5)
                self.link.serial.timeout = 60
                return
            except (TransportError, OSError) as e:
                if time.monotonic() > end:
                    raise Failure("the board at %s does not answer: %s" % (self.port, e)) from None
                time.sleep(0.3)

    @staticmethod
    def quietly(function, **options):
        """Call mpremote's function without what it prints when it tries again."""
        out = sys.stdout
        with open(os.devnull, "w") as sys.stdout:
            try:
                return function(**options)
            finally:
                sys.stdout = out

    def close(self):
        """Close the port."""
        if self.link:
            try:
                self.link.close()
            except OSError:  # the board is away
                pass
            self.link = None

    def run(self, code, feed=None):
        """Run code; return what it printed. `feed(n)` gives the bytes that it asks for."""
        self.link.exec_raw_no_follow(code)
        printed = b""
        while not printed.endswith(b"\x04"):
            byte = self.link.serial.read(1)
            if not byte:
                raise Failure("the board at %s stopped answering" % self.port)
            printed += byte
            asked = re.search(rb"^\?(\d+)\r?\n$", printed, re.M) if feed and byte == b"\n" else None
            if asked:
                self.link.serial.write(feed(int(asked.group(1))))
                printed = b""
        error = self.link.read_until(1, b"\x04")[:-1].decode(errors="replace").strip()
        if error:
            raise Failure("the board refused: %s" % error.splitlines()[-1])
        return printed[:-1].decode(errors="replace")

    def status(self):
        """Return (name, the updater's status, whether there is a main.py)."""
        return ast.literal_eval(self.run(STATUS).strip())

    def reset(self):
        """Restart it."""
        self.link.exec_raw_no_follow("print('restarts')\nup.restart()")
        self.link.read_until(1, b"restarts", timeout=20)
        time.sleep(0.5)
        self.close()


def update(name, port, folder, version, wait=15, key=None, show=print):
    """Update the board at `port` with the images in `folder`. Raises Failure."""
    found = update_images(images(folder)) if folder.is_dir() else []
    if len(found) != 2:
        raise Failure("%s has no images for two slots; build them with: make firmware BOARD=%s" % (folder, name))
    try:
        updates.linked(name, found)
        manifest = updates.make(found[0], name, version, second=found[1], key=key)
    except updates.Refused as e:
        raise Failure(str(e)) from None
    device = Board(port)
    try:
        device.connect()
        there, status, program = device.status()
        if there != name:
            raise Failure("the board at %s is a %s, not a %s" % (port, there, name))
        data = memoryview(found[1 - status["slot"]].read_bytes())
        sent = 0

        def feed(n):
            nonlocal sent
            piece = bytes(data[sent : sent + n])
            sent += n
            show("\r  slot %s: %d of %d bytes" % ("AB"[1 - status["slot"]], min(sent, len(data)), len(data)), end="", flush=True)
            return piece

        device.run(UPDATE % (manifest,), feed)
        show("\r  slot %s: %d bytes written and verified; restarting ..." % ("AB"[1 - status["slot"]], len(data)))
        device.reset()
        if program:
            show("  waiting %d s for main.py to confirm ..." % wait)
            time.sleep(wait)
        device.connect(30)
        old, status = status, device.status()[1]
        if status["running"] == "pending" and not program:
            device.run(CONFIRM)
            status = device.status()[1]
        device.reset()
        if status["slot"] == old["slot"]:
            raise Failure("version %s did not start; %s runs on" % (version, old["version"] or "the one before"))
        if status["running"] != "valid":
            raise Failure("main.py did not confirm version %s within %d s (docs/update.md): the one before starts again" % (version, wait))
        show("  %s runs version %s, from slot %s, confirmed" % (name, status["version"], "AB"[status["slot"]]))
    finally:
        device.close()


def script(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board")
    parser.add_argument("port", nargs="?")
    parser.add_argument("--wait", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args(argv)
    if board(args.board)["port"] != "rp2":
        raise Failure("%s is not updated over the cable: make flash BOARD=%s, or docs/update.md" % (args.board, args.board))
    port = serial_port(args.port)
    if not port:
        raise Failure("no serial port found: plug the board in, or say which with PORT=")
    update(args.board, port, args.folder or DIST / args.board, library_version(), args.wait, os.environ.get("UPDATE_KEY"))


if __name__ == "__main__":
    main(script)
