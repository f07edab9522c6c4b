"""Four years of daily weather in Seattle: stored with tags and TTLs, in a file and in RAM, and queried.

    make run ARGS=examples/weather.py

The readings (1,461 days, 2012 to 2015) are seattle-weather.csv of the npm package vega-datasets, which `make run` fetches.
On a board, copy them first: mpremote cp build/src/vega-datasets/seattle-weather.csv :
"""

import os
import time

from microtetherdb import MicroTetherDB

DATA = "seattle-weather.csv"
FILE = "weather.db"


def readings(path):
    """Yield (date, document, kind of weather) for each line of the CSV file."""
    with open(path) as f:
        f.readline()
        for line in f:
            date, rain, high, low, wind, kind = line.strip().split(",")
            yield date, {"rain": float(rain), "high": float(high), "low": float(low), "wind": float(wind)}, kind


def store():
    """Put every day into a file, a week in one atomic batch, tagged with its kind of weather."""
    for name in (FILE, FILE + ".new"):  # the second is there while the first is compacted: both are one database
        try:
            os.remove(name)
        except OSError:
            pass
    start = time.ticks_ms()
    with MicroTetherDB(FILE, in_memory=False) as db:
        items, tags = [], []
        for date, day, kind in readings(DATA):
            items.append((date, day))
            tags.append([kind])
            if len(items) == 7:  # a longer batch reserves more room than a Pico's file system has left at the end (docs/storage.md)
                db.put_batch(items, tags=tags)
                items, tags = [], []
        db.put_batch(items, tags=tags)
        print("stored %d days in %s, %d ms" % (len(db), FILE, time.ticks_diff(time.ticks_ms(), start)))
    print("the file has %d bytes" % os.stat(FILE)[6])


def ask():
    """Open the file again and ask."""
    with MicroTetherDB(FILE, in_memory=False) as db:
        print("2013-07-01:", db["2013-07-01"])
        for kind in ("rain", "snow", "fog", "drizzle", "sun"):
            print("  %-8s %4d days" % (kind, db.count({"tags": kind})))
        for key, day in db.query({"rain": {"$gt": 0}}, sort=[("rain", -1)], limit=3, keys=True):
            print("wettest: %s %5.1f mm" % (key, day["rain"]))
        hot = db.query({"high": {"$gte": 33}, "wind": {"$lt": 3}}, keys=True)
        print("calm days of 33 degrees and more:", ", ".join(key for key, _ in hot))
        july = [day["high"] for day in db.values(prefix="2014-07")]
        print("July 2014: %d days, highest on average %.1f" % (len(july), sum(july) / len(july)))


def latest():
    """Keep the last week in RAM, each day for an hour, and one alarm for a second."""
    days = []
    for day in readings(DATA):  # a list of all days would not fit into the RAM of a board
        days = days[-6:] + [day]
    with MicroTetherDB() as db:
        for date, day, _ in days:
            db.put(date, day, ttl=3600, tags=["live"])
        db.put("alarm", {"text": "frost"}, ttl=1)
        print("in RAM: %d records, the alarm for %.1f s" % (len(db), db.ttl("alarm")))
        time.sleep(1.1)
        print("a second later: %d records, alarm: %s" % (len(db), db.get("alarm")))
        print("frost this week:", [key for key, _ in db.query({"low": {"$lt": 0}}, keys=True)])
        print(repr(db))


store()
ask()
latest()
