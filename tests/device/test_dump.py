# boards: unix unix32 m33
# heap: 4m
# SPEC section 5: dump() of what matches, of some fields, as JSON lines or CSV; dump_chunks() for web servers; load() takes it back.
import asyncio
import io
import json
import time

from expect import raises
from microtetherdb import DBClosed, MicroTetherDB
import microtetherdb.steps
from nightly import FEW


def fields(line):
    """A line of CSV, taken apart as RFC 4180 says."""
    out = []
    i = 0
    while True:
        if line[i : i + 1] == '"':
            text = ""
            i += 1
            while True:
                j = line.index('"', i)
                text += line[i:j]
                i = j + 1
                if line[i : i + 1] != '"':
                    break
                text += '"'
                i += 1
        else:
            j = i
            while j < len(line) and line[j] != ",":
                j += 1
            text = line[i:j]
            i = j
        out.append(text)
        if i == len(line):
            return out
        assert line[i] == ",", line
        i += 1


def fill(db, n):
    texts = ("plain", 'q"uote"', "a,b", "", "line", "\u20ac", " space ", "'", ";", "=1+1")
    for i in range(n):
        db.put("k%03d" % i, {"n": i, "s": texts[i % 10], "o": {"p": [i, {"q": 'x"y'}], "e": None}, "f": i / 4, "b": i % 2 == 0})
    db.put("gone", {"n": 1}, ttl=0.001)
    db.put("list", [1, None], tags=["z"], ttl=500)
    db.put("tagged", {"n": 5, "s": "t"}, tags=["x", "y"])
    db.put("\x00low", {"n": -1})
    time.sleep_ms(5)


def text(db, *args, **kw):
    """What `dump` writes, which is what all other forms give."""
    out = io.StringIO()
    n = db.dump(out, *args, **kw)
    out = out.getvalue()
    later = io.StringIO()
    assert asyncio.run(db.dump_async(later, *args, **kw)) == n
    assert _same(later.getvalue(), out)
    for size in (1, 7, 200, 1024, 100000):
        chunks = list(db.dump_chunks(*args, size=size, **kw))
        assert _same("".join(chunks), out), (size, args, kw)
        assert all(len(c) >= size for c in chunks[:-1]) and all(chunks)

        async def collect():
            out = []
            async for chunk in db.dump_chunks(*args, size=size, **kw):
                out.append(chunk)
            return out

        assert _same("".join(asyncio.run(collect())), out), (size, args, kw)
    return n, out


def _same(a, b):
    # TTLs run on.
    cut = lambda t: [line.split(',"ttl":')[0] for line in t.split("\n")]
    return cut(a) == cut(b)


def lines(db, n):
    count, out = text(db)
    found = [json.loads(line) for line in out.split("\n") if line]
    assert count == len(found) == n + 3 and [d["_id"] for d in found] == list(db) == ["\x00low"] + ["k%03d" % i for i in range(n)] + [
        "list",
        "tagged",
    ]
    assert text(db, None, None, "jsonl")[0] == text(db, {})[0] == count
    for q in (
        {"n": {"$gte": 5}},
        {"_id": "k001"},
        {"_id": {"$gte": "k01", "$lt": "k02"}},
        {"tags": "x"},
        {"tags": "z"},
        {"s": "a,b"},
        '{"n":{"$lt":3}}',
        {"n": "none"},
    ):
        count, out = text(db, q)
        found = [json.loads(line) for line in out.split("\n") if line]
        assert [(d["_id"], d["data"]) for d in found] == [(k, (v)) for k, v in db.query(q, keys=True)] and count == db.count(q) == len(
            found
        ), q
    _, out = text(db, {"tags": {"$in": ["x", "z"]}})
    b, a = [json.loads(line) for line in out.split("\n") if line]  # by the index
    assert a["tags"] == ["z"] and 400 < a["ttl"] <= 500 and b["data"]["_tags"] == ["x", "y"] and "ttl" not in b
    count, out = text(db, {"$limit": 4})
    assert count == 4
    for f, wanted in (
        (["n"], {"n": 3}),
        (["_id", "o.p"], {"_id": "k003", "o": {"p": [3, {"q": 'x"y'}]}}),
        ({"o": 0, "f": 0, "b": 0}, {"n": 3, "s": ""}),
    ):
        count, out = text(db, {"_id": "k003"}, f)
        assert json.loads(out) == {"_id": "k003", "data": wanted}, (f, out)
    # taken back
    with MicroTetherDB(ram_percentage=30) as other:
        out = io.StringIO()
        db.dump(out, {"n": {"$gte": 2}})
        out.seek(0)
        assert other.load(out) == n - 2 + 1 and other["k005"] == db["k005"] and other["tagged"] == db["tagged"]
        out = io.StringIO()
        db.dump(out, {"_id": {"$gte": "list"}}, {"s": 0})
        out.seek(0)
        assert other.load(out) == 2 and other["tagged"] == {"n": 5, "_tags": ["x", "y"]} and other.ttl("list") > 400


