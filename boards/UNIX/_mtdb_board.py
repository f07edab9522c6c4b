"""Storage defaults of this board."""

import gc

BOARD = "UNIX"
DEFAULTS = {}
FILE_CACHE = min(131072, gc.mem_free() // 16)  # btree_cachesize of files on the computer's own file system, unless given
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
