# boards: unix unix32 m33 rv32
# heap: 190k
# SPEC section 6: the application's loop, tasks, context managers.
import asyncio
import os
from microtetherdb import MicroTetherDB, DBClosed
from expect import raises, until
from asyncio import core


def pending():
    # tasks in the loop's queue
    kept = []
    while core._task_queue.peek():
        kept.append(core._task_queue.pop())
    for t in kept:
        core._task_queue.push(t, t.ph_key)
    return len(kept)


async def app():
    beats = 0

    async def heart():
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep_ms(5)

    h = asyncio.create_task(heart())
    before = pending()
    # the running loop is found; two databases share it; sync calls work in coroutines
    async with MicroTetherDB(ttl_check_interval=0.05) as a, MicroTetherDB("as.db", in_memory=False, ttl_check_interval=0.05) as b:
        assert pending() == before + 2
        for db in (a, b):
            for i in range(10):
                db.put("k%d" % i, i, ttl=0.3)
            db.put("stay", 1)
        # clean-up happens by itself
        assert await until(lambda: beats > 20 and a._expired == 10 == b._expired), (beats, a._expired, b._expired)
        for db in (a, b):
            s = db.stats()
            assert s["expired"] == 10 and s["records"] == 1 and s["ttls"] == 0, s
    await asyncio.sleep_ms(0)
    assert pending() == before, pending()
    raises(DBClosed, "closed", a.get, "stay")
    assert beats > 20, beats

    # close() inside a coroutine ends the task too
    db = MicroTetherDB()
    assert pending() == before + 1
    db.close()
    await asyncio.sleep_ms(1)
    assert pending() == before

    # leaving on an exception closes properly
    try:
        async with MicroTetherDB("as.db", in_memory=False) as db:
            assert db["stay"] == 1
            db.put("more", 2)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    with MicroTetherDB("as.db", in_memory=False) as db:
        assert db["more"] == 2
    h.cancel()
    await asyncio.sleep_ms(1)


asyncio.run(app())

# without a loop none is made: nothing of ours is left in the queue
n = pending()
with MicroTetherDB() as db:
    db.put(1)
    assert pending() == n

# a given loop carries the task, also when it starts later


# a medium that fails for a while does not end the task: it says so and goes on
import microtetherdb


async def failing():
    said = []
    microtetherdb.on_warning, old = said.append, microtetherdb.on_warning
    async with MicroTetherDB(ttl_check_interval=0.05) as db:
        for i in range(3):
            db.put("k%d" % i, i, ttl=0.01)
        real = db._store.apply

        def broken(changes):
            raise OSError(5)

        db._store.apply = broken
        await until(lambda: said)
        assert said and "background" in said[0] and "5" in said[0], said
        db._store.apply = real
        assert await until(lambda: db.stats()["expired"] == 3)
    microtetherdb.on_warning = old


asyncio.run(failing())


async def nap(ms):
    await asyncio.sleep_ms(ms)


loop = asyncio.get_event_loop()
db = MicroTetherDB(event_loop=loop, ttl_check_interval=0.05)
db.put("x", 1, ttl=0.1)
assert loop.run_until_complete(until(lambda: db.stats()["expired"] == 1))
db.close()
loop.run_until_complete(nap(10))
os.remove("as.db")
print("OK")
