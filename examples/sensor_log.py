"""A sensor log: readings that expire by themselves, and a summary of each day that stays.

    make run ARGS=examples/sensor_log.py

Run it again: the log goes on where it ended. An hour lasts a tenth of a second here, and a day has eight.
"""

import time

from microtetherdb import MicroTetherDB

FILE = "sensor.db"  # or "flash:", the board's database region, which wears the flash least
HOUR = 0.1  # seconds; 3600 in earnest
HOURS = 8  # of a day; 24 in earnest
KEEP = 2.5 * HOURS * HOUR  # seconds that a reading is kept: longer than a day, or its summary would miss some
DAYS = 3  # to run; for ever in earnest


def measure(hour):
    """Stand-in for a sensor: coldest at the start of each day, and each day a degree warmer."""
    day, hour = divmod(hour, HOURS)
    return {"temp": 15.0 + day + 2 * min(hour, HOURS - hour), "battery": 3.3 - 0.01 * day}


def log(db):
    """Store one reading."""
    hour = db.get("hour", 0)
    # Keys sort as text, so zeros in front make their order that of time, and all of a day have one prefix.
    key = "reading/%05d/%02d" % divmod(hour, HOURS)
    # One batch, so that after a power cut the counter fits the readings. The counter has no TTL, and is the clock of a board
    # that has none: a reading is never stored under the key of another.
    db.put_batch([(key, measure(hour)), ("hour", hour + 1)], ttls=[KEEP, None])
    # Looked at with every reading, not only with the last of a day: the power may have gone between that one and the summary.
    yesterday = (hour + 1) // HOURS - 1
    if yesterday >= 0 and "day/%05d" % yesterday not in db:
        summarise(db, yesterday)


def summarise(db, day):
    """Store the summary of a day, in one pass over its readings: no list of them is made."""
    n, total, low, high = 0, 0, None, None
    for reading in db.values(prefix="reading/%05d/" % day):
        temp = reading["temp"]
        n, total = n + 1, total + temp
        low = temp if n == 1 else min(low, temp)
        high = temp if n == 1 else max(high, temp)
    if n:  # none: the board was off for so long that they have expired
        db.put("day/%05d" % day, {"n": n, "low": low, "high": high, "mean": round(total / n, 2)})


# flush_threshold=1: an hour is on flash when `put_batch` returns. Otherwise a power cut costs what came since the last flush, up to
# 20 operations, which are ten hours here. `with` closes at the end, also after Ctrl-C.
with MicroTetherDB(FILE, in_memory=False, ttl_check_interval=1, flush_threshold=1) as db:
    print("the log has %d hours" % db.get("hour", 0))
    for _ in range(DAYS * HOURS):
        log(db)
        time.sleep(HOUR)
    for key, day in db.items(prefix="day/"):
        print("%s: %.1f to %.1f, on average %.2f, from %d readings" % (key, day["low"], day["high"], day["mean"], day["n"]))
    print("readings kept: %d of %d" % (len(list(db.keys(prefix="reading/"))), db["hour"]))
