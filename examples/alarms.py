"""Alarms by query: rules are filters, and a control loop in asyncio asks which sensors they hold for.

    make run ARGS=examples/alarms.py

Readings are in RAM: the next one replaces the last, and a sensor that falls silent disappears, since its reading expires.
"""

import asyncio

from microtetherdb import MicroTetherDB

INTERVAL = 0.1  # seconds from one reading of each sensor to the next; 10 in earnest
STALE = 1.0  # seconds after which a reading no longer counts; some intervals
STEPS = 22  # then the program ends; for ever in earnest
SENSORS = ("attic", "garden", "shed")

# Rules are data: they could as well be records of a database in flash, and be changed over the network.
RULES = (
    ("hot", {"temp": {"$gt": 30}}),
    ("frost", {"temp": {"$lt": 0}, "tags": "outside"}),
    ("battery low", {"battery": {"$lt": 2.8}}),
)


def measure(sensor, step):
    """Stand-in for three sensors: the attic is hot for a while, the shed's battery runs down, the garden falls silent in a frost."""
    if sensor == "attic":
        return {"temp": 35 if 5 <= step < 10 else 25, "battery": 3.2}
    if sensor == "shed":
        return {"temp": 12, "battery": round(3.0 - 0.02 * step, 2)}
    return {"temp": 2 - step, "battery": 3.1} if step < 6 else None


async def sample(db):
    """Store what the sensors say."""
    for step in range(STEPS):
        for sensor in SENSORS:
            reading = measure(sensor, step)
            if reading:
                db.put(sensor, reading, ttl=STALE, tags=["outside"] if sensor == "garden" else ["inside"])
        await asyncio.sleep(INTERVAL)


def tell(message):
    """Here: switch the fan on, send a message. What it raises must be caught here, or the task ends and nobody hears of alarms."""
    print(message)


async def control(db):
    """Compare what holds with what held before: only changes are worth a message."""
    active, seen = set(), None
    while True:
        seen = await db.changed(since=seen)  # woken up by a change, also by one that came while rules were looked at
        found = {(sensor, "silent") for sensor in SENSORS if sensor not in db}
        for alarm, rule in RULES:
            # `async for` lets other tasks run between two records, however many there are.
            async for sensor, _ in db.find(rule, keys=True):
                found.add((sensor, alarm))
        for sensor, alarm in sorted(found - active):
            tell("ALARM %s: %s, %s" % (sensor, alarm, db.get(sensor, "no reading")))
        for sensor, alarm in sorted(active - found):
            tell("over  %s: %s" % (sensor, alarm))
        active = found


async def main():
    async with MicroTetherDB(ttl_check_interval=1) as db:
        task = asyncio.create_task(control(db))
        await sample(db)
        task.cancel()
        print("at the end: %s" % ", ".join(sorted(db.keys())))


asyncio.run(main())
