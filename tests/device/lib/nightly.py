"""Whether the long versions of the tests are wanted (make test-nightly). Boards have no environment: tests/emulator.py tells them."""

import os
import sys

NIGHTLY = hasattr(os, "getenv") and bool(os.getenv("MTDB_NIGHTLY"))
# A board is slow: the few cases that a script does there.
FEW = not NIGHTLY and sys.platform != "linux"
# By how much coarser the sweeps over places of failure are on a computer of 32 bits, where the same code fails: all of them on 64 bits.
COARSER = 1 if NIGHTLY or sys.maxsize > 1 << 32 else 3
