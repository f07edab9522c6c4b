"""Flash layout of a board: reads and checks boards/BOARD/flash.csv."""

import re

from common import BOARDS, Failure

BLOCK = 0x1000  # erase block of the flash chips
NAMES = ["boot loader", "slot A", "slot B", "control", "database", "file system"]
CHIP = {"rp2040": 2 << 20, "rp2350": 4 << 20}  # bytes of flash on the boards that we build for


def layout(name, chip):
    """Return {region: (offset, size)} in flash order; Failure when regions overlap, are unaligned or leave the chip."""
    regions = {}
    end = 0
    for line in (BOARDS / name / "flash.csv").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        region, offset, size = (word.strip() for word in line.split(","))
        offset, size = int(offset, 0), int(size, 0)
        if offset % BLOCK or size % BLOCK or not size:
            raise Failure("boards/%s/flash.csv: %s is not made of whole erase blocks of %d bytes" % (name, region, BLOCK))
        if offset < end:
            raise Failure("boards/%s/flash.csv: %s overlaps what is before it" % (name, region))
        end = offset + size
        regions[region] = (offset, size)
    if end > CHIP[chip]:
        raise Failure("boards/%s/flash.csv: %d bytes do not fit the %s board's %d" % (name, end, chip, CHIP[chip]))
    if list(regions) != NAMES or regions["boot loader"][0]:
        raise Failure("boards/%s/flash.csv: there must be %s, from offset 0" % (name, ", ".join(NAMES)))
    if regions["control"][1] != 2 * BLOCK or sum(regions["control"]) != regions["database"][0]:
        raise Failure("boards/%s/flash.csv: control is two erase blocks in front of the database" % name)
    if regions["slot A"][1] != regions["slot B"][1]:
        raise Failure("boards/%s/flash.csv: slot A and slot B differ in size" % name)
    if sum(regions["database"]) != regions["file system"][0]:
        raise Failure("boards/%s/flash.csv: the file system does not follow the database" % name)
    text = (BOARDS / name / "_mtdb_board.py").read_text()
    frozen = int(re.search(r"_DATABASE = const\((\w+)\)", text).group(1), 0)
    if frozen != regions["database"][1]:
        raise Failure("boards/%s: _mtdb_board.py has a database of %d bytes, flash.csv of %d" % (name, frozen, regions["database"][1]))
    return regions


def check_image(name, size, regions):
    """Return the bytes left in an image's slot; Failure when it outgrows that."""
    slot = regions["slot A"][1]
    if size > slot:
        raise Failure(
            "the image of %s has %d bytes, %d more than its slot: freeze less (boards/%s/manifest.py) or change boards/%s/flash.csv"
            % (name, size, size - slot, name, name)
        )
    return slot - size
