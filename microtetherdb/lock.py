"""The database lock, for threads; tasks of one loop need none, as no call runs the loop."""

import os
import time

try:
    from _thread import allocate_lock
except ImportError:  # firmware without threads

    class _NoLock:
        def acquire(self, wait=True):
            return True

        def release(self):
            pass

    allocate_lock = _NoLock

open_files = []  # full paths of the files that are open in this process


def full_path(path):
    """Return `path` with the current folder before it, unless it is absolute."""
    if path.startswith("/"):
        return path
    cwd = os.getcwd()
    return (cwd if cwd.endswith("/") else cwd + "/") + path


def wait(lock, timeout):
    """Acquire `lock` within `timeout` seconds, or raise `DBLock`."""
    end = time.ticks_add(time.ticks_ms(), int(timeout * 1000))
    while not lock.acquire(False):
        if time.ticks_diff(end, time.ticks_ms()) <= 0:
            from .errors import DBLock

            raise DBLock("lock not free within lock_timeout (%s s)" % timeout)
        time.sleep_ms(1)
