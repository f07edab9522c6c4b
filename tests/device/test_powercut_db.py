# boards: unix unix32 m33
# qemu heap: 4m
"""SPEC 5: after a power cut everything flushed is there, whole operations only, in order, and check() is clean."""

import gc
import sys
import vfs

import dbcuts

LONG = "long" in getattr(sys, "argv", ())

for kind in ("lfs", "fat", "region") if hasattr(vfs, "VfsFat") else ("lfs", "region"):
    lab = None
    gc.collect()
    lab = dbcuts.run(kind, LONG)
    print(lab)
    assert lab.cuts * lab.nth > 200
print("OK")
