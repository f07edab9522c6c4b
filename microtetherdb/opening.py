"""Opening and closing: quota, fall-back to a file, one opening per file, the session counter."""

import gc
import os

from . import keys
from .clock import Clock
from .lock import open_files
from .store import Store

_MIN_QUOTA = 8 * 512  # bytes: below this an in-memory database is of no use

def open_store(cfg, warn):
    """Return (store, clock, name, quota) for a resolved configuration.

    Raises `DBLock` when the file is open already, `DBCorrupt` and `DBFull` as the page log
    finds it.
    """
    pagesize = cfg["btree_pagesize"]
    quota = 0
    if cfg["in_memory"]:
        gc.collect()
        quota = gc.mem_free() * cfg["ram_percentage"] // 100
        if quota >= max(_MIN_QUOTA, 5 * pagesize):
            from .ramstream import RamStream

            try:
                store = Store(RamStream(pagesize), pagesize, quota, None, _mended())
                return store, Clock(), "RAM", quota
            except MemoryError:
                pass
        warn("%d bytes of RAM are not enough for an in-memory database; using %s" % (quota, _name(cfg["filename"])))
    name = _name(cfg["filename"])
    if name in open_files:
        from .errors import DBLock

        raise DBLock(name + " is open already")
    open_files.append(name)
    try:
        return open_persistent(cfg) + (name, 0)
    except BaseException:
        open_files.remove(name)
        raise


def open_persistent(cfg):
    """Return (store, clock) on the page log of `cfg["filename"]`."""
    from . import pagelog

    target = cfg["filename"]
    if target == "flash:":
        from .config import board

        b = board()
        target = b.region() if b is not None else None
        if target is None:
            raise ValueError("filename: this board has no database region for 'flash:'")
    log = pagelog.open(
        target, cfg["btree_pagesize"], max_retries=cfg["max_retries"], retry_delay=cfg["retry_delay"]
    )
    try:
        store = Store(log, log.pagesize, cfg["btree_cachesize"], log, _mended())
        clock = Clock(True, store.get(keys.META))
    except BaseException:
        log.close()
        raise
    return store, clock


def _mended():
    # Our images mend Berkeley DB's page split in ports/btree.
    from .config import board

    return getattr(board(), "BTREE_MENDED", False)


def _name(filename):
    if not isinstance(filename, str):
        return "device %d" % id(filename)
    return filename if filename == "flash:" else full_path(filename)


def full_path(path):
    """Return `path` with the current folder before it, unless it is absolute."""
    if path.startswith("/"):
        return path
    cwd = os.getcwd()
    return (cwd if cwd.endswith("/") else cwd + "/") + path
