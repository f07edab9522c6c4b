# pyright: strict
"""Uses everything that the stubs have, without an error for a type checker and on an image (test_stubs.py)."""

import asyncio
import io
import os

import microtetherdb
from microtetherdb import DBClosed, DBCorrupt, DBError, DBFull, DBLock, DuplicateKeyError, MicroTetherDB, QueryError, defaults, ota, preload
from microtetherdb.collection import DeleteMany, InsertOne, ReturnDocument, UpdateOne

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from microtetherdb import Cursor, Document, Explanation, Json, Report, Stats
    from microtetherdb.ota import Manifest, Status


def opening() -> None:
    warnings: list[str] = []
    microtetherdb.on_warning = warnings.append
    preload("query", "put_batch")
    version: str = microtetherdb.__version__
    print(version.upper(), defaults["btree_pagesize"], defaults.source("filename").upper(), [name.upper() for name in defaults])
    db = MicroTetherDB(
        "x.db", False, 15, max_retries=1, retry_delay=0, lock_timeout=1.5, cleanup_interval=10, ttl_check_interval=0.5, btree_cachesize=4096,
        btree_pagesize=1024, adaptive_threshold=False, event_loop=None, flush_threshold=1,
    )  # fmt: skip
    db.put("k", [1, 2.5, None, True, "x", {"a": (1, 2)}])
    records: int = db.backup("y.db") + db.check()["records"]
    db.close()
    print(records + 1, len(warnings))


class Derived(MicroTetherDB):
    def rooms(self) -> "list[Document]":
        return self.query({"room": {"$exists": True}})


def records(db: MicroTetherDB, document: "Json") -> None:
    made: str = db.put(document)
    made = db.put({"room": "hall", "temp": 21.5}, ttl=3600, tags=["a"])
    made = db.put({"room": "hall"}, 3600, ("a", "b"), "id")
    made = db.put("k", {"n": 1}, 60, ["a"])
    made = db.put(key="kk", data="text", ttl=None, tags=None)
    made = db.put(data=5, _id="five")
    keys: list[str] = db.put_batch([{"n": 1}, ("b", {"n": 2})], ttls=[1, None], tags=[["a"], None])
    keys = db.put_batch(({"n": 1}, {"n": 2}), 60, ("a", "b"))
    n: int = db.update("k", {"$inc": {"n": 1}}) + db.update("k", '{"m": 5}') + db.delete("five") + db.delete_batch(keys) + len(db)
    db["k"] = {"n": 2}
    found: Document = db["k"]
    found = db.get("k") or db.get("no", default=0)
    del db["kk"]
    left = db.ttl("k")
    if left is None or left > 1:
        n += db.expire("k", 5) + db.expire("k", None) + db.cleanup()
    for key in db:
        print(key.upper(), key in db, made.upper(), found)
    for key in db.keys("a", "z", reverse=True, limit=5):
        print(key.upper())
    for value in db.values(start="a"):
        print(value)
    for key, value in db.items(prefix="i"):
        print(key.upper(), value, n + 1)


def queries(db: MicroTetherDB) -> None:
    documents: list[Document] = db.query({"n": {"$gt": 0}}, sort="-n", skip=1, limit=5, fields=["n"])
    documents = db.query('{"n": 1}', sort=[("n", 1), "m"], fields={"n": 1})
    documents = list(db.aggregate([{"$group": {"_id": "$n", "c": {"$sum": 1}}}, {"$sort": [("_id", 1)]}], max_groups=5))
    documents = list(db.aggregate('[{"$limit": 1}]'))
    for key, _ in db.query({}, keys=True) + list(db.find(keys=True)):
        documents.append(key.upper())
    cursor: Cursor[Document] = db.find({"n": 1}, sort=("n", -1))
    first: Document = next(cursor, None)
    rest: Iterator[Document] = iter(cursor)
    cursor.close()
    db.create_index("n", unique=False)
    paths: list[str] = db.indexes()
    plan: Explanation = db.explain({"n": 1}, sort="n", skip=0, limit=1)
    n: int = db.count() + db.count({"n": 1}) + db.update_many({"n": 2}, {"n": 3}) + db.delete_many({"n": 3}) + plan["examined"]
    if "ranges" in plan:
        n += plan["ranges"]
    dropped: bool = db.drop_index("n")
    n += db.update("k", {"$inc": {"a.$[e]": 1}}, array_filters=[{"e": 1}]) if db.get("k") == {"a": [1]} else 0
    print(db.distinct("n"), db.distinct("n", {"n": 1}))
    print(n, first, rest, dropped, plan["plan"].upper(), [p.upper() for p in paths], plan["prefilter"])


