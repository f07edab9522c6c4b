"""A battery sensor: it wakes up, stores a reading and sleeps; at the end of a day one summary takes the place of the readings.

    make run ARGS=examples/sensor.py

Run it again: it goes on where it ended. An hour lasts no time here, and a day has eight.
"""

from microtetherdb import MicroTetherDB

FILE = "sensor.db"  # or "flash:", the board's database region, which wears the flash least
HOURS = 8  # of a day; 24 in earnest
DAYS = 3  # to run


def measure(hour):
    """Stand-in for a sensor: coldest at the start of each day, and each day a degree warmer."""
    day, hour = divmod(hour, HOURS)
    return {"temp": 15.0 + day + 2 * min(hour, HOURS - hour), "battery": 3.3 - 0.01 * day}


def log(db):
    """Store the reading of this hour."""
    hour = db.get("hour", 0)  # the clock of a board that has none: a reading is never stored under the key of another
    # Keys sort as text, so zeros in front make their order that of time, and all of a day have one prefix.
    day = "reading/%05d/" % (hour // HOURS)
    puts = [("hour", hour + 1)]
    deletes = []
    if hour % HOURS < HOURS - 1:
        puts.append((day + "%02d" % (hour % HOURS), measure(hour)))
    else:
        puts.append(("day/%05d" % (hour // HOURS), summary(db.values(prefix=day), measure(hour))))
        deletes = db.keys(prefix=day)
    # One change: after a power cut there are the readings or their summary, never both or neither, and the counter fits. It is on
    # flash when `write` returns; otherwise a cut would cost what came since the last flush, up to 20 operations.
    db.write(puts, deletes, durable=True)


def summary(readings, last):
    """Sum up a day in one pass: no list of its readings is made."""
    n, total, low, high = 1, last["temp"], last["temp"], last["temp"]
    for reading in readings:
        temp = reading["temp"]
        n, total, low, high = n + 1, total + temp, min(low, temp), max(high, temp)
    return {"n": n, "low": low, "high": high, "mean": round(total / n, 2)}


def wake():
    """What the board does each hour, from reset to `machine.deepsleep()`, which forgets all that is in RAM."""
    with MicroTetherDB(FILE, in_memory=False) as db:
        log(db)


for _ in range(DAYS * HOURS):
    wake()

# A look from outside, which changes nothing: not even what has expired is removed.
with MicroTetherDB(FILE, read_only=True) as db:
    print("the log has %d hours in %d records" % (db["hour"], len(db)))
    for key, day in db.items(prefix="day/", reverse=True, limit=5):  # the newest first
        print("%s: %.1f to %.1f, on average %.2f, from %d readings" % (key, day["low"], day["high"], day["mean"], day["n"]))
