"""Ordered bytes -> bytes on the firmware's `btree`: what the store in RAM and the one on a page log have in common.

A change list is applied wholly or not at all: `ram_store` changes back what was changed, `log_store` does again what was
acknowledged since the last commit.
"""

import btree
from micropython import const

from ..loading import module

try:
    from _mtdb_board import BTREE_MENDED
except ImportError:  # stock firmware
    BTREE_MENDED = False


_EIO = const(5)
_ENOMEM = const(12)
_ENOSPC = const(28)
_KEYS = const(1)

# Made here: there may be no room for a tuple then.
_FAILURES = (OSError, MemoryError)
_BREAKS = (OSError, MemoryError, KeyboardInterrupt)  # what C code that scans may be left by


def open_tree(stream, pagesize, cachesize):
    """Open a B-tree on a stream, on stock firmware with what its deletes need."""
    tree = btree.open(stream, pagesize=pagesize, cachesize=cachesize)
    if BTREE_MENDED:
        return tree
    return module("storage.stock").Tree(tree)


def discard(tree, stream):
    """Close a tree without letting it write."""
    stream.dead = True
    try:
        tree.close()
        for _ in "1":  # what the stream raised waits for a jump (ports/btree/glue.c)
            pass
    except _FAILURES:
        pass  # its pages were not to be written anyway
    finally:
        stream.dead = False  # or all that is written later would be lost


class Store:
    """`stream`: a `RamStream` or a `PageLog`; `bad`: a size of key and value to be avoided, or 0."""

    log = None
    _redo = ()  # what is acknowledged and not committed

    def __init__(self, stream, pagesize, cachesize, bad):
        self._stream = stream
        self.pagesize = pagesize
        self._cachesize = cachesize
        self.bad = bad
        self._scan = None
        self.changed = 0  # how often something was
        self.mirror = None  # what is told of each change list, see mirrors.py
        self.on_full = None  # called to remove expired records; returns how many it removed
        self._tree = None
        # A change that breaks off (Ctrl-C, no RAM for a page of a split, a page that cannot be written) leaves the store
        # without a tree; the next call recovers. No second Ctrl-C in an `except` gets past that.
        self._hurt = None  # the tree while it is being changed, and after a change that broke off
        self._pending = None  # what recovery needs to know of that change
        self._tree = self._open()

    def _open(self):
        try:
            return open_tree(self._stream, self.pagesize, self._cachesize)
        except OSError as e:
            if self.log is not None and self.log.error is None and e.args[0] != _ENOMEM:
                raise module("errors").DBCorrupt("its pages are no B-tree (errno %d)" % e.args[0])
            self._reraise(e)

    def _drop(self):
        # Close the tree without letting it write.
        self._scan = None
        tree = self._tree or self._hurt
        self._hurt = tree
        self._tree = None
        if tree is not None:
            discard(tree, self._stream)
            self._hurt = None

    def _reraise(self, error):
        # The stream keeps the reason that C code can only tell as a number.
        log = self.log
        if log is not None and log.error is not None:
            if isinstance(error, OSError):
                error = log.error
            log.error = None
        if isinstance(error, OSError) and error.args and error.args[0] in (_ENOMEM, _ENOSPC):
            raise module("errors").DBFull("out of RAM" if error.args[0] == _ENOMEM else "file system is full")
        raise error

    def _sized(self, key, value):
        # The value, longer by a space where the size of key and value is the bad one.
        n = len(key.encode()) if key.__class__ is str else len(key)
        return value + b" " if n + len(value) == self.bad else value

    def _padded(self, changes):
        # Give a change list's values sizes that are not the bad one; return the bytes that it may need.
        need = i = 0
        bad = self.bad
        for key, value in changes:
            if value is not None:
                n = len(key) + len(value)
                need += n + 16
                if n == bad:
                    changes[i] = (key, value + b" ")
            i += 1
        return need

    def _broken(self, error):
        # A scan failed.
        self._reraise(error)

    def read(self, key):
        """Return the value of a key, or None."""
        return self.get(key)

    # Scans

    def first(self, prefix):
        """Return the first key that begins with `prefix`, or None."""
        for key in self.scan(prefix, None, _KEYS):
            return key if key.startswith(prefix) else None
        return None

    def scan(self, start=None, end=None, what=0, desc=False):
        """Yield (key, value) from `start` (included) to `end` (excluded), bytes or None: all of them, or raise.

        `what` 1: keys only. `desc`: from the end downwards. The tree may be changed between
        two steps: the scan then seeks again behind the last key it gave.
        """
        last = item = None
        while True:
            if self._tree is None:
                self.recover()
            tree = self._tree
            token = self._scan = object()
            if last is not None:
                if desc:
                    end = last
                else:
                    start = last + b"\0"
            item = None
            try:
                if desc:
                    it = self._down(tree, start, end, what)
                else:
                    it = tree.keys(start, end) if what else tree.items(start, end)
                for item in it:
                    yield item
                    if self._scan is not token:
                        break
                else:
                    if self._ended():
                        return
            except _BREAKS as e:
                self._broken(e)
            if item is not None:
                last = item if what else item[0]

    def at_once(self, work):
        """Return `work(tree)`, for what reads much with the lock held from first to last; done again when that is to be."""
        while True:
            if self._tree is None:
                self.recover()
            tree = self._tree
            self._scan = object()
            try:
                out = work(tree)
                if self._ended():
                    return out
            except _BREAKS as e:
                self._broken(e)
            except ValueError:
                if self._tree is tree:
                    raise
                # a look-up within `work` recovered, which closed the tree

    def _ended(self):
        # Whether the end of an iteration is the end. Stock Berkeley DB, while it seeks, takes a page that cannot be read for it.
        if self.log is None or self.log.error is None:
            return True
        self._broken(self.log.error)
        return False

    def _down(self, tree, start, end, what):
        # btree's descending iteration begins at the first key at or above `end`, or at none.
        if end is not None:
            for key in tree.keys(end):
                break
            else:
                if self.log is not None and self.log.error is not None:
                    raise OSError(_EIO)
                end = None
        seen = end
        it = tree.keys(end, start, btree.DESC | btree.INCL) if what else tree.items(end, start, btree.DESC | btree.INCL)
        for item in it:
            if seen is not None and (item if what else item[0]) >= seen:
                continue
            yield item
