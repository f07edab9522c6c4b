"""The store of a persistent database: a tree on a page log.

After a failure in the middle of a change the tree is opened anew at the last commit, and what was acknowledged since
then, kept in RAM until it is committed, is applied again.
"""

from ..errors import DBFull
from ..loading import module
from .store import Store


class LogStore(Store):
    """`log`: a `PageLog`."""

    ram = False

    def __init__(self, log, cachesize):
        self.log = log
        self._redo = {}
        log.before_compaction = self.commit  # space is freed by a commit
        log.cache = cachesize
        # Key and value of exactly this size break Berkeley DB's page split (docs/format.md). Our own images have that
        # mended, but files may be opened elsewhere.
        super().__init__(log, log.pagesize, cachesize, (log.pagesize - 20) // 2 - 14)

    def get(self, key):
        """Return the value of a key, or None."""
        if self._tree is None:
            self.recover()
        try:
            return self._tree.get(key)
        except BaseException as e:
            self._broken(e)
        return self.get(key)

    # Failure and recovery

    def _again(self, error):
        # Whether the call may simply be done again after recovery, because what failed was not its own.
        return self.log.again() and isinstance(error, Exception)

    def _broken(self, error):
        # C code was left in the middle: what it has in RAM is not to be trusted.
        again = self._again(error)
        self._drop()
        if not again:
            self._reraise(error)

    def recover(self):
        """Bring the tree back to all that was acknowledged. Raises what the medium raises: the next call tries again. `DBClosed`."""
        if self.log.medium is None:
            module("storage.closed").Closed().put(None, None)
        while True:
            self._drop()
            if self._pending is not None:
                self._forget(*self._pending)
            self.log.error = None
            self.log.rollback()
            tree = self._hurt = self._open()
            try:
                self._change(tree, self._redo.items())  # what came after the last commit
                self._end(tree)
                return
            except BaseException as e:
                again = self._again(e)
                self._drop()
                if not again:
                    self._reraise(e)  # the next call tries again

    def _change(self, tree, changes):
        for key, value in changes:
            if value is not None:
                tree[key] = value
            elif key in tree:
                del tree[key]

    # What is to be done again is entered before the tree is changed: afterwards there may be no RAM for it, and a
    # change list would be split.

    def _begin(self, changes):
        # Enter a change list, and take the tree out until it is applied; returns the tree.
        redo = self._redo
        tree = self._tree
        was = [redo.get(key, redo) for key, value in changes]
        self._pending = changes, was
        self._scan = None
        self.changed += 1
        self._hurt = tree
        self._tree = None
        for key, value in changes:
            redo[key] = value
        return tree

    def _end(self, tree):
        log = self.log
        if log.error is not None and not log.broken:
            log.error = None  # of a page that Berkeley DB wanted in passing (bt_put.c, bt_fast) and then found another way
        self._tree = tree
        self._hurt = self._pending = None

    def _forget(self, changes, was):
        # Take a change list that broke off out again, the last entry first; it may be done again when that breaks off.
        redo = self._redo
        n = len(changes)
        while n:
            n -= 1
            key = changes[n][0]
            if was[n] is not redo:
                redo[key] = was[n]
            else:
                redo.pop(key, None)
        self._pending = None

    def _undo(self, error):
        # As `_broken`, with all that was acknowledged brought back at once.
        log = self.log
        again = self._again(error)
        cause = log.error
        try:
            self.recover()
        except Exception:
            if again:
                raise  # this is what keeps the call from being done; the next one tries again
        if not again:
            log.error = cause
            self._reraise(error)

    # Changes

    def put(self, key, value):
        """Set one key (str or bytes), as `apply` does."""
        if key.__class__ is str:
            key = key.encode()
        value = self._sized(key, value)
        n = len(value)
        if self._tree is None:
            self.recover()
        if key[0]:  # the database's own state is written on a full medium too, as deletes are
            self._reserve(n + 2 * self.pagesize)
        try:
            tree = self._begin(((key, value),))
            tree[key] = value
            self._end(tree)
        except BaseException as e:
            self._undo(e)
            return self.put(key, value)
        self.log.step()
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, key, value)

    def _room(self, need):
        log = self.log
        if log.broken:
            self.recover()  # background work failed; a full log can do nothing before that
        try:
            log.reserve(need)
        except OSError:
            if not log.medium.moved():
                raise
            self._room(need)  # a sector was retired while room was made

    def _reserve(self, need):
        try:
            self._room(need)
        except DBFull:
            if self.on_full is None or not self.on_full():
                raise
            self.commit()
            self._room(need)

    def _reserve_for(self, need, n):
        # A change list: what only deletes goes on, on a full medium, with what the log keeps for that.
        more = 2 * self.pagesize * n
        if need:
            return self._reserve(need + more)
        try:
            self._room(more)
        except DBFull:
            if self.log.medium.overfull():
                raise

    def apply(self, changes):
        """Apply a list of (key, value), bytes, value None deletes; all or nothing.

        Raises `DBFull` before anything is changed when there is no room for it.
        """
        need = self._padded(changes)
        if self._tree is None:
            self.recover()
        self._reserve_for(need, len(changes))
        try:
            tree = self._begin(changes)
            self._change(tree, changes)
            self._end(tree)
        except BaseException as e:
            self._undo(e)
            return self.apply(changes)
        self.log.step()
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, changes, None)

    def delete(self, key):
        """Remove one key (str or bytes); returns 0 or 1."""
        if key.__class__ is str:
            key = key.encode()
        if self._tree is None:
            self.recover()
        try:
            if key not in self._tree:
                return 0
        except BaseException as e:
            self._broken(e)
            return self.delete(key)
        self._reserve_for(0, 1)
        try:
            tree = self._begin(((key, None),))
            del tree[key]
            self._end(tree)
        except BaseException as e:
            self._undo(e)
            return self.delete(key)
        self.log.step()
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, key, None)
        return 1

    # Durability

    def commit(self, force=False):
        """Make everything acknowledged durable; `force`: the log's state also if there is nothing else."""
        log = self.log
        if self._tree is None:
            self.recover()
        if not self._redo and not force:
            return
        try:
            if self._tree.flush():
                self._reraise(OSError(5))
            log.commit(force)
        except BaseException as e:
            if isinstance(e, DBFull) and log.waits():
                raise  # nothing is lost, in the tree, the log or RAM: the next commit goes on
            self._undo(e)
            return self.commit(force)
        self._redo.clear()

    def write_some(self, pages):
        """Write at most `pages` changed pages ahead of the next commit, which then has less to do; True if there are more."""
        log = self.log
        if not self._redo or self._tree is None:
            return False
        log.allowance = pages
        try:
            if not self._tree.flush():
                return False
            if log.error is None:
                return True  # Berkeley DB stops at the first page that the log does not take, and goes on from there
            self._reraise(OSError(5))
        except BaseException as e:
            self._undo(e)
            return True
        finally:
            log.allowance = -1

    def dirty(self):
        """Tell whether there is something to commit."""
        return bool(self._redo)

    def clear(self, changes):
        """Remove every key, and set those of a list of (key, value); all or nothing, and durable."""
        self.commit()
        self.changed += 1
        try:
            self._drop()  # no tree until all is durable: what breaks off is undone by `recover()`
            self.log.clear()
            tree = self._hurt = self._open()
            self._change(tree, changes)
            if tree.flush():
                self._reraise(OSError(5))
            self.log.commit(True)
            self._end(tree)
        except BaseException as e:
            self._undo(e)
            return self.clear(changes)

    def close(self, force=False):
        """Commit (`force`: see there) and let go of the tree and its stream."""
        try:
            self.commit(force)
        finally:
            self._drop()
            try:
                if self._redo:  # the commit failed: nothing of it may be committed now
                    self.log.rollback()
            finally:
                self.log.close()

    def discard(self):
        """Let go of the tree and its stream without a commit."""
        self._drop()
        log = self.log
        medium, log.medium = log.medium, None
        if medium is not None:
            medium.close()
