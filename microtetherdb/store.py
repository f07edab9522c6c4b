"""Ordered bytes -> bytes on the firmware's `btree`: atomic change lists, scans, commits.

A change list is applied wholly or not at all. A persistent tree stands on a page log: after a
failure in the middle of a change the tree is opened anew at the last commit, and what was
acknowledged since then, kept in RAM until it is committed, is applied again. In RAM, what was
changed is changed back.
"""

import btree
from micropython import const

_ENOMEM = const(12)
_KEYS = const(1)

_FAILURES = (OSError, MemoryError)  # made here: there may be no room for a tuple then

len = len  # see database.py: a look-up by hash instead of a search


class Store:
    """`stream`: a `RamStream` or a `PageLog` (`log` is then the same object)."""

    def __init__(self, stream, pagesize, cachesize, log=None, mended=False):
        self._stream = stream
        self.pagesize = pagesize
        self._cachesize = cachesize
        self.log = log
        self.ram = log is None
        # Key and value of exactly this size break Berkeley DB's page split (docs/format.md). Our own
        # images have that mended (0: nothing to avoid), but files may be opened elsewhere.
        self.bad = 0 if mended and log is None else (pagesize - 20) // 2 - 14
        self._redo = {}
        self._cleared = False  # every key was removed since the last commit
        self._scan = None
        self._quota = cachesize
        self._left = cachesize // 3  # bytes of values until the quota is looked at
        self.mirror = None  # called with (key, value) of each change while a backup runs
        self.on_full = None  # called to remove expired records; returns how many it removed
        if self.ram:
            stream.on_spill = self._spilled
            # the cache holds the tree; pages that are half empty may take a quarter more
            self._cachesize = cachesize + cachesize // 4
        else:
            log.before_compaction = self.commit  # space is freed by a commit
            log.cache = cachesize
        self.put = self._put_ram if self.ram else self._put_log
        self._tree = None
        self._open()

    def _open(self):
        try:
            self._tree = btree.open(self._stream, pagesize=self.pagesize, cachesize=self._cachesize)
        except OSError as e:
            if self.log is not None and self.log.error is None:
                from .errors import DBCorrupt

                raise DBCorrupt("its pages are no B-tree (errno %d)" % e.args[0])
            self._reraise(e)
        self.get = self._tree.get if self.ram else self._get_log

    # Failure and recovery

    def _drop(self):
        # Close the tree without letting it write.
        self._scan = None
        tree = self._tree
        self._tree = None
        if self.ram:
            self.get = None
        if tree is not None:
            self._stream.dead = True
            try:
                tree.close()
            except _FAILURES:
                pass  # its pages were not to be written anyway
            finally:
                self._stream.dead = False  # or all that is written later would be lost

    def _get_log(self, key):
        if self._tree is None:
            self.recover()
        try:
            return self._tree.get(key)
        except BaseException as e:
            self._broken(e)
        return self._get_log(key)

    def _again(self, error):
        # Whether the call may simply be done again after recovery, because what failed was not its own.
        # Not after `clear`, which would be undone by that.
        return self.log.again() and not self._cleared and isinstance(error, Exception)

    def _broken(self, error):
        # C code was left in the middle: what it has in RAM is not to be trusted.
        log = self.log
        again = log is not None and self._again(error)
        if log is not None:
            self._drop()
        if not again:
            self._reraise(error)

    def recover(self):
        """Bring the tree back to all that was acknowledged."""
        while True:
            self._drop()
            self._cleared = False
            self.log.rollback()
            self._open()
            try:
                self._repeat()
                self.log.error = None
                return
            except BaseException as e:
                again = self._again(e)
                self._drop()
                if not again:
                    raise  # the next call tries again

    def _repeat(self):
        # Do again what came after the last commit.
        self._change(self._redo.items())

    def _change(self, changes):
        tree = self._tree
        for key, value in changes:
            if value is not None:
                tree[key] = value
            elif key in tree:
                del tree[key]

    # What is to be done again is entered before the tree is changed: afterwards there may be no RAM for it, and a
    # change list would be split.

    def _note(self, changes):
        redo = self._redo
        was = [redo.get(key, redo) for key, value in changes]
        n = 0
        try:
            for key, value in changes:
                n += 1
                redo[key] = value
        except BaseException:
            self._forget(changes, was, n)
            raise
        return was

    def _forget(self, changes, was, n):
        # Take back the first n, the last first.
        while n:
            n -= 1
            self._take_out(changes[n][0], was[n])

    def _take_out(self, key, was):
        redo = self._redo
        if was is not redo:
            redo[key] = was
        else:
            redo.pop(key, None)

    def _reraise(self, error):
        # The stream keeps the reason that C code can only tell as a number.
        log = self.log
        if log is not None and log.error is not None:
            if isinstance(error, OSError):
                error = log.error
            log.error = None
        if isinstance(error, OSError) and error.args and error.args[0] == _ENOMEM:
            from .errors import DBFull

            raise DBFull("out of RAM")
        raise error

    # Changes

    def _sized(self, key, value):
        # The value, longer by a space where the size of key and value is the bad one.
        n = len(key.encode()) if key.__class__ is str else len(key)
        return value + b" " if n + len(value) == self.bad else value

    def _put_log(self, key, value):
        # Set one key (str or bytes), as `apply` does.
        if key.__class__ is str:
            key = key.encode()
        value = self._sized(key, value)
        n = len(value)
        if self._tree is None:
            self.recover()
        if key[0]:  # the database's own state is written on a full medium too, as deletes are
            self._reserve(n + 2 * self.pagesize)
        self._scan = None
        redo = self._redo
        was = redo.get(key, redo)
        redo[key] = value
        try:
            self._tree[key] = value
        except BaseException as e:
            self._take_out(key, was)
            self._undo(e)
            return self._put_log(key, value)
        self.log.step()
        if self.mirror is not None:
            self.mirror(key, value)

    def _put_ram(self, key, value):
        if self.bad:
            value = self._sized(key, value)
        self._left -= len(value)
        if self._left < 0:
            self._room(self._size(len(value) + len(key)))
        self._scan = None
        self._tree[key] = value
        if self.mirror is not None:
            self.mirror(key, value)

    def _reserve(self, need):
        from .errors import DBFull

        try:
            self.log.reserve(need)
        except DBFull:
            if self.on_full is None or not self.on_full():
                raise
            self.commit()
            self.log.reserve(need)

    def _reserve_for(self, need, n):
        # A change list: what only deletes goes on, on a full medium, with what the log keeps for that.
        more = 2 * self.pagesize * n
        if need:
            return self._reserve(need + more)
        from .errors import DBFull

        try:
            self.log.reserve(more)
        except DBFull:
            pass

    def _undo(self, error):
        # As `_broken`, with all that was acknowledged brought back at once.
        log = self.log
        again = self._again(error)
        cause = log.error
        try:
            self.recover()
        except Exception:
            again = False  # the next call tries again
        if not again:
            log.error = cause
            self._reraise(error)

    def apply(self, changes):
        """Apply a list of (key, value), bytes, value None deletes; all or nothing.

        Raises `DBFull` before anything is changed when there is no room for it.
        """
        need = 0
        bad = self.bad
        for i, (key, value) in enumerate(changes):
            if value is not None:
                n = len(key) + len(value)
                need += n + 16
                if n == bad:
                    changes[i] = (key, value + b" ")
        if self.log is None:
            return self.put_many([c[0] for c in changes], [c[1] for c in changes], need)
        if self._tree is None:
            self.recover()
        self._reserve_for(need, len(changes))
        self._scan = None
        was = self._note(changes)
        try:
            self._change(changes)
        except BaseException as e:
            self._forget(changes, was, len(changes))
            self._undo(e)
            return self.apply(changes)
        self.log.step()
        if self.mirror is not None:
            for key, value in changes:
                self.mirror(key, value)

    def put_many(self, keys, values, need, fresh=False):
        """In RAM: set (or, value None, delete) many keys; all or nothing. Keys are str or bytes.

        `need`: bytes that the tree grows by; `fresh`: none of the keys is in it yet.
        """
        self._left -= need
        if need and self._left < 0:
            self._room(need)
        tree = self._tree
        get = tree.get
        self._scan = None
        old = {}
        i = 0
        try:
            for key in keys:
                if not fresh:
                    value = get(key)
                    if value is not None:
                        old[i] = value
                value = values[i]
                i += 1  # from here on the entry is to be taken back
                if value is not None:
                    tree[key] = value
                elif i - 1 in old:
                    del tree[key]
        except BaseException as e:
            self._take_back(keys, old, i)
            self._reraise(e)
        if self.mirror is not None:
            for i, key in enumerate(keys):
                self.mirror(key, values[i])

    def _take_back(self, keys, old, n):
        # Undo the first n changes of `put_many`, the last first.
        tree = self._tree
        while n:
            n -= 1
            key = keys[n]
            if n in old:
                tree[key] = old[n]
            elif key in tree:
                del tree[key]

    def delete(self, key):
        """Remove one key (str or bytes); returns 0 or 1."""
        if self.log is not None:
            return self._delete_log(key)
        self._scan = None
        try:
            del self._tree[key]
        except KeyError:
            return 0
        if self.mirror is not None:
            self.mirror(key, None)
        return 1

    def _delete_log(self, key):
        if key.__class__ is str:
            key = key.encode()
        if self._tree is None:
            self.recover()
        try:
            if key not in self._tree:
                return 0
        except BaseException as e:
            self._broken(e)
            return self._delete_log(key)
        self._reserve_for(0, 1)
        self._scan = None
        redo = self._redo
        was = redo.get(key, redo)
        redo[key] = None
        try:
            del self._tree[key]
        except BaseException as e:
            self._take_out(key, was)
            self._undo(e)
            return self._delete_log(key)
        self.log.step()
        if self.mirror is not None:
            self.mirror(key, None)
        return 1

    def read(self, key):
        """Return the value of a key, or None."""
        return self.get(key)

    # RAM quota: estimated upwards on each put, counted when the estimate reaches it.

    def _room(self, need):
        # Raise DBFull unless `need` more bytes fit into the quota, expired records aside.
        used = self.data_bytes() * 3 // 2 + need
        if used > self._quota or self._stream.pages:
            if self.on_full is not None and self.on_full():
                used = self.data_bytes() * 3 // 2 + need
            if used > self._quota:
                from .errors import DBFull

                self._left = 0
                raise DBFull("RAM quota of %d bytes is used up" % self._quota)
            if self._stream.pages:
                self._rebuild()
        # Short values cost more than their own bytes: look again after a third of what is left.
        self._left = (self._quota - used) // 3

    def _spilled(self):
        self._left = -1

    def _rebuild(self):
        # Deletes left many pages nearly empty: copy what there is into a new tree.
        stream = self._stream.another()
        tree = btree.open(stream, pagesize=self.pagesize, cachesize=self._cachesize)
        for key, value in self.scan():
            tree[key] = value
        self._drop()
        self._stream = stream
        self._tree = tree
        self.get = tree.get

    def data_bytes(self):
        """Return the bytes that all keys and values take in the tree's pages."""
        return sum(self._size(len(k) + len(v)) for k, v in self.scan())

    def _size(self, n):
        # Berkeley DB: 9 bytes of header and 2 of index; long values in pages of their own.
        if n < (self.pagesize - 20) // 2 - 14:
            return (n + 14) & ~3
        return (n // (self.pagesize - 20) + 1) * (self.pagesize + 40) * 2 // 3

    # Scans

    def first(self, prefix):
        """Return the first key that begins with `prefix`, or None."""
        for key in self.scan(prefix, None, _KEYS):
            return key if key.startswith(prefix) else None
        return None

    def scan(self, start=None, end=None, what=0, desc=False):
        """Yield (key, value) from `start` (included) to `end` (excluded), bytes or None.

        `what` 1: keys only. `desc`: from the end downwards. The tree may be changed between
        two steps: the scan then seeks again behind the last key it gave.
        """
        tree = token = last = item = None
        while True:
            if self._tree is None:
                self.recover()
            if self._tree is not tree or self._scan is not token:
                tree = self._tree
                token = self._scan = object()
                if desc:
                    it = self._down(tree, start, end if last is None else last, what)
                else:
                    if last is not None:
                        start = last + b"\0"
                    it = iter(tree.keys(start, end) if what else tree.items(start, end))
            try:
                item = next(it)
            except StopIteration:
                # Berkeley DB, while it seeks, takes a page that cannot be read for the end.
                if self.log is None or self.log.error is None:
                    return
                self._broken(self.log.error)
            except BaseException as e:
                self._broken(e)
            else:
                yield item
            if item is not None and self._scan is not token:
                last = item if what else item[0]

    def _down(self, tree, start, end, what):
        # btree's descending iteration begins at the first key at or above `end`, or at none.
        if end is not None:
            for key in tree.keys(end):
                break
            else:
                end = None
        seen = end
        it = tree.keys(end, start, btree.DESC | btree.INCL) if what else tree.items(end, start, btree.DESC | btree.INCL)
        for item in it:
            if seen is not None and (item if what else item[0]) >= seen:
                continue
            yield item

    # Durability

    def commit(self):
        """Make everything acknowledged durable."""
        log = self.log
        if log is None:
            return
        if self._tree is None:
            self.recover()
        if not self._redo:
            return
        try:
            if self._tree.flush():
                self._reraise(OSError(5))
            log.commit()
        except BaseException as e:
            self._undo(e)
            return self.commit()
        self._redo.clear()
        self._cleared = False

    def write_some(self, pages):
        """Write at most `pages` changed pages ahead of the next commit, which then has less to do; True if there are more."""
        log = self.log
        if log is None or not self._redo or self._tree is None:
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

    def clear(self):
        """Remove every key; a persistent tree is empty on the medium at the next commit."""
        if not self.ram:
            return self._clear_log()
        self._drop()
        self._stream = self._stream.another()
        self._left = self._quota // 3
        self._open()

    def _clear_log(self):
        self.commit()  # all or nothing: what fails before the next commit leaves what there is now
        self._drop()
        try:
            self.log.clear()
            self._open()
        except BaseException as e:
            self._undo(e)
            return self._clear_log()
        self._cleared = True

    def restore(self):
        """Go back to before `clear`, which nothing has committed yet."""
        if not self.ram:
            self._redo.clear()
            self._drop()

    def close(self):
        """Commit and let go of the tree and its stream."""
        try:
            self.commit()
        finally:
            self._drop()
            log = self.log
            if log is not None:
                try:
                    if self._redo:  # the commit failed: nothing of it may be committed now
                        log.rollback()
                finally:
                    log.close()