def values(db, n):
    columns = ["_id", "n", "s", "f", "b", "o", "o.p.0", "o.p.1.q", "o.p.9", "o.e", "none", "_tags", "n.x", "s.0"]
    count, out = text(db, None, columns, "csv")
    rows = out.split("\r\n")
    assert rows.pop() == "" and fields(rows[0]) == columns and count == len(rows) - 1 == n + 3
    for row, (key, doc) in zip(rows[1:], db.items()):
        d = doc if isinstance(doc, dict) else {}
        cells = fields(row)
        assert len(cells) == len(columns) and cells[0] == key, row
        assert cells[1] == (str(d["n"]) if "n" in d else "") and cells[2] == d.get("s", ""), row
        assert cells[3] == (json.dumps(d["f"]) if "f" in d else "") and cells[4] == (
            {True: "true", False: "false"}[d["b"]] if "b" in d else ""
        )
        assert (json.loads(cells[5]) == d["o"] and cells[6] == str(d["n"]) and cells[7] == 'x"y') if "o" in d else cells[5:8] == [""] * 3
        assert cells[8:11] == [""] * 3 == cells[12:14] + [""] and cells[11] == ('["x", "y"]' if key == "tagged" else ""), row
    assert text(db, {"n": {"$lt": 2}}, ["s", "n"], "csv") == (3, 's,n\r\n,-1\r\nplain,0\r\n"q""uote""",1\r\n')
    assert text(db, {"_id": "k003"}, ["s"], "csv") == (1, 's\r\n""\r\n')  # a text of nothing is not nothing
    assert text(db, {"n": "none"}, "a,b", "csv") == (0, '"a,b"\r\n')
    assert text(db, {"tags": "z"}, ("_id", "x"), "csv") == (1, "_id,x\r\nlist,\r\n")


async def shared(db):
    # A long search without a match lets the loop go on; a chunk reader may be left or closed; closing the database ends it.
    turns = [0]

    async def count():
        while True:
            turns[0] += 1
            await asyncio.sleep_ms(0)

    t = asyncio.create_task(count())
    real = microtetherdb.steps.time

    class Slow:
        at = 0

        def ticks_ms(self):
            self.at += 10
            return self.at

        ticks_diff = lambda self, a, b: a - b

    microtetherdb.steps.time = Slow()
    try:
        async for _ in db.dump_chunks({"s": {"$contains": "no such thing"}}):
            assert False
        assert turns[0] > len(db) // 3, turns
    finally:
        microtetherdb.steps.time = real
    t.cancel()
    db.create_index("n")
    chunks = db.dump_chunks({"n": {"$gte": 0}}, size=50)
    await chunks.__anext__()
    await chunks.aclose()
    assert list(chunks) == [] and db._moves is None
    chunks = db.dump_chunks(size=50)
    first = next(chunks)
    db.delete("k005")
    db.put("k0005", {"n": 5})
    rest = "".join(chunks)
    assert first and '"k0005"' in rest and '"k005"' not in rest
    chunks = db.dump_chunks(size=50)
    next(chunks)
    db.close()
    raises(DBClosed, "closed", next, chunks)
    chunks.close()


for ram in (True, False):
    MicroTetherDB.remove("dump.db")
    db = MicroTetherDB("dump.db", in_memory=ram, ram_percentage=30)
    n = 20 if FEW else 60
    fill(db, n)
    lines(db, n)
    values(db, n)
    asyncio.run(shared(db))
MicroTetherDB.remove("dump.db")
print("OK")
