"""Storage defaults of this board, and where its memory beside the heap is."""

from micropython import const

BOARD = "QEMU_RV32"
DEFAULTS = {"btree_cachesize": 6144}  # as on the Picos
BTREE_MENDED = True  # by ports/btree: no record size has to be avoided, a delete is safe, a scan that fails says so

MEMORY = const(0x81000000)  # see ports/qemu/modules/ramdisk.py


def region():
    """Return the region of "flash:": NOR flash in memory, gone when QEMU ends."""
    import ramdisk

    return ramdisk.flash
