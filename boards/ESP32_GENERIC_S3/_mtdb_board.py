"""Storage defaults of this board. The database region is the partition "mtdb" (see partitions.csv)."""

BOARD = "ESP32_GENERIC_S3"
DEFAULTS = {}

device = None  # of "flash:", the same each time: it tells that the region is open already


def region():
    """Return the database region, the block device of "flash:"; None when the partition table has none."""
    global device
    if device is None:
        from esp32 import Partition

        found = Partition.find(Partition.TYPE_DATA, label="mtdb")
        device = found[0] if found else None
    return device
