# Runs the tables on MicroPython and on CPython: python run.py FOLDER. Prints what differs, then a count.
# On MicroPython all go through a database too: filters without and with an index, which must not change a result.
# Documents have the keys that a case gives (first those of `yes`), or 000, 001, ...
import asyncio
import sys

from microtetherdb.query import expression, filter as match, value_order as order, projection as project, sort, ordered_json
from microtetherdb.update import operators as update
from microtetherdb.records.key_range import bound
from microtetherdb.errors import QueryError

FOLDER = (getattr(sys, "argv", [])[1:] or ["."])[0]  # boards have no arguments
SINGLE = float("1e39") == float("inf")  # numbers that large or small are left out there: no document can have them
bad = n = 0
db = None
if sys.implementation.name == "micropython":
    from microtetherdb import MicroTetherDB

    db = MicroTetherDB(ram_percentage=40)


def lines(name):
    with open(FOLDER + "/" + name + ".jsonl") as f:
        for line in f:
            case = ordered_json.loads(line)
            if "about" not in case and not (SINGLE and ("inf" in str(case) or "e-3" in line)):
                yield case


def expect(right, *what):
    global bad, n
    n += 1
    if not right:
        bad += 1
        print(*what)


def refused(error, f, *args):
    # What a call gives, or None when it raised the QueryError that was expected.
    try:
        result = f(*args)
    except QueryError as e:
        expect(error is not None and error in str(e), args, "raised", e)
        return None
    expect(error is None, args, "did not raise", error)
    return result


def same(a, b):
    return order.encode(a, True) == order.encode(b, True)


def named(docs):
    return ["%03d" % i for i in range(len(docs))]


def stored(docs, keys):
    db.delete(purge=True)
    for key, doc in zip(keys, docs):
        db.put(key, doc)


def filters():
    for case in lines("filters"):
        f = match.compile(case["q"])
        docs = case["yes"] + case["no"]
        keys = case.get("keys") or named(docs)
        for i, doc in enumerate(docs):
            f.key = bound(keys[i], "key")
            expect(f.match(doc) is (i < len(case["yes"])), case["q"], "on", keys[i], doc)
        if db is not None and not any("_tags" in doc and not doc["_tags"] for doc in docs):
            stored(docs, keys)
            wanted = sorted(keys[: len(case["yes"])])
            for indexed in (False, True):
                if indexed:
                    db.create_index("a")
                    db.create_index("a.b")
                expect(sorted(k for k, _ in db.query(f, keys=True)) == wanted, case["q"], "in a database, indexed", indexed)
                expect(len(db.query(f)) == db.count(f) == len(wanted), case["q"], "counted, indexed", indexed)
            db.drop_index("a")
            db.drop_index("a.b")
    for case in lines("errors"):
        refused(case["op"], match.compile, case["q"])


def sorts():
    for case in lines("sorts"):
        spec = refused(case.get("error"), sort.of_records, case["sort"])
        if "docs" not in case or spec is None:
            continue
        docs = case["docs"]
        skip = case.get("skip", 0)
        limit = case.get("limit", 0)
        sorter = sort.Sorter(spec, skip + limit if limit else 0)
        if "fails" in case:  # for what is in a document
            for indexed in (False, True) if db is not None else ():
                stored(docs, named(docs))
                if indexed:
                    db.create_index("a")
                refused(case["fails"], lambda: db.query(None, sort=case["sort"]))
            if db is not None:
                db.drop_index("a")
            refused(case["fails"], lambda: [sorter.add(doc, i) for i, doc in enumerate(docs)])
            continue
        for i, doc in enumerate(docs):
            if "_id" in str(spec):
                doc = doc.copy()
                doc["_id"] = "%03d" % i
            sorter.add(doc, i)
        expect(sorter.items[skip:] == case["order"], case["sort"], docs, "gives", sorter.items[skip:])
        if db is not None:
            stored(docs, named(docs))
            wanted = ["%03d" % i for i in case["order"]]
            for indexed in (False, True):
                if indexed:
                    db.create_index("a")
                found = [k for k, _ in db.query(None, keys=True, sort=case["sort"], skip=skip, limit=limit)]
                expect(found == wanted, case["sort"], docs, "in a database gives", found)
            db.drop_index("a")


def fields():
    for case in lines("fields"):
        q = case.get("q", {})
        show = refused(case.get("error"), project.compile, case["fields"], q)
        if show is not None and "fails" in case:  # for what is in a document
            refused(case["fails"], show, case["doc"], b"000")
        elif show is not None and "doc" in case:
            found = show(case["doc"], b"000")
            expect(same(found, case["is"]), case["fields"], "of", case["doc"], "gives", found)
            if db is not None:
                stored([case["doc"]], ["000"])
                expect(same(db.query(q, fields=case["fields"]), [case["is"]]), case["fields"], "in a database")


def changed(case):
    # What the update makes of the document.
    todo = update.check(case["u"])
    places = update.places(todo, case.get("q"), case.get("array_filters"))
    return update.apply(case["doc"], todo, "000", places, case.get("inserted", False))


