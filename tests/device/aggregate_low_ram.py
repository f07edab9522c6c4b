# 24 hourly groups of 5,000 records in a file with 20 KB of free heap. WHAT 0 makes the file, on a larger heap.
import gc

from microtetherdb import MicroTetherDB

WHAT = 0
FREE = 20480
db = MicroTetherDB("hours.db", in_memory=False)
hour = {"$dateTrunc": {"date": "$t", "unit": "hour"}}
group = {"$group": {"_id": hour, "n": {"$count": {}}, "avg": {"$avg": "$temp"}, "min": {"$min": "$temp"}, "max": {"$max": "$temp"}}}


def ballast():
    # Fills the heap, its holes too, until only FREE bytes are left.
    hog = []
    for size in (4096, 1024, 256, 64, 16):
        gc.collect()
        try:
            while gc.mem_free() > FREE + size:
                hog.append(bytearray(size))
        except MemoryError:
            pass
    gc.collect()
    assert gc.mem_free() < FREE + 200, gc.mem_free()
    return hog


if WHAT == 0:
    for i in range(0, 5000, 50):
        db.put_batch([{"t": 1704067200 + k * 17, "temp": (k * 37 % 400) / 10, "room": "attic"} for k in range(i, i + 50)])
else:
    len(db)  # the page cache is full
    hog = ballast()
    if WHAT == 1:
        hours = list(db.aggregate([group, {"$sort": {"_id": 1}}]))
        print(
            len(hours), sum(h["n"] for h in hours), [h["_id"] - 1704067200 for h in hours[:2]], round(hours[5]["avg"], 2), hours[5]["max"]
        )
    elif WHAT == 2:
        hours = list(db.aggregate([{"$match": {"temp": {"$gte": 20}}}, group]))
        print(len(hours), sum(h["n"] for h in hours))
    elif WHAT == 3:
        print([d["temp"] for d in db.aggregate([{"$sort": {"temp": -1}}, {"$limit": 3}])])
    elif WHAT == 4:
        print(sum(1 for d in db.aggregate([{"$set": {"f": {"$add": ["$temp", 32]}}}, {"$match": {"f": {"$lt": 52}}}])))
    else:
        try:
            print(len(list(db.aggregate([{"$group": {"_id": "$t"}}]))))
        except Exception as e:
            print(type(e).__name__, e)
        print(db.get("none", "still there"))
hog = None
db.close()
