"""Session numbers: the first half of generated keys."""

import os

from micropython import const

from . import keys

_KEYS = const(0xFFFFFF)  # of one session, see keys.py


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


def several(db, n):
    """Return a list of n new keys, with the lock held."""
    out = []
    while len(out) < n:
        out.append(keys.generated(db))  # begins a session when one is needed
        session = db._session
        first = db._keys_made + 1
        db._keys_made = min(_KEYS, first - 1 + n - len(out))
        for i in range(first, db._keys_made + 1):
            out.append("%s%06x" % (session, i))
    return out
