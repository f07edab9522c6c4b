# boards: unix unix32 m33 rv32
# heap: 190k
# SPEC section 6: long work has an async form that yields to the loop.
import asyncio
import sys
import time
from microtetherdb import MicroTetherDB
import microtetherdb.steps as steps
from microtetherdb.records import clock
from expect import FakeTime, raises

N = 40 if sys.platform == "rp2" else 400
db = MicroTetherDB(ram_percentage=50)
real = clock.time


class Ticks:
    ticks_diff = time.ticks_diff
    ms = 0

    def ticks_ms(self):
        self.ms += 1
        return self.ms


async def app():
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep_ms(0)

    t = asyncio.create_task(other())
    db.put_batch([("k%04d" % i, {"n": i, "m": i % 4}) for i in range(N)])
    await db.create_index_async("m")
    assert db.explain({"m": 1})["index"] == "m"
    assert await db.count_async({"m": 1}) == N // 4 == db.count({"m": 1})
    assert len(await db.query_async({"n": {"$lt": 10}})) == 10
    assert (await db.query_async({"n": 5}, keys=True))[0][0] == "k0005"
    assert await db.update_many_async({"m": 2}, {"$inc": {"n": 1000}}) == N // 4
    assert await db.delete_many_async({"m": 3}) == N // 4
    assert await db.drop_index_async("m") is True
    assert len(db) == N - N // 4
    before = turns
    for i in range(N):
        db.put("t%d" % i, i, ttl=1)
    assert turns == before  # no call runs the loop
    fake.go(2)
    # after each 5 ms of work the others have a turn, here with a clock on which a piece takes one (the real one runs while others work)
    steps.time = Ticks()
    assert await db.cleanup_async() == N
    steps.time = time
    assert turns - before >= N // 6, turns - before
    t.cancel()
    raises(AttributeError, "nothing_async", lambda: db.nothing_async)
    await asyncio.sleep_ms(1)


fake = FakeTime(26 * 365 * 86400)
clock.time = fake
db.close()
db = MicroTetherDB(ram_percentage=50)
asyncio.run(app())
db.close()
clock.time = real
print("OK")
