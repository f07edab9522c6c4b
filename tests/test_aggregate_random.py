"""Random pipelines against mingo (npm) and mongomock (PyPI), which imitate MongoDB: each must give what the library gives.

Where one of them differs from MongoDB's manual, `DIFFERS` says so, and the case is left out for it. The cases are made so that types
mostly fit; an expression that raises in the library must raise in the other too, or be explained.
"""

import datetime
import json
import os
import random
import re

import fetch
import guard
import mongomock
import pytest

NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"
N = 3000 if NIGHTLY else 250

DEVICE = """
import json
from microtetherdb import MicroTetherDB, QueryError
db = MicroTetherDB(ram_percentage=60)
with open("cases.jsonl") as f:
    for line in f:
        case = json.loads(line)
        db.delete(purge=True)
        for d in case["docs"]:
            key = d.pop("_id")
            db.put(key, d)
        try:
            print(json.dumps(list(db.aggregate(case["text"]))))
        except QueryError as e:
            print(json.dumps({"error": str(e)}))
"""

NODE = """
const { Aggregator } = require(process.argv[2] + "/cjs/index.js");
const lines = require("fs").readFileSync(process.argv[3], "utf8").split("\\n").filter(l => l);
const dates = v => v instanceof Date ? v.getTime() / 1000 : Array.isArray(v) ? v.map(dates)
  : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, e]) => [k, dates(e)])) : v;
for (const line of lines) {
  const c = JSON.parse(line);
  for (const d of c.docs) if (typeof d.t === "number") d.t = new Date(d.t * 1000);
  try { console.log(JSON.stringify(dates(new Aggregator(c.p).run(c.docs)))); }
  catch (e) { console.log(JSON.stringify({ error: String(e) })); }
}
"""

# Why a case is left out for one of them: (whom, what its pipeline has, why). Each is a departure from MongoDB's manual.
DIFFERS = (
    ("mingo", r"\$bucket", "gives buckets without documents too"),
    ("mingo", r"\$to(Upp|Low)er", "gives null for null, not an empty string"),
    ("mingo", r"\$substr", "takes no negative length and no start beyond the end"),
    ("mingo", r"\$(lt|lte|gt|gte)\b", "compares numbers with numbers only: null is not below them"),
    ("mingo", r"\$count", "counts no documents as 0, where the stage gives no document"),
    ("mingo", r"\$(push|addToSet)", "keeps null for what is missing"),
    ("mingo", r"\$mod", "refuses null"),
    ("mingo", r"\$(min|max)", "gives null where one operand is null"),
    ("mingo", r"\"p\": \"\$g\".*\$sort", "sorts documents without regard to the names of their fields"),
    ("mongomock", r"\$bucket", "cannot compare null and numbers"),
    ("mongomock", r"\$count", "counts no documents as 0, where the stage gives no document"),
    ("mongomock", r"\$(min|max)", "gives null where one operand is null"),
    ("mongomock", r"\$project\": \{\"v\": [-\d.]", "takes a number in $project for a value, not for true"),
    ("mongomock", r"\$addToSet", "adds null to a set for 0"),
    ("mongomock", r"\$(first|last)", "takes the first value that there is"),
    ("mongomock", r"\$arrayElemAt", "leaves out a field that is computed of an element that is not there"),
    ("mongomock", r"\$(not|in)\b", "does not work in $expr as it does elsewhere"),
    ("mongomock", r"\$(dateTrunc|stdDevPop|unset|count\": \{)", "has none"),
    ("mongomock", lambda case, ours, theirs: "KeyError" in str(theirs), "raises KeyError for a missing field"),
    ("mongomock", r"\$(to(Upp|Low)er|substr)", "gives null for null, not an empty string"),
    ("mongomock", r"\$(lt|lte|gt|gte)\b", "compares numbers with numbers only: null is not below them"),
)


