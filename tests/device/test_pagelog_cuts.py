# boards: unix unix32 rv32
# nightly: m33
# qemu heap: 4m
"""SPEC 5: a power cut at any program or erase leaves the last commit's pages, or the next one's."""

import gc
import sys
import vfs

import logcuts

LONG = "long" in getattr(sys, "argv", ())

for kind in ("lfs", "fat", "region") if hasattr(vfs, "VfsFat") else ("lfs", "region"):
    lab = None
    gc.collect()
    lab = logcuts.run(kind, LONG)
    print(lab)
    assert lab.cuts * lab.nth > 300
print("OK")
