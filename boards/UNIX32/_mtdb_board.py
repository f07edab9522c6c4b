"""Storage defaults of this board."""

BOARD = "UNIX32"
DEFAULTS = {}
BTREE_MENDED = True  # by ports/btree: no record size has to be avoided

device = None  # of "flash:", the same each time: it tells that the region is open already


def region():
    """Return the region of "flash:": NOR flash kept in a file, whose name MTDB_REGION may give."""
    global device
    if device is None:
        import norflash
        import os

        device = norflash.File(os.getenv("MTDB_REGION") or "microtether.flash")
    return device