def updates():
    for case in lines("updates"):
        before = order.encode(case["doc"])
        doc = refused(case.get("error"), changed, case)
        expect(order.encode(case["doc"]) == before, case["u"], "changed its argument")
        if doc is not None and "later" in case:
            expect(type(doc[case["later"]]) is int, case["u"], "gives", doc)
        elif doc is not None:
            expect(same(doc, case["is"]), case["u"], "on", case["doc"], "gives", doc)
        if db is not None and "inserted" not in case and "later" not in case:
            stored([case["doc"]], ["000"])
            if "q" in case:
                refused(case.get("error"), db.update_many, case["q"], case["u"], case.get("array_filters"))
            else:
                refused(case.get("error"), db.update, "000", case["u"], case.get("array_filters"))
            expect(same(db["000"], case.get("is", case["doc"])), case["u"], "in a database gives", db["000"])


RESULTS = {
    "InsertOneResult": ("inserted_id",), "InsertManyResult": ("inserted_ids",), "DeleteResult": ("deleted_count",),
    "UpdateResult": ("matched_count", "modified_count", "upserted_id"),
    "BulkWriteResult": ("inserted_count", "matched_count", "modified_count", "deleted_count", "upserted_count", "upserted_ids"),
}  # fmt: skip


def collections():
    # Each case with and without an index, which must not change a result.
    import microtetherdb.collection as requests
    from microtetherdb import DBError

    for case in lines("collections"):
        for indexed in (False, True):
            c = db.collection("c")
            c.drop()
            if indexed:
                c.create_index("x")
            if "unique" in case:
                c.drop_index("x")
                c.create_index(case["unique"], unique=True)
            for doc in case["docs"]:
                c.insert_one(doc)
            method, args = case["do"][:2]
            if method == "create_index":
                c.drop_index("x")
            if method == "bulk_write":
                args = [[getattr(requests, r[0])(*r[1], **(r[2] if len(r) > 2 else {})) for r in args[0]]]
            try:
                found = getattr(c, method)(*args, **(case["do"][2] if len(case["do"]) > 2 else {}))
                if method == "find":
                    found = list(found)
                elif method == "distinct":
                    found.sort(key=order.encode)
                elif hasattr(found, "acknowledged"):
                    found = [getattr(found, name) for name in RESULTS[found._name]]
                    if isinstance(found[-1], dict):
                        found[-1] = {str(k): found[-1][k] for k in found[-1]}
                expect("error" not in case, case["do"], "did not raise", case.get("error"))
                wanted = case.get("gives")
                if method == "distinct" and wanted is not None:
                    wanted = sorted(wanted, key=order.encode)
                expect("error" in case or same(found, wanted), case["do"], "on", case["docs"], "gives", found)
            except (DBError, ValueError, TypeError) as e:
                expect(case.get("error", "no error") in str(e), case["do"], "raised", repr(e))
            expect(same(list(c.find()), case.get("then", case["docs"])), case["do"], "leaves", list(c.find()))
    report = db.check()
    expect(report["ok"], report)


def expressions():
    if db is not None:
        db.delete(purge=True)
        db.put("000", {})
    for case in lines("expressions"):
        f = refused(case.get("error"), lambda: expression.Scope().compile(case["e"]))
        if f is None:
            continue
        if db is not None:
            db.put("000", case["doc"])
            pipeline = [{"$project": {"_id": 0, "r": case["e"] if isinstance(case["e"], (str, dict)) else {"$literal": case["e"]}}}]
        if "fails" in case:
            refused(case["fails"], f, case["doc"])
            if db is not None:
                refused(case["fails"], lambda: list(db.aggregate(pipeline)))
            continue
        found = f(case["doc"])
        if "is" not in case:
            expect(found is order.MISSING, case["e"], "of", case["doc"], "gives", found)
        else:
            expect(same(found, case["is"]), case["e"], "of", case["doc"], "gives", found)
        if db is not None and not isinstance(case["e"], list):
            found = list(db.aggregate(pipeline))
            expect(same(found, [{"r": case["is"]} if "is" in case else {}]), case["e"], "in a pipeline gives", found)


def pipelines():
    for case in lines("pipelines") if db is not None else ():
        p = case["p"]
        if refused(case.get("error"), db.aggregate, p) is None:
            continue
        docs = case["docs"]
        stored(docs, named(docs))
        for how in range(3 if p and ("$match" in p[0] or "$sort" in p[0]) else 2):
            if how == 2:
                db.create_index("a")
            run = (lambda: list(db.aggregate(p))) if how != 1 else lambda: asyncio.run(db.aggregate_async(p))
            found = refused(case.get("fails"), run)
            if found is not None:
                a = [order.encode(d, True) for d in found]
                b = [order.encode(d, True) for d in case["is"]]
                expect(sorted(a) == sorted(b) if "any" in case else a == b, p, docs, "gives", found, "by way", how)
        db.drop_index("a")
        # the same of a collection
        c = db.collection("p")
        c.drop()
        if docs:
            c.insert_many([dict(doc, _id=key) for doc, key in zip(docs, named(docs))])
        found = refused(case.get("fails"), lambda: list(c.aggregate(p)))
        if found is not None:
            expect(
                sorted([order.encode(d, True) for d in found]) == sorted([order.encode(d, True) for d in case["is"]]),
                p,
                "in a collection",
                found,
            )


for table in (filters, sorts, fields, updates, expressions, pipelines):
    table()
if db is not None:
    collections()
print("%d checks, %d wrong" % (n, bad))
