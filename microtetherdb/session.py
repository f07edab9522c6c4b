"""Session numbers: the first half of generated keys."""

import os

from . import keys


def begin(db):
    """Return six hexadecimal digits that no generated key of this database begins with yet."""
    if not db._store.ram:
        n = _counted(db)
    elif db._session:
        n = int(db._session, 16) + 1  # its keys sort behind those made before
    else:
        n = _drawn() & 0x7FFFFF
    return "%06x" % n


def _drawn():
    try:
        return int.from_bytes(os.urandom(3), "big")
    except AttributeError:
        import time

        return time.ticks_cpu()


def _counted(db):
    clock = db._clock
    clock.session += 1
    db._store.commit(True)  # a key that was handed out is not made again after a power cut
    return clock.session
