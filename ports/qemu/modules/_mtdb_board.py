"""Storage defaults of the QEMU boards, and where their memory beside the heap is."""

import sys

BOARD = sys.implementation._build
DEFAULTS = {"btree_cachesize": 6144}  # as on the Picos
BTREE_MENDED = True  # by ports/btree: no record size has to be avoided, a delete is safe, a scan that fails says so

MEMORY = 0x80000000 if BOARD == "QEMU_M33" else 0x81000000  # MTDB_MEMORY of its mpconfigboard.mk, see ramdisk.py


def region():
    """Return the region of "flash:": NOR flash in memory, gone when QEMU ends."""
    import ramdisk

    return ramdisk.flash
