"""Whether the long versions of the tests are wanted (make test-nightly); boards without an environment run the short ones."""

import os

NIGHTLY = hasattr(os, "getenv") and bool(os.getenv("MTDB_NIGHTLY"))
