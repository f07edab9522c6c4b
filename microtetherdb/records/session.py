"""Session numbers: the first half of generated keys."""

import os


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
