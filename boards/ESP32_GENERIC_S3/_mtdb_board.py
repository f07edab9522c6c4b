"""Storage defaults of this board. The database region is the partition "mtdb" (see partitions.csv)."""

BOARD = "ESP32_GENERIC_S3"
DEFAULTS = {}


def region():
    """Return the database region, the block device of "flash:"; None when the partition table has none."""
    from esp32 import Partition

    found = Partition.find(Partition.TYPE_DATA, label="mtdb")
    return found[0] if found else None
