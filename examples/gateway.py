"""A gateway: readings come in, rules watch them, and a web page shows them, also as JSON and CSV. Ctrl-C ends it.

    make run ARGS=examples/gateway.py            # or ARGS="examples/gateway.py 8000" for another port

    /                              the last readings as a table
    /readings?room=attic&min=22    JSON
    /readings.csv                  all of them, for a spreadsheet

The web server is microdot, which `make run` fetches. It wants a network, which no image has that was run here but the host's.
"""

import asyncio
import sys

from microdot import Microdot, Response
from microtetherdb import MicroTetherDB, QueryError

HOST = "127.0.0.1"  # this computer alone; "0.0.0.0" on a board: everybody on its network
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
INTERVAL = 1  # seconds between two readings
KEEP = 120  # readings, which a board's RAM can hold: the oldest go
PAGE = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Readings</title>
<h1>Readings</h1><p><a href="readings.csv">all</a><table border="1"><tr><th>n<th>room<th>temperature</tr>
"""

app = Microdot()
Response.default_content_type = "text/html"


async def measure():
    """Stand-in for two sensors, which would come by radio or MQTT."""
    n = 0
    while True:
        for room, temp in (("attic", 20 + n % 5), ("kitchen", 21)):
            db.put({"n": n, "room": room, "temp": temp})
        n += 1
        await asyncio.sleep(INTERVAL)


async def watch():
    """Warn when the attic is hot: woken up by each change, asleep in between."""
    hot, seen = False, None
    while True:
        seen = await db.changed(since=seen)
        for reading in db.query({"room": "attic"}, sort="-_id", limit=1):  # the newest, without reading the others
            if (reading["temp"] > 23) != hot:
                hot = not hot
                print("the attic is hot" if hot else "over")


@app.get("/")
async def index(request):
    return rows()


def rows():
    """Generate the page piece by piece: it is never in RAM as a whole."""
    yield PAGE
    for d in db.values(reverse=True, limit=20):
        room = d["room"].replace("&", "&amp;").replace("<", "&lt;")  # whoever wrote it
        yield "<tr><td>%d<td>%s<td>%s</tr>\n" % (d["n"], room, d["temp"])


@app.get("/readings")
async def readings(request):
    # Only values come from outside, never a filter: a stranger's filter could take long, or read what is not for him.
    q = {}
    if "room" in request.args:
        q["room"] = request.args["room"]
    try:
        if "min" in request.args:
            q["temp"] = {"$gte": float(request.args["min"])}
        return await db.query_async(q, sort="-_id", limit=100, key_field="_id")
    except (ValueError, QueryError) as e:  # "abc" is no float, and "nan" is one that nothing compares with
        return {"error": str(e)}, 400


@app.get("/readings.csv")
async def table(request):
    return db.dump_chunks(format="csv", fields=["_id", "n", "room", "temp"]), 200, {"Content-Type": "text/csv"}


async def main():
    print("http://%s:%d/ (Ctrl-C ends)" % (HOST, PORT))
    asyncio.create_task(watch())
    asyncio.create_task(measure())
    await app.start_server(HOST, PORT)


# Opened outside of the coroutines: Ctrl-C ends the loop without running their `finally` (docs/threads.md).
with MicroTetherDB(event_loop=asyncio.get_event_loop(), max_records=KEEP) as db:
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("stopped, %d readings" % len(db))
    except OSError as e:
        print("port %d: %s" % (PORT, e))  # taken by another program, for example
