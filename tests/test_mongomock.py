"""Random updates, queries and other calls on a collection, against mongomock (SPEC section 4): each must give what it gives, and leave it.

mongomock (PyPI) imitates MongoDB in Python. Where it differs from MongoDB's manual, `differs` says so, and the case is left out.
"""

import copy
import json
import os
import random

import mongomock
import pytest
from conftest import ROOT

NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"
RUN = ROOT / "tests" / "conformance" / "run.py"
TABLES = ("filters", "errors", "sorts", "fields", "updates", "collections", "expressions", "pipelines")
SCALARS = (0, 1, 2, 3, 5, -1, 2.5, "a", "b", "", None)  # no booleans: for mongomock, as for Python, True is 1
RESULTS = {
    "insert_one": ("inserted_id",), "insert_many": ("inserted_ids",), "delete_one": ("deleted_count",), "delete_many": ("deleted_count",),
    "update_one": ("matched_count", "modified_count", "upserted_id"), "update_many": ("matched_count", "modified_count", "upserted_id"),
    "replace_one": ("matched_count", "modified_count", "upserted_id"),
}  # fmt: skip


class Cases:
    """Random cases in the form of tests/conformance/collections.jsonl."""

    def __init__(self, seed):
        self.rnd = random.Random(seed)

    def value(self, depth=0):
        r = self.rnd.random()
        if depth < 2 and r < 0.25:
            return [self.value(depth + 1) for _ in range(self.rnd.randrange(4))]
        if depth < 2 and r < 0.35:
            return {self.rnd.choice("xy"): self.value(depth + 1)}
        return self.rnd.choice(SCALARS)

    def document(self):
        d = {name: self.value() for name in "abc" if self.rnd.random() < 0.7}
        if self.rnd.random() < 0.4:  # what positional operators are for
            d["t"] = [{"x": self.rnd.randrange(4), "y": self.rnd.randrange(3)} for _ in range(self.rnd.randrange(4))]
        if self.rnd.random() < 0.4:
            d["n"] = [self.rnd.randrange(6) for _ in range(self.rnd.randrange(5))]
        return d

    def condition(self):
        rnd = self.rnd
        r = rnd.randrange(9)
        if r < 3:
            return rnd.choice(SCALARS)
        if r < 6:
            return {rnd.choice(("$gt", "$gte", "$lt", "$lte")): rnd.choice((0, 1, 2, 3, 2.5, "a", "b"))}
        if r == 6:
            return {rnd.choice(("$in", "$nin")): [rnd.choice(SCALARS) for _ in range(2)]}
        if r == 7:
            return {"$exists": rnd.random() < 0.5}
        return {"$ne": rnd.choice(SCALARS)}

    def filter(self):
        rnd = self.rnd
        q = {}
        for _ in range(rnd.choice((0, 1, 1, 1, 2))):
            q[rnd.choice(("a", "b", "c", "a.x", "b.y", "n", "t.x", "_id"))] = self.condition()
        if "_id" in q:
            q["_id"] = rnd.choice(("d0", "d1", {"$ne": "d1"}, {"$in": ["d0", "d2"]}, {"$gt": "d0"}))
        if rnd.random() < 0.1:
            q["$or"] = [{"a": self.condition()}, {"b": self.condition()}]
        return q

    def path(self):
        return self.rnd.choice(("a", "b", "c", "z", "a.x", "b.y", "n", "n.1", "t.0.x", "z.x"))

    def update(self):
        rnd = self.rnd
        u = {}
        more = {}
        q = self.filter()
        for _ in range(rnd.choice((1, 1, 2))):
            op = rnd.choice(
                (
                    "$set",
                    "$unset",
                    "$inc",
                    "$mul",
                    "$min",
                    "$max",
                    "$push",
                    "$pull",
                    "$addToSet",
                    "$pop",
                    "$pullAll",
                    "$setOnInsert",
                    "$rename",
                )
            )
            x = self.value()
            if op in ("$inc", "$mul"):
                x = rnd.choice((1, 2, -1, 2.5))
            elif op == "$unset":
                x = ""
            elif op == "$pop":
                x = rnd.choice((1, -1))
            elif op == "$pullAll":
                x = [self.value(1) for _ in range(2)]
            elif op == "$pull":
                x = rnd.choice((rnd.choice(SCALARS), {"$gt": rnd.randrange(4)}, {"x": rnd.randrange(4)}))
            elif op == "$push" and rnd.random() < 0.5:
                x = {"$each": [rnd.randrange(6) for _ in range(2)]}
                if rnd.random() < 0.5:
                    x["$slice"] = rnd.randrange(-3, 4)
                if rnd.random() < 0.5:
                    x["$position"] = rnd.randrange(4)
            elif op == "$addToSet" and rnd.random() < 0.5:
                x = {"$each": rnd.sample(range(6), 2)}  # two that are equal mongomock adds both
            elif op == "$rename":
                x = rnd.choice(("r", "z.r"))
            path = "n" if op in ("$pullAll", "$pull", "$addToSet") else self.path()  # mongomock takes what is no array, too
            r = rnd.random()
            if op in ("$set", "$inc", "$mul", "$min", "$max", "$unset") and r < 0.4:
                if r < 0.12:
                    path = rnd.choice(("n.$[]", "t.$[].x", "t.$[].z"))
                elif r < 0.26:
                    path, f = rnd.choice(
                        (
                            ("n.$[e]", {"e": {"$gt": 2}}),
                            ("t.$[e].x", {"e.y": 1}),
                            ("t.$[e].z", {"e.x": {"$gte": 1}}),
                            ("n.$[e]", {"e": {"$ne": 3}}),
                        )
                    )
                    if "array_filters" in more:
                        continue
                    more["array_filters"] = [f]
                else:
                    path, q = rnd.choice(
                        (
                            ("n.$", {"n": rnd.randrange(6)}), ("n.$", {"n": {"$gt": 2}}), ("t.$.x", {"t.x": rnd.randrange(4)}),
                            ("t.$.z", {"t": {"$elemMatch": {"x": rnd.randrange(4), "y": rnd.randrange(3)}}}), ("n.$", {"n": {"$in": [1, 4]}}),
                        )
                    )  # fmt: skip
                if op == "$unset":
                    x = ""
            u.setdefault(op, {})[path] = x
        if rnd.random() < 0.15:
            more["upsert"] = True
            q = dict(q, _id=rnd.choice(("d1", "new"))) if "_id" not in q or not isinstance(q["_id"], str) else q
        return q, u, more

    def projection(self):
        rnd = self.rnd
        r = rnd.randrange(8)
        if r < 2:
            return {rnd.choice(("a", "b", "c", "a.x")): 1, rnd.choice(("n", "t")): 1}
        if r == 2:
            return {rnd.choice(("a", "b", "t.x")): 0}  # not through what is no document: mongomock drops a null
        if r == 3:
            return {"a": 1, "_id": 0}
        if r == 4:
            return {"n": {"$slice": rnd.choice((1, 2, -1, -2, [1, 2], [-1, 1]))}, "c": 1}  # alone: as MongoDB before 4.4
        if r == 5:
            return {"t": {"$elemMatch": {"x": rnd.randrange(4)}}}
        return None

    def call(self):
        rnd = self.rnd
        r = rnd.random()
        if r < 0.5:
            q, u, more = self.update()
            method = rnd.choice(("update_one", "update_many", "update_one", "find_one_and_update"))
            if method == "find_one_and_update":
                more["return_document"] = rnd.random() < 0.5
            return [method, [q, u], more]
        if r < 0.65:
            more = {}
            if rnd.random() < 0.5:
                more["sort"] = [[rnd.choice(("a", "b", "_id")), rnd.choice((1, -1))], ["_id", 1]]
                if more["sort"][0][0] == "_id":
                    more["sort"].pop()
            if rnd.random() < 0.3:
                more["skip"] = rnd.randrange(3)
            if rnd.random() < 0.3:
                more["limit"] = rnd.randrange(1, 3)
            return ["find", [self.filter(), self.projection()], more]
        if r < 0.7:
            return ["distinct", [rnd.choice(("a", "n", "t.x", "a.x", "_id")), self.filter()], {}]
        if r < 0.75:
            return ["count_documents", [self.filter()], {}]
        if r < 0.82:
            return ["replace_one", [self.filter(), self.document()], {"upsert": True} if rnd.random() < 0.2 else {}]
        if r < 0.88:
            return [rnd.choice(("delete_one", "delete_many", "find_one_and_delete")), [self.filter()], {}]
        if r < 0.94:
            return ["insert_many", [[dict(self.document(), _id=rnd.choice(("n1", "n2", "n3", "d0"))) for _ in range(2)]], {}]
        return ["find_one_and_replace", [self.filter(), self.document()], {"return_document": rnd.random() < 0.5}]

    def case(self):
        """Return a case, or None where mongomock cannot do it."""
        docs = [dict(self.document(), _id="d%d" % i) for i in range(self.rnd.randrange(1, 5))]
        call = self.call()
        method, args, more = copy.deepcopy(call)
        if "sort" in more:
            more["sort"] = [tuple(pair) for pair in more["sort"]]
        collection = mongomock.MongoClient().db.c
        collection.insert_many(copy.deepcopy(docs))
        case = {"docs": docs, "do": call}
        try:
            found = getattr(collection, method)(*args, **more)
            if method == "find":
                found = list(found)
            elif method in RESULTS:
                found = [getattr(found, name) for name in RESULTS[method]]
            case["gives"] = found
        except NotImplementedError:
            return None
        except Exception as e:
            case["error"] = ""
            case["theirs"] = repr(e)
        case["then"] = list(collection.find())
        if any(not isinstance(d["_id"], str) for d in case["then"]):  # an ObjectId
            return None
        case["then"].sort(key=lambda d: d["_id"])
        return None if differs(case) else case


