"""Closing a database."""

from .loading import module
from .locking import hold


def stop(db):
    """Flush and close; the database raises `DBClosed` from then on. What fails leaves it open, with all that was acknowledged."""
    closed = module("storage.closed").Closed()
    with hold(db):
        if not db._open:
            return  # another thread was quicker
        store = db._store
        place = [False]
        if not store.ram:
            place = module("storage.places").open_files[db._name]
            store.commit(store.dirty() or db._expiry is not None)  # the time, for what expires
        mirrors = store.mirror or ()
        n = len(mirrors)
        while n:  # from the end: they take themselves out
            n -= 1
            mirrors[n].end()
        db._open = False
        db._store = closed
        store.changed += 1  # cursors look
        try:
            store.close()
        finally:
            place[0] = False
            if len(place) > 1:
                module("storage.places").release(place)
    if db._task is not None:
        module("background").cancel(db)
