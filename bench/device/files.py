# Files of the benchmarks.

import os


def remove(*names):
    for name in names:
        try:
            os.remove(name)
        except OSError:
            pass
