"""A web page that shows readings, and the same as JSON with a filter. Ctrl-C ends it.

    make run ARGS=examples/web_page.py            # or ARGS="examples/web_page.py 8000" for another port

    /                      the last readings as a table
    /readings?room=attic&min=22    JSON

The web server is microdot, which `make run` fetches. It wants a network, which no image has that was run here but the host's.
"""

import asyncio
import sys

from microdot import Microdot, Response
from microtetherdb import DBFull, MicroTetherDB, QueryError

HOST = "127.0.0.1"  # this computer alone; "0.0.0.0" on a board: everybody on its network
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
INTERVAL = 1  # seconds between two readings
KEEP = 60  # seconds that a reading is shown: 120 records, which a board's RAM can hold

PAGE = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Readings</title>
<h1>Readings</h1><table border="1"><tr><th>n<th>room<th>temperature</tr>
"""

app = Microdot()
Response.default_content_type = "text/html"


async def measure():
    """Stand-in for two sensors."""
    n = 0
    while True:
        for room, temp in (("attic", 20 + n % 5), ("kitchen", 21)):
            try:
                db.put({"n": n, "room": room, "temp": temp}, ttl=KEEP)
            except DBFull as e:  # KEEP is too long for this board's RAM; what is there goes on being shown
                print(e)
        n += 1
        await asyncio.sleep(INTERVAL)


@app.get("/")
async def index(request):
    # `sort` with `limit` keeps 20 records in RAM, however many there are.
    found = await db.query_async(sort="-n", limit=20)

    def rows():  # a generator: the page is never in RAM as a whole
        yield PAGE
        for d in found:
            yield "<tr><td>%d<td>%s<td>%s</tr>\n" % (d["n"], escape(d["room"]), d["temp"])
        yield "</table>\n"

    return rows()


def escape(text):
    """Return text that may stand in HTML, whoever wrote it."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


@app.get("/readings")
async def readings(request):
    # Only values come from outside, never a filter: a stranger's filter could take long, or read what is not for him.
    q = {}
    if "room" in request.args:
        q["room"] = request.args["room"]
    try:
        if "min" in request.args:
            q["temp"] = {"$gte": float(request.args["min"])}
        return await db.query_async(q, limit=100)
    except (ValueError, QueryError) as e:  # "abc" is no float, and "nan" is one that nothing compares with
        return {"error": str(e)}, 400


async def main():
    print("http://%s:%d/ (Ctrl-C ends)" % (HOST, PORT))
    asyncio.create_task(measure())
    await app.start_server(HOST, PORT)


# Opened outside of the coroutines: Ctrl-C ends the loop without running their `finally` (docs/threads.md).
with MicroTetherDB(event_loop=asyncio.get_event_loop()) as db:
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("stopped, %d readings" % len(db))
    except OSError as e:
        print("port %d: %s" % (PORT, e))  # taken by another program, for example
