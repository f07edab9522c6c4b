#!/usr/bin/env python3
"""try.py BOARD: REPL of the board's image, in its emulator where it needs one. Run it with build/venv's Python."""

import os
import sys

from common import BUILD, DIST, ROOT, Failure, board, main


def script(argv):
    name = argv[0]
    spec = board(name)
    if spec["port"] == "unix":
        program = DIST / name / "micropython"
        os.execv(program, [program])
    if spec["port"] == "qemu":
        sys.path.insert(0, str(ROOT / "tests"))
        import qemu

        return qemu.main(argv)
    if spec["mcu"] != "rp2040":
        raise Failure("there is no emulator for %s (%s); try BOARD=RPI_PICO or BOARD=UNIX" % (name, spec["mcu"]))
    sys.path.insert(0, str(ROOT / "tests"))
    import emulator

    flash = BUILD / "try" / "flash.bin"
    if not flash.exists():
        flash.parent.mkdir(parents=True, exist_ok=True)
        flash.write_bytes(emulator.fresh_flash({}))
    print("  emulated %s, slower than the chip; Ctrl-X ends it; its flash stays in %s" % (spec["product"], flash.relative_to(ROOT)))
    return emulator.interactive(flash)


if __name__ == "__main__":
    main(script)
