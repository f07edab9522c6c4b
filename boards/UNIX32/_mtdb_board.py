"""Storage defaults of this board."""

BOARD = "UNIX32"
DEFAULTS = {}
BTREE_MENDED = True  # by ports/btree: no record size has to be avoided


def region():
    """Return the region of "flash:": NOR flash kept in a file, whose name MTDB_REGION may give."""
    import norflash
    import os

    return norflash.File(os.getenv("MTDB_REGION") or "microtether.flash")
