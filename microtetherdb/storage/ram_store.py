"""The store of a database in RAM.

The tree's page cache is given the whole quota, so its pages live there, allocated one by one (no large block is ever
needed), and the stream below stays empty until the quota is used up: the pages that it then takes in tell that the
database is full. A change list that fails is changed back.
"""

import io
import sys

import btree
import uctypes
from micropython import const

from ..loading import module
from .store import BTREE_MENDED, Store, discard, open_tree

_SEEK = const(2)
_FEW = const(8)  # changes, of one record

# mp_off_t of the seek request: 64 bits on 64-bit hosts and where off_t is 64 bits wide.
_OFFSET = 8 if sys.maxsize > 1 << 31 else 4

len = len  # see database.py: a look-up by hash instead of a search


def _whole(tree):
    # Whether each key is found in its place.
    last = b""
    for key in tree.keys():
        if key <= last or key not in tree:
            return False
        last = key
    return True


class RamStream(io.IOBase):
    """A file of pages; `pages` is the number of pages it had to take in."""

    def __init__(self, pagesize):
        self._size = pagesize
        self._pages = {}
        self._pos = 0
        self.pages = 0
        self.on_spill = None  # called with each page taken in
        self.dead = False  # True: the tree is being thrown away, write nothing

    def another(self):
        """Return a new, empty stream of the same kind."""
        stream = RamStream(self._size)
        stream.on_spill = self.on_spill
        return stream

    def ioctl(self, request, arg):
        if request == _SEEK and not self.dead:
            at = uctypes.bytearray_at(arg, _OFFSET + 4)
            whence = at[_OFFSET]
            if whence == 0:
                self._pos = int.from_bytes(at[:_OFFSET], "little")
            elif whence == 2:
                # the size of the file: Berkeley DB asks once, when it opens
                at[:_OFFSET] = b"\0" * _OFFSET
                self._pos = 0
        return 0

    def readinto(self, buf):
        page = self._pages.get(self._pos)
        if page is None:
            return 0
        n = len(buf)
        buf[:] = page[:n]
        return n

    def write(self, buf):
        if self.dead:
            return len(buf)
        page = self._pages.get(self._pos)
        if page is None:
            page = bytearray(self._size)
            self._pages[self._pos] = page
            self.pages += 1
            self.on_spill()
        page[: len(buf)] = buf
        return len(buf)