def collections(db: MicroTetherDB) -> None:
    c = db.collection("rooms")
    key: str = c.insert_one({"_id": "k", "a": [1, 2]}, ttl=60, tags=["t"]).inserted_id
    ids: list[str] = c.insert_many([{"a": 1}, {"b": 2}]).inserted_ids
    n: int = c.update_one({"_id": key}, {"$set": {"a.$[]": 1}}, upsert=True).matched_count + c.count_documents({}, limit=5)
    n += c.update_many({"a": 1}, '{"$set": {"b": 1}}').modified_count + c.replace_one({"b": 2}, {"b": 3}).matched_count
    n += c.bulk_write([InsertOne({"_id": "x"}), UpdateOne({"_id": "x"}, {"$set": {"y": 1}}), DeleteMany({"no": 1})]).inserted_count
    n += c.delete_one({"_id": "x"}).deleted_count + c.delete_many({"no": 1}).deleted_count + c.expire("k", 5) + c.estimated_document_count()
    one: Document = c.find_one("k") or c.find_one({"a": 1}, {"a": {"$slice": 1}}, sort=[("a", 1)])
    one = c.find_one_and_update({"_id": "k"}, {"$inc": {"z": 1}}, return_document=ReturnDocument.AFTER)
    for document in c.find({"a": 1}, ["a"]).sort("a", -1).skip(0).limit(3):
        print(document)
    name: str = c.create_index([("a", 1), ("b", -1)]) + db.collection("u").create_index("z", unique=True)
    print(
        n,
        one,
        ids,
        c.distinct("a"),
        list(c.aggregate([{"$match": {"a": 1}}])),
        name.upper(),
        c.drop_index("z_1"),
        c.index_information(),
        c.ttl("k"),
        db.collections(),
    )
    try:
        c.insert_one({"_id": "k"})
    except DuplicateKeyError as e:
        print(e)
    c.drop()


def monitoring(db: MicroTetherDB) -> None:
    db.flush()
    report: Report = db.check()
    stats: Stats = db.stats()
    print(report["ok"], [p.upper() for p in report["problems"]], report["found"] + stats["flush_threshold"], stats["name"].upper())
    if "quota" in stats and "ram_used" in stats:
        print(stats["quota"] - stats["ram_used"])
    text = io.StringIO()
    n: int = db.dump(text)
    text.seek(0)
    n += db.load(text) + db.delete(purge=True)
    print(n)


async def asynchronous() -> None:
    async with MicroTetherDB(event_loop=asyncio.get_event_loop()) as db:
        db.put("a", {"n": 1})
        async for document in db.find({"n": 1}):
            print(document)
        cursor = db.find(keys=True)
        async for key, document in cursor:
            print(key.upper(), document)
        cursor.close()
        await db.create_index_async("n")
        documents: list[Document] = await db.query_async({"n": 1}, limit=1)
        documents = await db.aggregate_async([{"$count": "n"}])
        async for _ in db.aggregate([]):
            pass
        for key, _ in await db.query_async(keys=True):
            documents.append(key.upper())
        text = io.StringIO()
        n: int = await db.count_async({"n": 1}) + await db.cleanup_async() + await db.backup_async("z.db") + await db.dump_async(text)
        text.seek(0)
        n += await db.load_async(text) + await db.update_many_async({"n": 1}, {"n": 2}) + await db.delete_many_async({"n": 2})
        report: Report = await db.check_async()
        dropped: bool = await db.drop_index_async("n")
        c = db.collection("c")
        n += (await c.update_many_async({}, {"$set": {"a": 1}})).matched_count + await c.count_documents_async({})
        async for document in c.find():
            print(document, await db.distinct_async("a"))
        print(n, documents, report["ok"], dropped)


class Slots:
    """Update slots of a board, as its `_mtdb_board.slot()` may give them."""

    running = "a"
    target = "b"
    capacity = 65536

    def status(self) -> "tuple[str, str]":
        return "valid", "empty"

    def check(self, head: memoryview) -> None:
        pass

    def begin(self, size: int) -> None:
        pass

    def write(self, offset: int, buf: memoryview) -> None:
        pass

    def readinto(self, offset: int, buf: memoryview) -> None:
        pass

    def finish(self) -> None:
        pass

    def activate(self) -> None:
        pass

    def confirm(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def restart(self) -> None:
        pass


async def update(up: ota.Updater, url: str) -> None:
    manifest: Manifest = await up.check(url)
    if manifest["version"] != up.status()["version"] and manifest["updater"] <= ota.UPDATER:
        manifest = await up.update(manifest, progress=lambda done, size: print("%d of %d" % (done, size)))
        with open("image", "rb") as image:
            manifest = await up.update(manifest, image)
        up.restart()


def updates(db: MicroTetherDB) -> None:
    up = ota.Updater(Slots(), board="UNIX", allow_unsigned=True, timeout=1, retries=0, pause=0.1, total=5, ssl=None, headers={"X-A": "b"})
    status: Status = up.status()
    done: bool = up.confirm(db) or up.confirm(lambda: True) or ota.confirm("x.db", slot=Slots())
    print(done, ota.status(slot=Slots(), journal="j.json")["failed"], status["running"], up.slot.capacity + 1)
    up.forget()
    errors: "list[type[ota.OTAError]]" = [
        ota.BadManifest, ota.BadSignature, ota.WrongBoard, ota.OldSecurity, ota.UpdaterTooOld, ota.FailedBefore, ota.Unconfirmed,
        ota.TooLarge, ota.Truncated, ota.SourceError, ota.Unreachable, ota.BadState, ota.BadHash, ota.BadImage, ota.SelfTestFailed,
    ]  # fmt: skip
    print([error.__name__ for error in errors])
    try:
        asyncio.run(update(up, "no/such/file"))
    except ota.OTAError as e:
        print(e.args)
    except OSError as e:
        print(e.errno)


opening()
with Derived() as derived:
    print(derived.rooms())
    records(derived, {"a": [1, {"b": None}]})
    queries(derived)
    collections(derived)
    monitoring(derived)
    updates(derived)
try:
    derived.query({"a": {"$no": 1}})
except (QueryError, DBFull, DBLock, DBCorrupt, DBClosed) as error:
    wrong: DBError = error
    print(wrong)
asyncio.run(asynchronous())
os.remove("x.db")
