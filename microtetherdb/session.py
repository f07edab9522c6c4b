"""Session numbers: the first half of generated keys."""

import os

from micropython import const

from . import keys

_KEYS = const(0xFFFFFF)  # of one session, see keys.py


def begin(db):
    """Return six hexadecimal digits that no key of this database begins with yet, also none that was put with a key or loaded."""
    store = db._store
    if not store.ram:
        n = db._clock.session
    elif db._session:
        n = int(db._session, 16)  # its keys sort behind those made before
    else:
        n = _drawn() & 0x7FFFFF
    while True:
        n += 1
        session = "%06x" % n
        if store.first(session.encode()) is None:
            break
    if not store.ram:
        db._clock.session = n
        store.commit(True)  # a key that was handed out is not made again after a power cut
    return session


def _drawn():
    try:
        return int.from_bytes(os.urandom(3), "big")
    except AttributeError:
        import time

        return time.ticks_cpu()


def several(db, n):
    """Return a list of n new keys, with the lock held."""
    out = []
    while len(out) < n:
        out.append(keys.generated(db))  # begins a session when one is needed
        session = db._session
        first = db._keys_made + 1
        last = min(_KEYS, first - 1 + n - len(out))
        made = ["%s%06x" % (session, i) for i in range(first, last + 1)]
        if made:
            for _ in db._store.scan(made[0].encode(), made[-1].encode() + b"\0", 1):
                last = _KEYS  # one is in use: on to the next session
                made = ()
                break
        db._keys_made = last
        out.extend(made)
    return out
