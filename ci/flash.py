#!/usr/bin/env python3
"""flash.py BOARD [PORT]: write the board's image to a connected device. Run it with build/venv's Python."""

import glob
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from common import DIST, Failure, board, main


def uf2_drive():
    """Return where the boot ROM's drive is mounted (RPI-RP2, or RP2350 on a Pico 2), or None."""
    for info in glob.glob("/media/*/*/INFO_UF2.TXT") + glob.glob("/media/*/INFO_UF2.TXT") + glob.glob("/run/media/*/*/INFO_UF2.TXT"):
        return Path(info).parent
    return None


def serial_port(wanted):
    """Return the serial port to use, or None."""
    found = [wanted] if wanted else sorted(glob.glob("/dev/ttyACM*") + glob.glob("/dev/ttyUSB*"))
    found = [port for port in found if os.path.exists(port)]
    if len(found) > 1:
        raise Failure("there are several serial ports (%s): say which with PORT=" % " ".join(found))
    return found[0] if found else None


def flash_rp2(name, port):
    """Copy the .uf2 to the boot ROM's drive, going there by mpremote when the device runs MicroPython."""
    image = sorted((DIST / name).glob("*.uf2"))[-1]
    drive = uf2_drive()
    if drive is None and serial_port(port):
        print("  entering the boot loader through %s ..." % serial_port(port))
        mpremote = Path(sys.executable).with_name("mpremote")
        subprocess.call([mpremote, "connect", serial_port(port), "bootloader"], stdout=subprocess.DEVNULL)
        for _ in range(20):
            drive = drive or uf2_drive()
            time.sleep(0.5)
    if drive is None:
        raise Failure(
            "no %s found: hold BOOTSEL while plugging it in and mount its drive, or plug in one that runs MicroPython, "
            "then run this again (image: dist/%s/%s)" % (name, name, image.name)
        )
    if name == "RPI_PICO2" and "RP2350" not in (drive / "INFO_UF2.TXT").read_text():
        raise Failure("the board at %s is not a Pico 2" % drive)
    print("  copying %s to %s ..." % (image.name, drive))
    shutil.copy(image, drive)
    print("  done; the board starts the new firmware by itself")


def flash_esp32(name, port):
    """Write the .bin with esptool."""
    spec = board(name)
    images = sorted((DIST / name).glob("*.bin"))
    if not images:
        raise Failure("dist/%s has no image; build it with: make firmware BOARD=%s" % (name, name))
    port = serial_port(port)
    if not port:
        raise Failure("no serial port found: plug the board in, or say which with PORT=")
    offset = "0x1000" if spec["mcu"] == "esp32" else "0x0"
    tool = Path(sys.executable).with_name("esptool")
    return subprocess.call([tool, "--chip", spec["mcu"], "--port", port, "write-flash", offset, images[-1]])


def script(argv):
    name, port = argv[0], argv[1] if len(argv) > 1 else None
    kind = board(name)["port"]
    if kind == "rp2":
        return flash_rp2(name, port)
    if kind == "esp32":
        return flash_esp32(name, port)
    raise Failure("%s is not a device: run it with: make try BOARD=%s" % (name, name))


if __name__ == "__main__":
    main(script)
