"""Storage defaults of this board. rp2.Flash addresses the part of the flash behind the application (see flash.csv)."""

from micropython import const

BOARD = "RPI_PICO"
DEFAULTS = {"btree_cachesize": 6144}  # twelve pages: with fewer, a record with tags is in and out of the cache again and again
BTREE_MENDED = True  # by ports/btree: no record size has to be avoided, a delete is safe, a scan that fails says so

_DATABASE = const(0x50000)  # bytes, checked against flash.csv by the build

device = None  # of "flash:", the same each time: it tells that the region is open already


def region():
    """Return the database region, the block device of "flash:"."""
    global device
    if device is None:
        import rp2

        device = rp2.Flash(start=0, len=_DATABASE)
    return device


def filesystem():
    """Return the block device of the file system."""
    import rp2

    return rp2.Flash(start=_DATABASE, len=rp2.Flash().ioctl(4, 0) * rp2.Flash().ioctl(5, 0) - _DATABASE)


def slot():
    """Return the update slots."""
    from microtetherdb.ota.slot_rp2 import PicoSlot

    return PicoSlot()
