# boards: unix unix32 m33
# heap: 2m
# SPEC section 2: `await db.changed()` wakes who waits for a prefix, whatever call changes something, and costs nothing else.
import asyncio
import io

from expect import cancel, raises, until
from microtetherdb import DBClosed, MicroTetherDB


async def waiter(db, *args, **kw):
    return await db.changed(*args, **kw)


async def going(*args, **kw):
    t = asyncio.create_task(waiter(*args, **kw))
    await asyncio.sleep_ms(0)
    return t


async def wakes(db):
    db.put("x", {"n": 1}, tags=["t"])
    db.put("y", {"n": 1}, ttl=100)
    for what, key, change in (
        ("put", "a", lambda: db.put("a", {"n": 1})),
        ("put of the same", "a", lambda: db.put("a", {"n": 1})),
        ("put with tags", "a", lambda: db.put("a", {"n": 1}, tags=["t"])),
        ("put with ttl", "a", lambda: db.put("a", {"n": 1}, ttl=50)),
        ("[]", "b", lambda: db.__setitem__("b", 1)),
        ("odd key", "\x00k", lambda: db.put("\x00k", 1)),
        ("long key", "k" * 128, lambda: db.put("k" * 128, 1)),
        ("put_batch", "c1", lambda: db.put_batch([("c0", 1), ("c1", {"n": 1})])),
        ("put_batch, tags", "c1", lambda: db.put_batch([("c0", 1), ("c1", {"n": 1})], tags=["a"])),
        ("write", "d", lambda: db.write([("d", 1)], ["c0"])),
        ("write, deleted", "c1", lambda: db.write([], ["c1"])),
        ("update", "x", lambda: db.update("x", {"n": 2})),
        ("update_many", "x", lambda: db.update_many({"n": 2}, {"n": 3})),
        ("replace", "x", lambda: db.replace("x", {"n": 4})),
        ("expire", "y", lambda: db.expire("y", 200)),
        ("pop_first", "\x00k", lambda: db.pop_first()),
        ("delete", "d", lambda: db.delete("d")),
        ("delete_batch", "b", lambda: db.delete_batch(["b", "none"])),
        ("delete_many", "a", lambda: db.delete_many({"_id": "a"})),
        ("load", "l", lambda: db.load(io.StringIO('{"_id":"l","data":1}\n'))),
        ("purge", "x", lambda: db.delete(purge=True)),
    ):
        tasks = [asyncio.create_task(waiter(db, prefix=p)) for p in (None, "", key[:1], key)]
        other = await going(db, prefix=key + "!")
        change()
        numbers = await asyncio.wait_for(asyncio.gather(*tasks), 1)
        assert len(set(numbers)) == 1 and numbers[0] == db._store.changed, (what, numbers)
        if what == "purge":
            await other
        else:
            await asyncio.sleep_ms(0)
            assert not other.done(), what
            await cancel(other)
        assert db._store.mirror is None, what
    # what changes nothing wakes nobody
    t = await going(db)
    db.delete("none")
    db.put_batch([])
    db.write()
    db.get("none")
    db.query({})
    db.flush()
    db.cleanup()
    db.create_index("n")  # entries, no records
    db.drop_index("n")
    for bad in (lambda: db.put("z", b""), lambda: db.write([1, b""]), lambda: db.put("", 1)):
        raises(Exception, "", bad)
    await asyncio.sleep_ms(5)
    assert not t.done()
    # expiry is a change, when the record is removed
    db.put("e", 1, ttl=0.02)
    await t
    t = await going(db, "e")
    assert db.cleanup() == 0
    await asyncio.sleep_ms(40)
    assert db.cleanup() == 1
    await asyncio.wait_for(t, 1)


async def since(db):
    n = await db.changed(since=-1)
    assert n == await db.changed(since=n - 1)
    t = await going(db, since=n)
    await asyncio.sleep_ms(2)
    assert not t.done()
    db.put("a", 1)
    assert await t == await db.changed("none", since=n) > n


async def consumer(db):
    # A sender that never polls misses nothing.
    got = []

    async def send():
        while True:
            while found := db.pop_first("out/"):
                await asyncio.sleep_ms(0)
                got.append(found[1])
            if len(got) == 30:
                return
            await db.changed(prefix="out/")

    t = asyncio.create_task(send())
    for i in range(30):
        db.put("out/%02d" % i, i)
        db.put("other", i)
        if i % 3:
            await asyncio.sleep_ms(i % 2)
        if i == 20:
            await asyncio.sleep_ms(20)
    await asyncio.wait_for(t, 2)
    assert got == list(range(30)), got


async def cancelled(db):
    a = await going(db)
    b = await going(db, "b")
    try:
        await asyncio.wait_for(db.changed(), 0.01)
        assert False
    except asyncio.TimeoutError:
        pass
    a.cancel()
    await asyncio.sleep_ms(0)
    assert len(db._store.mirror[0].waiting) == 1
    db.put("b", 1)
    await b
    assert db._store.mirror is None


async def closed(db):
    tasks = [asyncio.create_task(waiter(db, p)) for p in (None, "a")]
    await asyncio.sleep_ms(0)
    store = db._store
    db.close()
    for t in tasks:
        try:
            await t
            assert False
        except DBClosed:
            pass
    try:
        await db.changed()
        assert False
    except DBClosed:
        pass
    assert store.mirror is None


async def threads(db):
    # A change by another thread is noticed by the background task, a second later.
    try:
        import _thread
    except ImportError:
        return
    t = await going(db, "th")
    u = await going(db, "other")
    _thread.start_new_thread(lambda: db.put("thread", 1), ())
    assert await until(t.done) and not u.done()
    u.cancel()
    await asyncio.sleep_ms(0)
    assert db._store.mirror is None


async def main(ram):
    MicroTetherDB.remove("changed.db")
    async with MicroTetherDB("changed.db", in_memory=ram) as db:
        await wakes(db)
        await since(db)
        await consumer(db)
        await cancelled(db)
        await threads(db)
        await closed(db)


for ram in (True, False):
    asyncio.run(main(ram))
MicroTetherDB.remove("changed.db")
print("OK")
