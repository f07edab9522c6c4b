"""The database lock, for threads; tasks of one loop need none, as no call runs the loop."""

import os
import time

try:
    from _thread import allocate_lock, get_ident
except ImportError:  # firmware without threads

    class allocate_lock:
        def locked(self):
            return False

        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

    def get_ident():
        return 1


HOME = get_ident()  # the thread that imports the package; an event loop belongs to it

# The places that are open in this process (places.py): name -> [whether it is open, what is held against other processes ...].
open_files = {}
places = allocate_lock()  # for changes of it
NOWHERE = [False]


def release(place):
    """Let go of a place. That it is open no more is one step, which nothing can break off."""
    place[0] = False
    while len(place) > 1:
        place.pop().close()


def full_path(path):
    """Return `path` with the current folder before it, unless it is absolute."""
    if path.startswith("/"):
        return path
    cwd = os.getcwd()
    return (cwd if cwd.endswith("/") else cwd + "/") + path


def hold(db):
    """Return the lock of a database, for `with`, when it looks free. Raises `DBLock`, `DBClosed`.

    MicroPython looks for Ctrl-C at jumps, and there is none between a `with` that takes the lock and its guard.
    """
    if not db._open:
        from .errors import DBClosed

        raise DBClosed("the database is closed")
    if db._lock.locked():
        wait(db)
    return db._lock


def wait(db):
    """Wait until the lock of a database looks free, or raise `DBLock` after `lock_timeout`."""
    lock = db._lock
    end = time.ticks_add(time.ticks_ms(), int(db._timeout * 1000))
    while lock.locked():
        if time.ticks_diff(end, time.ticks_ms()) <= 0:
            from .errors import DBLock

            raise DBLock("lock not free within lock_timeout (%s s)" % db._timeout)
        time.sleep_ms(1)