def differs(case):
    """Why a case is left out: what mongomock does there is not what MongoDB's manual says. None for all others."""
    method, args, _ = case["do"]
    theirs = case.get("theirs", "")
    if theirs and theirs.split("(")[0] not in ("WriteError", "OperationFailure", "DuplicateKeyError"):
        if method == "insert_many":
            return "those before the one that fails stay; ours is one batch, as docs/mongodb.md says"
        return "mongomock breaks off with an error of Python's"
    if any(path.count(".") and x in (None, {"$ne": None}) or _asks_null(x) for path, x in _conditions(args)):
        return "null at a path through what is no document: mongomock does not take that for missing"
    if theirs and case["then"] != case["docs"]:
        return "mongomock leaves what was changed before the error"
    if any(isinstance(doc.get(case["do"][2].get("sort", [[""]])[0][0]), list) for doc in case["docs"]):
        return "mongomock sorts an array as a whole"
    if "replace" in method and case["do"][2].get("upsert") and theirs:
        return "mongomock makes more than the _id of an upsert's filter"
    if "replace" in method and not isinstance(args[0].get("_id", ""), str):
        return "mongomock takes operators on _id for a new _id"
    if case["do"][2].get("upsert") and any(a.startswith(b + ".") for a in args[0] for b in args[0]):
        return "an upsert whose filter has a path and one below: mongomock refuses conditions that give no value, too"
    if "update" in method:
        if any(isinstance(x, (list, dict)) for op in ("$min", "$max") for x in args[1].get(op, {}).values()):
            return "mongomock has no order of arrays and documents"
        if method == "find_one_and_update" and any(path.endswith(".$") for fields in args[1].values() for path in fields):
            return "mongomock takes the first element for one that a comparison found"
        if case["do"][2].get("upsert") and any(
            path in args[0] for op in ("$pull", "$pullAll", "$pop", "$push", "$addToSet") for path in args[1].get(op, {})
        ):
            return "mongomock makes an array of the value that the filter gives"
        if case["do"][2].get("upsert") and any(".$." in path + "." for fields in args[1].values() for path in fields):
            return "an upsert has no element that was found; mongomock leaves the change out"
        if case["do"][2].get("upsert") and any(path.startswith(q + ".") for fields in args[1].values() for path in fields for q in args[0]):
            return "a path through the value that the filter gives"
        if theirs.startswith("OperationFailure") and ".$" in str(args[1]):
            return "mongomock does not find the element for $ in update_many"
        if any(op not in ("$set", "$inc") and ".$" in path for op, fields in args[1].items() for path in fields):
            return "mongomock has $ and $[name] for $set and $inc only"
        paths = []
        for op, fields in args[1].items():
            for path, x in fields.items():
                paths.append(path)
                if op == "$rename":
                    paths.append(x)
                if any(_leads_nowhere(doc, path.split(".")) for doc in case["docs"]):
                    return "a path through what is no document, or beyond an array's end"
        for i, one in enumerate(paths):
            for other in paths[i + 1 :]:
                if one == other or one.startswith(other + ".") or other.startswith(one + "."):
                    return "two changes of one path: mongomock makes both"
    return None


