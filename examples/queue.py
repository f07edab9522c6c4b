"""An offline queue: what is to be sent waits in a file while the network is away, and leaves in order.

    make run ARGS=examples/queue.py

At least once: a record is deleted after the server has acknowledged it. If the power goes between these two, the record is
still there at the next start and is sent a second time, never not at all. The key goes with it and never changes: a server
that remembers the last key it took knows a repetition by it. (Work for this device itself, where a record that is lost does no
harm, is taken out by `db.pop_first()` in one step.)
"""

import asyncio

from microtetherdb import DBFull, MicroTetherDB

FILE = "queue.db"
LIMIT = 500  # records; the oldest goes when more wait: new readings are worth more here
STEP = 0.02  # seconds from one reading to the next
RETRY = 0.005  # seconds until the network is tried again

online = False


async def send(key, document):
    """Stand-in for an HTTP POST or an MQTT publish at QoS 1: returns when the server has acknowledged, OSError if it does not.

    Return as well when the server refuses a record for good (HTTP 400): it would hold up all that are behind it.
    """
    if not online:
        raise OSError("no network")
    print("server got %s: %s" % (key, document["n"]))


async def sender(db):
    """Send what waits, the oldest first: keys that the database makes are greater than all before, across restarts too."""
    while True:
        for key, document in db.items(limit=1):
            try:
                await send(key, document)
            except OSError:
                await asyncio.sleep(RETRY)  # nothing behind it may overtake it
                break
            # A power cut here leads to the second time.
            db.delete(key)
            break
        else:
            await db.changed()  # it sleeps until there is something


def put(db, document):
    """Add a document."""
    while True:
        try:
            return db.put(document)
        except DBFull:  # the flash is full before the limit is reached: the oldest make room
            if not db.pop_first():
                raise


def dropped(key, document):
    """Called for each record that made room for a new one."""
    print("dropped %s" % document["n"])


async def main():
    global online

    # flush_threshold=1: a reading is on flash when `put` returns, so none is lost, and so is that it has gone when `delete` returns, so
    # one record at most is sent twice. In a file each costs an erase of flash, in "flash:" a tenth of one (docs/start.md).
    async with MicroTetherDB(FILE, in_memory=False, flush_threshold=1, max_records=LIMIT, on_drop=dropped) as db:
        print("%d wait from last time" % len(db))
        task = asyncio.create_task(sender(db))
        for n in range(12):
            put(db, {"n": n, "temp": 20 + n % 3})
            online = n % 6 > 3  # the network is away for four readings, and back for two
            await asyncio.sleep(STEP)
            print("online" if online else "offline, %d wait" % len(db))
        while len(db):
            await db.changed()
        task.cancel()


asyncio.run(main())
