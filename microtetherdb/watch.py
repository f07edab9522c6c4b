"""`await db.changed()`: tasks that wait for a change."""

from .errors import DBClosed
from .loading import get_ident, module
from .locking import hold
from .records.key_range import bound
from .storage import mirrors


class Watch:
    """The tasks that wait for a change of one database; told of each change of its store while there are some."""

    what = "watch"

    def __init__(self):
        self.waiting = []  # [prefix of stored keys, event, whether it is to be set]
        self._thread = get_ident()

    def changed(self, changes):
        """See mirrors.py."""
        for one in self.waiting:
            for key, _ in changes:
                if key[0] and key.startswith(one[0]):
                    one[2] = True
        self.look(get_ident() == self._thread)

    def missed(self):
        """See mirrors.py."""
        for one in self.waiting:
            one[2] = True
        self.look(get_ident() == self._thread)

    def end(self):
        """The database closes."""
        self.missed()
        self.look()

    def look(self, here=True):
        """Wake up who is to be; the background task does it now and then, as events are no matter for another thread."""
        if here:
            for one in self.waiting:
                if one[2]:
                    one[1].set()


async def changed(db, prefix=None, since=None):
    """Wait until a record is put, changed or removed, by whatever call or by expiry; returns a number.

    `prefix`: of its key. `since`: a number that this returned: if anything was changed after that, it returns at once. Changes by
    another thread are noticed within some seconds. Raises `DBClosed` when the database is closed.
    """
    import asyncio

    prefix = b"" if prefix is None or prefix == "" else bound(prefix, "prefix")
    if since is not None and type(since) is not int:
        raise TypeError("since: int, not " + type(since).__name__)
    with hold(db):
        store = db._store
        if since is not None and since != store.changed:
            return store.changed
        watch = mirrors.of(store, "watch")
        if watch is None:
            watch = Watch()
            mirrors.add(store, watch)
        one = [prefix, asyncio.Event(), False]
        watch.waiting.append(one)
    module("background").attach(db)
    try:
        await one[1].wait()
        if not db._open:
            raise DBClosed("the database is closed")
        return store.changed
    finally:
        with db._lock:
            watch.waiting.remove(one)
            if not watch.waiting:
                mirrors.remove(store, watch)
