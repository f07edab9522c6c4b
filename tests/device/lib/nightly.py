"""Whether the long versions of the tests are wanted (make test-nightly). Boards have no environment: tests/emulator.py tells them."""

import os
import sys

NIGHTLY = hasattr(os, "getenv") and bool(os.getenv("MTDB_NIGHTLY"))
# A board is slow: the few cases that a script does there.
FEW = not NIGHTLY and sys.platform != "linux"
# By how much coarser the sweeps over places of failure are; the same code fails on a computer of 32 bits as on one of 64.
COARSER = 1 if NIGHTLY else 2 if sys.maxsize > 1 << 32 else 6
