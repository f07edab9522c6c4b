"""Start-up of the QEMU boards: file systems in memory that is not the heap's.

`/`: littlefs on a RAM disk, made anew unless the memory holds one. `/rom`: a ROMFS that whoever started QEMU put into its memory.
"""

import sys
import vfs

import ramdisk


def _start():
    try:
        vfs.mount(vfs.VfsLfs2(ramdisk.device), "/")
    except OSError:
        ramdisk.flash.erase()
        vfs.VfsLfs2.mkfs(ramdisk.device)
        vfs.mount(vfs.VfsLfs2(ramdisk.device), "/")
    if bytes(ramdisk.rom[:3]) == b"\xd2\xcd\x31":
        vfs.mount(vfs.VfsRom(ramdisk.rom), "/rom")
        sys.path.append("/rom")


_start()