class Maker:
    """Makes documents and pipelines. Fields have kinds: n number, s string, l array of numbers, d document, t time, g to group by."""

    def __init__(self, rnd):
        self.rnd = rnd

    def case(self):
        """Return a case; `text` keeps the order of a sort's fields."""
        p = self.pipeline()
        return {"p": p, "text": json.dumps(p), "docs": self.documents()}

    def documents(self):
        rnd = self.rnd
        docs = []
        for i in range(rnd.randrange(1, 9)):
            d = {
                "a": rnd.choice((0, 1, 2, 3, -2, 2.5, 7.25, -0.5, 10)),
                "b": rnd.choice((1, 2, 4, 0.5, -3, 100)),
                "s": rnd.choice(("", "x", "abc", "Xyz", "2012-01")),
                "g": rnd.choice((1, 2, "p", "q")),
                "l": [rnd.randrange(5) for _ in range(rnd.randrange(4))],
                "d": {"x": rnd.randrange(4), "y": rnd.choice(("k", "m"))},
                "t": 1700000000 + rnd.randrange(10**7),
            }
            for name in ("a", "g", "s"):
                r = rnd.random()
                if r < 0.08:
                    d[name] = None
                elif r < 0.16:
                    del d[name]
            docs.append(dict(d, _id="%02d" % i))
        return docs

    def field(self, kinds, kind):
        return "$" + self.rnd.choice([n for n, k in kinds.items() if k == kind])

    def number(self, kinds, depth=0):
        rnd = self.rnd
        some = [n for n, k in kinds.items() if k == "n"]
        r = rnd.random()
        if depth > 2 or r < 0.4:
            return "$" + rnd.choice(some) if some and rnd.random() < 0.75 else rnd.choice((1, 2, 0.5, -3))
        n = lambda: self.number(kinds, depth + 1)
        op = rnd.choice(
            ("add", "subtract", "multiply", "divide", "mod", "abs", "floor", "ceil", "cond", "ifNull", "min", "max", "size", "elem")
        )
        if op in ("add", "multiply", "min", "max"):
            return {"$" + op: [n() for _ in range(rnd.choice((2, 2, 3)))]}
        if op in ("divide", "mod"):
            return {"$" + op: [n(), rnd.choice((2, 3, 4, -2, 0.5))]}
        if op == "subtract":
            return {"$subtract": [n(), n()]}
        if op == "cond":
            return {"$cond": [self.truth(kinds, depth + 1), n(), n()]}
        if op == "ifNull":
            return {"$ifNull": [n(), n()]}
        if op in ("size", "elem"):
            lists = [name for name, k in kinds.items() if k == "l"]
            if not lists:
                return n()
            return {"$size": "$" + lists[0]} if op == "size" else {"$arrayElemAt": ["$" + lists[0], rnd.choice((0, 1, -1))]}
        return {"$" + op: n()}

    def truth(self, kinds, depth=0):
        rnd = self.rnd
        r = rnd.random()
        if depth < 2 and r < 0.3:
            op = rnd.choice(("$and", "$or", "$not"))
            return {op: [self.truth(kinds, depth + 1) for _ in range(1 if op == "$not" else 2)]}
        if r < 0.4:
            return {"$in": [self.number(kinds, 2), [0, 1, 2, 2.5]]}
        return {rnd.choice(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")): [self.number(kinds, 2), self.number(kinds, 2)]}

    def text(self, kinds):
        rnd = self.rnd
        some = [n for n, k in kinds.items() if k == "s"]
        x = "$" + rnd.choice(some) if some else "lit"
        return rnd.choice(
            (x, {"$toUpper": x}, {"$toLower": x}, {"$concat": [x, "-", "z"]}, {"$substr": [x, rnd.randrange(3), rnd.choice((1, 2, -1))]})
        )

    def pipeline(self):
        rnd = self.rnd
        kinds = {"a": "n", "b": "n", "s": "s", "g": "g", "l": "l", "d.x": "n", "d.y": "s", "t": "t"}
        out = []
        for i in range(rnd.randrange(1, 5)):
            op = rnd.choice(("$match", "$set", "$project", "$unwind", "$group", "$group", "$sort", "$bucket", "$count", "$unset", "$expr"))
            numbers = [n for n, k in kinds.items() if k == "n"]
            if op == "$match":
                x = {rnd.choice(numbers): {rnd.choice(("$gt", "$lte", "$ne")): rnd.choice((0, 1, 2.5))}} if numbers else {}
            elif op == "$expr":
                op, x = "$match", {"$expr": self.truth(kinds)}
            elif op == "$set":
                x = {"v": self.number(kinds), "w": self.text(kinds)}
                kinds = dict(kinds, v="n", w="s")
            elif op == "$project":
                x = {"v": self.number(kinds), "w": self.text(kinds), "c": self.truth(kinds)}
                if "a" in kinds:
                    x["a"] = 1
                kinds = {"v": "n", "w": "s", "c": "b", **({"a": "n"} if "a" in kinds else {})}
            elif op == "$unset":
                x = [n for n in kinds if rnd.random() < 0.2] or ["zz"]
                kinds = {n: k for n, k in kinds.items() if n not in x}
            elif op == "$unwind":
                if kinds.get("l") != "l":
                    continue
                x = rnd.choice(("$l", {"path": "$l", "preserveNullAndEmptyArrays": True}, {"path": "$l", "includeArrayIndex": "i"}))
                kinds = dict(kinds, l="n")
            elif op == "$group":
                key = rnd.choice((None, "g", "d", "n", "s", "t"))
                key = {
                    None: None,
                    "g": "$g",
                    "d": {"p": "$g", "q": {"$floor": self.number(kinds, 2)}},
                    "n": {"$floor": {"$divide": [self.number(kinds, 2), 2]}},
                    "s": self.text(kinds),
                    "t": {"$dateTrunc": {"date": "$t", "unit": rnd.choice(("minute", "hour", "day", "week", "month", "quarter", "year")),
                                         "binSize": rnd.choice((1, 1, 2, 3, 5))}} if "t" in kinds else 1,
                }[key]  # fmt: skip
                x = {"_id": key}
                for name in ("v", "w"):
                    acc = rnd.choice(("$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet", "$count", "$stdDevPop"))
                    x[name] = {acc: {} if acc == "$count" else self.number(kinds, 1)}
                kinds = {n: "n" for n in "vw" if list(x[n])[0] not in ("$push", "$addToSet")}
            elif op == "$bucket":
                x = {"groupBy": self.number(kinds, 2), "boundaries": [-1, 1, 2.5, 8], "default": "other"}
                if not re.search(r"\$[a-z.]+\"", json.dumps(x["groupBy"])):
                    continue
                if rnd.random() < 0.5:
                    x["output"] = {"v": {"$sum": 1}, "w": {"$max": self.number(kinds, 2)}}
                kinds = {"v": "n", "w": "n"} if "output" in x else {"count": "n"}
            elif op == "$count":
                x = "v"
                kinds = {"v": "n"}
            else:
                x = {rnd.choice(numbers or ["_id"]): rnd.choice((1, -1)), "_id": 1}
            out.append({op: x})
        return out


def canonical(v, inside=False):
    """A value as text that compares: numbers to nine digits, arrays of $addToSet in an order."""
    if isinstance(v, bool) or v is None or isinstance(v, str):
        return json.dumps(v)
    if isinstance(v, (int, float)):
        return "%.9g" % (v + 0.0) if v else "0"
    if isinstance(v, datetime.datetime):
        return str(v)
    if isinstance(v, (list, tuple)):
        return "[%s]" % ",".join(sorted(canonical(e) for e in v))
    return "{%s}" % ",".join("%s:%s" % (k, canonical(v[k])) for k in sorted(v))


def in_order(p):
    """Whether the results of a pipeline come in a defined order."""
    return any("$sort" in s or "$bucket" in s for s in p) and not any(
        "$group" in s for s in p[max(i for i, s in enumerate(p) if "$sort" in s or "$bucket" in s) :]
    )


def left_out(whom, case, ours, theirs):
    """Return why a case is not compared, or None."""
    text = json.dumps(case["p"])
    for who, pattern, why in DIFFERS:
        if who == whom and (pattern(case, ours, theirs) if callable(pattern) else re.search(pattern, text)):
            return why
    return None


def compare(whom, cases, ours, theirs):
    n = 0
    for case, a, b in zip(cases, ours, theirs):
        if isinstance(a, dict) and isinstance(b, dict):
            continue  # both raise
        if isinstance(a, list) and isinstance(b, list):
            x, y = [canonical(d) for d in a], [canonical(d) for d in b]
            if x == y or not in_order(case["p"]) and sorted(x) == sorted(y):
                n += 1
                continue
        if left_out(whom, case, a, b) is None:
            pytest.fail(
                "%s\n%s\nours:   %s\ntheirs: %s" % (json.dumps(case["p"]), "\n".join(map(json.dumps, case["docs"])), a, b), pytrace=False
            )
    assert n > len(cases) / 2, n


@pytest.fixture(scope="module")
def cases():
    maker = Maker(random.Random(12))
    return [maker.case() for _ in range(N)]


@pytest.fixture
def ours(run, cases):
    text = "".join(json.dumps(case) + "\n" for case in cases)
    return [json.loads(line) for line in run(DEVICE, files={"cases.jsonl": text}, heap="8M", timeout=300).splitlines()]


def test_against_mingo(cases, ours, tmp_path):
    (mingo,) = fetch.fetch("mingo")
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (tmp_path / "run.js").write_text(NODE)
    done = guard.run(["node", "run.js", str(mingo), "cases.jsonl"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    compare("mingo", cases, ours, [json.loads(line) for line in done.stdout.splitlines()])


def test_against_mongomock(cases, ours):
    theirs = []
    for case in cases:
        collection = mongomock.MongoClient().db.c
        collection.insert_many([dict(d) for d in case["docs"]])
        try:
            theirs.append(list(collection.aggregate(case["p"])))
        except (NotImplementedError, Exception) as e:  # whatever it raises, it has no result
            theirs.append({"error": "%s: %s" % (type(e).__name__, e)})
    compare("mongomock", cases, ours, theirs)