def _conditions(args):
    for q in args:
        if isinstance(q, dict):
            for path, x in q.items():
                if path == "$or":
                    yield from _conditions(x)
                elif not path.startswith("$"):
                    yield path, x


def _asks_null(x):
    return isinstance(x, dict) and any(None in v for op, v in x.items() if op in ("$in", "$nin"))


def _leads_nowhere(v, parts):
    for i, step in enumerate(parts):
        if isinstance(v, list):
            if step.startswith("$"):
                return any(_leads_nowhere(e, parts[i + 1 :]) for e in v) if parts[i + 1 :] else False
            if not step.isdigit() or int(step) >= len(v):
                return True
            v = v[int(step)]
        elif isinstance(v, dict):
            if step not in v:
                return len(parts) > i + 1 and (parts[i + 1].isdigit() or parts[i + 1].startswith("$"))
            v = v[step]
        else:
            return True
    return False


def write(folder, cases):
    for name in TABLES:
        (folder / (name + ".jsonl")).write_text("".join(json.dumps(c) + "\n" for c in cases) if name == "collections" else "")


@pytest.mark.parametrize("seed", range(1, 30 if NIGHTLY else 2))
def test_a_collection_does_what_mongomocks_does(run, tmp_path, seed):
    cases = Cases(seed)
    found = [c for c in (cases.case() for _ in range(2000 if NIGHTLY else 400)) if c is not None]
    write(tmp_path, found)
    out = run(RUN, "unix", args=(tmp_path,), heap="16M", timeout=120)
    assert out.endswith(" 0 wrong\n") and len(found) > 200, out
