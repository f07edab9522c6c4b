# Longest stall of a 10 ms control loop in asyncio while the same loop's other task uses the database. The first time includes the
# loading of modules.
# Arguments: medium, documents, "synthetic" or the path of the weather readings. Prints one JSON line for each kind of work.

import asyncio
import gc
import json
import os
import sys
import time

import docs
from microtetherdb import MicroTetherDB

worst = 0


async def control():
    global worst
    last = time.ticks_us()
    while True:
        await asyncio.sleep_ms(10)
        now = time.ticks_us()
        worst = max(worst, time.ticks_diff(now, last) - 10000)
        last = now


async def measure(medium, n, source):
    global worst
    documents = docs.synthetic(50) if source == "synthetic" else docs.weather(source, 50)
    if medium == "file":
        try:
            os.remove("latency.db")
        except OSError:
            pass
    where = {"ram": {}, "file": {"filename": "latency.db", "in_memory": False}, "region": {"filename": "flash:", "in_memory": False}}[
        medium
    ]
    task = asyncio.create_task(control())

    async def write():
        for i in range(n):
            db.put("k%06d" % i, documents[i % 50])
            await asyncio.sleep_ms(0)

    async def write_ttl():
        for i in range(n // 4):
            db.put("t%06d" % i, documents[i % 50], ttl=60)
            await asyncio.sleep_ms(0)

    async def expire():
        db._clock._s += 61
        db._clock._line_s += 61
        await db.cleanup_async()

    async def query():
        async for _ in db.find({"n": {"$gte": 40}} if source == "synthetic" else {"temp_max": {"$gte": 8}}):
            pass

    async def nothing():
        for _ in range(20):
            await asyncio.sleep_ms(10)

    async def flush():
        for i in range(5):
            db.put("k%06d" % i, documents[i])
            db.flush()
            await asyncio.sleep_ms(0)

    async def collect():
        gc.collect()

    async with MicroTetherDB(ram_percentage=50, **where) as db:
        for name, work in (
            ("nothing (the loop alone)", nothing), ("put", write), ("put, again", write), ("query", query), ("query, again", query), ("put ttl", write_ttl),
            ("cleanup", expire), ("put ttl, again", write_ttl), ("cleanup, again", expire), ("flush", flush), ("flush, again", flush), ("one collection", collect),
        ):  # fmt: skip
            gc.collect()
            await asyncio.sleep_ms(20)  # that collection is not part of the work
            worst = 0
            await work()
            await asyncio.sleep_ms(20)
            print(
                json.dumps(
                    {
                        "bench": "latency",
                        "medium": medium,
                        "work": name,
                        "n": n,
                        "data": source.split("/")[-1],
                        "stall_ms": round(worst / 1000, 1),
                    }
                )
            )
    task.cancel()


asyncio.run(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
