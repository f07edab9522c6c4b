# boards: unix unix32 rv32
# nightly: m33
# SPEC sections 2, 4: a change that is refused, at any of its entries, leaves no mark that later ones rely on; indexes agree with a scan.
from microtetherdb import MicroTetherDB
from flashsim import Flash


def refuse(db, n, call):
    # Let the n-th change of a tree fail within one call, as a page that cannot be written does; returns whether it was reached.
    store = db._store
    change = store._change

    def failing(tree, changes):
        for i, item in enumerate(changes):
            if i == n:
                raise OSError(5)
            change(tree, (item,))
        if n == len(changes):
            raise OSError(5)

    store._change = failing
    try:
        call(db)
        return False
    except OSError:
        return True
    finally:
        store._change = change


def answers(db):
    out = []
    for q in ({"a": {"$gt": 3, "$lt": 7}}, {"a": {"$gte": 1}}, {"a": {"$gt": 5, "$lt": 2}}, {"a": {"$gte": "long"}}, {"tags": "t"}):
        hits = [k for k, _ in db.query(q, keys=True)]
        assert len(hits) == len(set(hits)) == db.count(q) == len(db.query(q)) == len(list(db.find(q))), (q, hits)
        out.append(sorted(hits))
    for sort in ("a", "-a"):
        hits = [k for k, _ in db.query({"a": {"$gte": 0}}, keys=True, sort=sort)]
        assert len(hits) == len(set(hits)), (sort, hits)
        out.append(hits)
    return out


CALLS = (
    lambda db: db.put("x", {"a": [1, 9]}),
    lambda db: db.put("x", {"a": "long " * 30 + "1"}),
    lambda db: db.put("x", {"a": [4, "long " * 30]}, tags=["t", "u"], ttl=100),
    lambda db: db.put_batch([("x", {"a": 5}), ("y", {"a": "long " * 30}), ("z", {"a": [2, 8]}), ("x", {"a": [1]})], tags=["t"]),
    lambda db: db.update("one", {"$set": {"a": [1, 6]}}),
    lambda db: db.expire("one", 50),
)
LATER = (
    ("arr", {"a": [1, 9]}, {}), ("one", {"a": 5}, {}), ("long1", {"a": "long " * 30 + "2"}, {}), ("long2", {"a": "long " * 30 + "1"}, {"tags": ["t"]}),
)  # fmt: skip

for call in CALLS:
    n = 0
    while True:
        device = Flash(32)
        db = MicroTetherDB(device, in_memory=False, retry_delay=0, max_retries=0)
        db.create_index("a")
        db.put("one", {"a": 3})
        refused = refuse(db, n, call)
        before = dict(db.items())
        for key, doc, kw in LATER:
            db.put(key, doc, **kw)
        now = answers(db)
        assert db.check()["ok"], db.check()
        db.close()
        db = MicroTetherDB(device, in_memory=False)
        assert answers(db) == now, (n, now, answers(db))
        indexed = now
        db.drop_index("a")
        assert [sorted(h) for h in answers(db)] == [sorted(h) for h in indexed], (n, indexed, answers(db))
        db.close()
        if not refused:
            break
        n += 1
    assert n > 1, n
print("OK")