class RamStore(Store):
    """`stream`: a `RamStream`; `quota`: bytes."""

    ram = True

    def __init__(self, stream, pagesize, quota, bad):
        self.quota = quota
        self._left = quota // 3  # bytes of values until the quota is looked at
        stream.on_spill = self._spilled
        # the cache holds the tree; pages that are half empty may take a quarter more
        super().__init__(stream, pagesize, quota + quota // 4, bad)
        self.get = self._tree.get  # in front of the method

    def get(self, key):
        """Return the value of a key, or None."""
        self.recover()
        return self.get(key)

    def _break(self):
        # From here to `_mend` there is no tree.
        self._scan = None
        self.changed += 1
        self._hurt = self._tree
        self._tree = None
        del self.get

    def _mend(self, tree):
        self.get = tree.get
        self._tree = tree
        self._hurt = self._pending = None

    def recover(self):
        """Take back a change that broke off.

        Raises `MemoryError`, `DBFull` when there is no RAM for it: the next call tries again. `DBClosed`.
        """
        tree = self._hurt
        if tree is None:
            module("storage.closed").Closed().put(None, None)
        if not _whole(tree):
            # A page was split and the one above it does not know: all keys are there still, one behind the other.
            stream = self._stream.another()
            tree = self._copied(tree, stream)
            self._stream = stream
            self._hurt = tree
        try:
            if not BTREE_MENDED:
                tree.clean()  # what was copied, too
            if self._pending is not None:
                self._take_back(tree, *self._pending)
        except BaseException as e:
            self._reraise(e)
        self._mend(tree)

    def put(self, key, value):
        """Set one key (str or bytes)."""
        if self.bad:
            value = self._sized(key, value)
        self._left -= len(value)
        if self._left < 0:
            self._room(self._size(len(value) + len(key)))
        self._scan = None
        self.changed += 1
        try:
            self._tree[key] = value
        except BaseException as e:
            return self._put_again(key, value, e)
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, key, value)

    def _put_again(self, key, value, error):
        if self._tree is not None:  # a new error, not an old one that is to be recovered from
            self._break()
            self._reraise(error)
        self.recover()
        return self.put(key, value)

    def apply(self, changes):
        """Apply a list of (key, value), bytes, value None deletes; all or nothing.

        Raises `DBFull` before anything is changed when there is no room for it.
        """
        if self.bad:
            need = self._padded(changes)
        else:  # what it returns, in 8 % less of a put with tags
            need = 0
            for key, value in changes:
                if value is not None:
                    need += len(key) + len(value) + 16
        if len(changes) > _FEW:
            return self.put_many([c[0] for c in changes], [c[1] for c in changes], need)
        self._left -= need
        if need and self._left < 0:
            self._room(sum(self._size(len(key) + len(value)) for key, value in changes if value is not None) * 3 // 2)
        if self._tree is None:
            self.recover()
        undo = []
        self._pending = (undo,)
        tree = self._tree
        self._break()
        try:
            for key, value in changes:
                was = tree.get(key)
                undo.append((key, was))  # first: an entry too many does no harm
                if value is not None:
                    tree[key] = value
                elif was is not None:
                    del tree[key]
        except BaseException as e:
            self._failed(e)
        self._mend(tree)
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, changes, None)

    def put_many(self, keys, values, need, fresh=False):
        """Set (or, value None, delete) many keys; all or nothing. Keys are str or bytes.

        `need`: bytes that the tree grows by; `fresh`: none of the keys is in it yet.
        """
        self._left -= need
        if need and self._left < 0:
            self._room(sum(self._size(len(key) + len(values[i])) for i, key in enumerate(keys) if values[i] is not None) * 3 // 2)
        if self._tree is None:
            self.recover()
        tree = self._tree
        get = tree.get
        last = "" if fresh or not keys else self._last(keys)
        old = {}
        done = [0]  # how many are to be taken back
        self._pending = keys, old, done
        self._break()
        i = 0
        try:
            for key in keys:
                value = values[i]
                if key <= last or value is None:
                    was = get(key)
                    if was is not None:
                        old[i] = was
                i += 1
                done[0] = i
                if value is not None:
                    tree[key] = value
                elif i - 1 in old:
                    del tree[key]
        except BaseException as e:
            self._failed(e)
        self._mend(tree)
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, keys, values)

    def _failed(self, error):
        # Take back what was done, at once if that can be.
        try:
            self.recover()
        except Exception:
            pass  # the next call tries again
        self._reraise(error)

    def _last(self, keys):
        # The last key of the tree: what sorts behind it is new.
        text = keys[0].__class__ is str
        for key in self._tree.keys(None, None, btree.DESC):
            return key.decode() if text else key
        return "" if text else b""

    def _take_back(self, tree, keys, old=None, done=None):
        # Undo the first changes of `put_many` or, without `old`, `apply`, the last first; it may be done again when that breaks off.
        if old is None:
            for key, was in reversed(keys):
                if was is not None:
                    tree[key] = was
                elif key in tree:
                    del tree[key]
            return
        n = done[0]
        while n:
            n -= 1
            key = keys[n]
            if n in old:
                tree[key] = old[n]
            elif key in tree:
                del tree[key]

    def delete(self, key):
        """Remove one key (str or bytes); returns 0 or 1."""
        self._scan = None
        self.changed += 1
        try:  # without `as`: a frame of one more word would lie on the heap and cost as much as the delete
            del self._tree[key]
        except KeyError:
            self.changed -= 1
            return 0
        except Exception:
            return self._delete_again(key)
        except BaseException:
            self._break()
            raise
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, key, None)
        return 1

    def _delete_again(self, key):
        found = self._tree is not None  # else an older change broke off, and this one has not begun
        if found:
            self._break()
        self.recover()
        try:
            del self._tree[key]
        except KeyError:
            if not found:
                return 0
        except BaseException as e:
            self._break()
            self._reraise(e)
        if self.mirror is not None:
            module("storage.mirrors").tell(self.mirror, key, None)
        return 1

    # Quota: estimated upwards on each put, counted when the estimate reaches it.

    def _room(self, need):
        # Raise DBFull unless `need` more bytes fit into the quota, expired records aside.
        used = self.data_bytes() * 3 // 2 + need
        if used > self.quota or self._stream.pages:
            if self.on_full is not None and self.on_full():
                used = self.data_bytes() * 3 // 2 + need
            if used > self.quota:
                self._left = 0
                raise module("errors").DBFull("RAM quota of %d bytes is used up" % self.quota)
            if self._stream.pages:
                self._rebuild()
        # Short values cost more than their own bytes: look again after a third of what is left.
        self._left = (self.quota - used) // 3

    def _spilled(self):
        self._left = -1

    def _rebuild(self):
        # Deletes left many pages nearly empty: copy what there is into a new tree.
        stream = self._stream.another()
        self._replace(self._copied(self._tree, stream), stream)

    def _copied(self, tree, stream, changes=()):
        # A new tree on `stream`, with what is in `tree` if there is one.
        try:
            new = open_tree(stream, self.pagesize, self._cachesize)
            for key, value in changes if tree is None else tree.items():
                new[key] = value
        except BaseException as e:
            self._reraise(e)
        return new

    def _replace(self, tree, stream):
        old = self._tree
        before = self._stream
        self._scan = None
        self.get = tree.get
        self._stream = stream
        self._tree = tree
        discard(old, before)

    def data_bytes(self):
        """Return the bytes that all keys and values take in the tree's pages."""
        return sum(self._size(len(k) + len(v)) for k, v in self.scan())

    def _size(self, n):
        # Berkeley DB: 9 bytes of header and 2 of index; long values in pages of their own.
        if n < (self.pagesize - 20) // 2 - 14:
            return (n + 14) & ~3
        return (n // (self.pagesize - 20) + 1) * (self.pagesize + 40) * 2 // 3

    # Durability: there is none

    def commit(self):
        """Do nothing."""

    def write_some(self, pages):
        """Do nothing."""
        return False

    def dirty(self):
        """Tell whether there is something to commit."""
        return False

    def clear(self, changes):
        """Remove every key, and set those of a list of (key, value); all or nothing."""
        if self._tree is None:
            self.recover()
        stream = self._stream.another()
        tree = self._copied(None, stream, changes)
        self.changed += 1
        self._replace(tree, stream)
        self._left = self.quota // 3

    def close(self):
        """Let go of the tree and its stream."""
        if self._tree is not None:
            self._break()
        self._drop()
