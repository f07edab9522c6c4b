"""Runs before everything else: mounts the file system on its part of the flash, formatting it when there is none."""

import _mtdb_board
import _mtdb_slot
import sys
import vfs

# Frozen modules first: a file left in the root folder does not shadow them (docs/firmware.md says how to do so on purpose).
sys.path.remove(".frozen")
sys.path.insert(0, ".frozen")

bdev = _mtdb_board.filesystem()
try:
    fs = vfs.VfsLfs2(bdev, progsize=256)  # the chip programs pages of 256 bytes
except OSError:
    vfs.VfsLfs2.mkfs(bdev, progsize=256)
    fs = vfs.VfsLfs2(bdev, progsize=256)
vfs.mount(fs, "/")

_mtdb_slot.started()  # what runs came up: the boot loader's watchdog is not needed any more

del bdev, fs, sys, vfs, _mtdb_board, _mtdb_slot
