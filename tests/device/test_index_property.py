# boards: unix unix32 m33
# qemu heap: 4m
# SPEC section 4: an index never changes a result; its entries are those of the records, in every commit.
import random
import sys

import queries
from microtetherdb import MicroTetherDB
from microtetherdb.query import index_entries as index, filter as match, sort, ordered_json
from microtetherdb.records import record
from nightly import NIGHTLY

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 5
turns = int(sys.argv[2]) if len(sys.argv) > 2 else 400 if NIGHTLY else 200 if sys.platform == "linux" else 30
random.seed(seed)
INDEXED = ("n", "s", "a.n", "tags.n", "b")


def entries(db):
    # All index entries that the records ask for.
    out = set()
    for key, raw in db._store.scan(b"\x01"):
        for i in [index.TAGS] + list(db._indexes.values()):
            for code in i.of_record(raw):
                out.add(i.key(code, key)[0])
    return out


def check(db):
    there = set(k for k, v in db._store.scan(b"\x00x", b"\x00y"))
    assert there == entries(db), "seed %d: %r" % (seed, there ^ entries(db))
    assert all(len(k) <= 200 for k in there)


def by_hand(db, f, spec):
    out = []
    for key, raw in db._store.scan(b"\x01"):
        doc = ordered_json.loads(raw[record.text_start(raw) :])
        if raw[0] < 8 and raw[0] & 2:
            if f.only_tags and f.test(doc):
                out.append((key.decode(), doc["_value"]))
        elif f.match(doc):
            out.append((key.decode(), doc))
    if spec:
        s = sort.Sorter(sort.parse(spec), 0)
        for key, doc in out:
            s.add(doc, key)
        return s.items
    return [key for key, doc in out]


def run(db, turns):
    used = ordered = 0
    for turn in range(turns):
        r = random.random()
        key = "k%d" % random.randrange(120)
        if r < 0.5:
            db.put(key, queries.document() if r > 0.05 else queries.value(), tags=queries.tags(), ttl=9999 if r < 0.1 else None)
        elif r < 0.6:
            db.delete(key)
        elif r < 0.65:
            try:
                db.update(key, {random.choice(("n", "s", "a.n")): random.choice(queries.SCALARS)})
            except Exception as e:
                assert type(e).__name__ == "QueryError", e  # not a document, or no room for the path
        elif r < 0.67:
            db.put_batch([("k%d" % random.randrange(120), queries.document()) for _ in range(5)])
        q = queries.filter() if random.random() < 0.7 else {random.choice(INDEXED): queries.condition()}
        spec = random.choice((None, None, "n", "-n", "s", "-s", "a.n"))
        f = match.compile(q)
        e = db.explain(q, sort=spec)
        used += e["plan"] == "index"
        ordered += e["sort"] == "index"
        found = [k for k, d in db.query(q, keys=True, sort=spec)]
        wanted = by_hand(db, f, spec)
        if spec is None:
            found.sort()
        assert found == wanted, "seed %d turn %d: %r sort %r: %r by hand %r, %r" % (seed, turn, q, spec, found, wanted, e)
        assert db.count(q) == len(wanted) == e["returned"], (q, e)
        if turn % 50 == 0:
            check(db)
    check(db)
    return used, ordered


db = MicroTetherDB(ram_percentage=80)
for i in range(60):  # indexes on what is there already
    db.put("k%d" % i, queries.document(), tags=queries.tags())
for path in INDEXED:
    db.create_index(path)
assert db.indexes() == sorted(INDEXED)
used, ordered = run(db, turns)
assert used > turns // 4, used
# scalars only: then the order comes from the index too
db.delete(purge=True)
assert db.indexes() == sorted(INDEXED)
scalars = [s for s in queries.SCALARS if not (isinstance(s, str) and len(s) > 50)]
queries.value = lambda depth=0: random.choice(scalars)
used, ordered = run(db, turns // 2)
assert ordered > turns // 20, ordered
for path in INDEXED:
    assert db.drop_index(path) is True and db.drop_index(path) is False
assert db.indexes() == []
assert not [k for k, v in db._store.scan(b"\x00x\x01", b"\x00y")]
db.close()

# on file, reopened: the same indexes, the same entries
for turn in range(3):
    db = MicroTetherDB("index.db", in_memory=False)
    if not turn:
        for path in INDEXED[:3]:
            db.create_index(path)
    assert db.indexes() == sorted(INDEXED[:3]), db.indexes()
    run(db, turns // 6)
    db.close()
print("OK")
