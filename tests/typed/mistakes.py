"""Programs' mistakes: type checkers must find one on each line that ends in a mark, and no other (test_stubs.py)."""

import microtetherdb
from microtetherdb import MicroTetherDB, ota
from microtetherdb import Database  # wrong

db = MicroTetherDB()
MicroTetherDB(filname="x")  # wrong
MicroTetherDB(5)  # wrong
MicroTetherDB(in_memory="no")  # wrong
MicroTetherDB(btree_pagesize=1000)  # wrong
db.no_such_method()  # wrong
db.put()  # wrong
db.put(b"bytes")  # wrong
db.put("k", {"a": {1, 2}})  # wrong
db.put({"a": 1}, "60")  # wrong
db.put({"a": 1}, tags="alarm")  # wrong
db.put("k", {"a": 1}, _id="k")  # wrong
db.put({"a": 1}, until=5)  # wrong
db[5] = 1  # wrong
db.put_batch("text")  # wrong
db.put_batch([1], tags="alarm")  # wrong
db.put_batch(items=[1], ttls="60")  # wrong
db.get()  # wrong
db.get(5)  # wrong
db.delete("k", purge=True)  # wrong
db.delete(purge=1)  # wrong
db.delete_batch([1, 2])  # wrong
db.update("k")  # wrong
db.update("k", [1])  # wrong
db.ttl("k") + 1  # wrong
db.expire("k")  # wrong
db.keys(reverse="yes")  # wrong
db.query(5)  # wrong
db.query({}, limit="5")  # wrong
db.query({}, sort=5)  # wrong
db.query({}, fields=5)  # wrong
db.delete_many()  # wrong
db.explain({}, keys=True)  # wrong
db.explain({})["parsed"]  # wrong
db.stats()["writes"]  # wrong
db.check()["ok"].upper()  # wrong
db.dump("file.json")  # wrong
db.load("file.json")  # wrong
db.backup(5)  # wrong
db.indexes()[0].path  # wrong
db.find().rewind()  # wrong
db.find({})["a"]  # wrong
number: str = db.delete("k")  # wrong
texts: "list[int]" = db.put_batch([1])  # wrong
pairs: "list[str]" = db.query({}, keys=True)  # wrong
microtetherdb.preload(5)  # wrong
microtetherdb.on_warning = 5  # wrong for mypy
microtetherdb.defaults.source(5)  # wrong
ota.Updater(5)  # wrong
ota.Updater(timeout="1")  # wrong
ota.Updater(time_out=1)  # wrong
ota.confirm(5)  # wrong
ota.confirm("x.db", jurnal="j")  # wrong
ota.NoSuchError  # wrong
ota.status()["sloth"]  # wrong
up = ota.Updater()
up.slot = 5  # wrong
up.update()  # wrong
up.check("u").version  # wrong


async def asynchronous() -> None:
    await db.find()  # wrong
    await db.query({})  # wrong
    await db.count_async() + "1"  # wrong
    async for key in db.keys():  # wrong
        print(key)
    with MicroTetherDB() as opened:
        opened.nothing  # wrong
    async with MicroTetherDB() as opened:
        opened.nothing  # wrong
    m = await up.check("u")
    m["sha1"]  # wrong
    await up.update(m, progress=lambda done: None)  # wrong
