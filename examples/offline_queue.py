"""An offline queue: what is to be sent waits in a file while the network is away, and leaves in order.

    make run ARGS=examples/offline_queue.py

At least once: a record is deleted after the server has acknowledged it. If the power goes between these two, the record is
still there at the next start and is sent a second time, never not at all. The key goes with it and never changes: a server
that remembers the last key it took knows a repetition by it.
"""

import time

from microtetherdb import DBFull, MicroTetherDB

FILE = "queue.db"
LIMIT = 500  # records; the oldest goes when more wait: new readings are worth more here
STEP = 0.02  # seconds from one reading to the next


def send(key, document, online):
    """Stand-in for an HTTP POST or an MQTT publish at QoS 1: returns when the server has acknowledged, OSError if it does not.

    Return as well when the server refuses a record for good (HTTP 400): it would hold up all that are behind it.
    """
    if not online:
        raise OSError("no network")
    print("server got %s: %s" % (key, document["n"]))


class Queue:
    """Documents in the order of their keys, which the database makes: each is greater than all before it, across restarts too."""

    def __init__(self, db):
        self.db = db
        self.waiting = len(db)  # counted once: `len` reads all keys after a change

    def first(self):
        """Return the oldest (key, document), or None."""
        for item in self.db.items():
            return item

    def put(self, document):
        """Add a document; the oldest ones make room for it."""
        while self.waiting >= LIMIT:
            self.drop(self.first())
        while True:
            try:
                key = self.db.put(document)
                self.waiting += 1
                return key
            except DBFull:  # the flash is full before the limit is reached
                if not self.waiting:
                    raise
                self.drop(self.first())

    def drop(self, item):
        """Remove (key, document)."""
        self.waiting -= self.db.delete(item[0])

    def drain(self, online):
        """Send what waits; returns whether all of it is gone."""
        item = self.first()
        while item:
            try:
                send(item[0], item[1], online)
            except OSError:
                return False  # and try later: nothing behind it may overtake it
            # A power cut here leads to the second time.
            self.drop(item)
            item = self.first()
        return True


# flush_threshold=1: a reading is on flash when `put` returns, so none is lost, and so is that it has gone when `delete` returns, so
# one record at most is sent twice. In a file each costs an erase of flash, in "flash:" a tenth of one (docs/start.md).
with MicroTetherDB(FILE, in_memory=False, flush_threshold=1) as db:
    queue = Queue(db)
    print("%d wait from last time" % len(db))
    for step in range(12):
        queue.put({"n": step, "temp": 20 + step % 3})
        online = step % 6 > 3  # the network is away for four readings, and back for two
        if not queue.drain(online):
            print("offline, %d wait" % queue.waiting)
        time.sleep(STEP)
