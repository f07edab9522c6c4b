"""Workload of the power-cut tests of the whole database, and what must be there after a cut."""

import random

from cutlab import Lab
from nightly import NIGHTLY
from microtetherdb import MicroTetherDB
from microtetherdb.storage import places


def _open(target, **kw):
    return MicroTetherDB(target, in_memory=False, retry_delay=0, btree_cachesize=32, **kw)


def contents(db):
    report = db.check()
    if not report["ok"]:
        raise AssertionError(report["problems"])
    for key in db.keys():
        if (db.ttl(key) is not None) != key.startswith("ttl"):
            raise AssertionError("TTL of " + key)
    return dict(db.items())


def read(target):
    db = _open(target)
    got = contents(db)
    # not closed: the next power cut comes
    store, db._store = db._store, None
    store.log.medium.close()
    places.release(places.open_files[db._name])
    return got


def more(target, changes):
    with _open(target) as db:
        for key, value in changes:
            db.put(key, value)
        db.put("n", {"again": 1})
        db.delete("n")
    return read(target)


def workload(lab, target, rounds, **kw):
    rnd = random
    rnd.seed(9)
    db = _open(target, **kw)

    def settled():
        # The database flushes by itself, too.
        if not db._store.dirty():
            lab.flushed()

    def put(key, value, **kw):
        if kw.get("tags"):
            lab.did((key, dict(value, _tags=kw["tags"])))
        else:
            lab.did((key, value))
        db.put(key, value, **kw)

    db.create_index("room")
    db.flush()
    for i in range(rounds):
        key = "k%d" % rnd.getrandbits(6)
        kind = rnd.getrandbits(4)
        doc = {"n": i, "room": "r%d" % (i % 5), "text": "x" * rnd.getrandbits(6)}
        if kind < 2:
            if key in db:
                lab.did((key, None))
                db.delete(key)
        elif kind < 4:
            put("ttl%d" % (i % 20), doc, ttl=1000000)
        elif kind < 6:
            put("tag%d" % (i % 20), doc, tags=["a", "b%d" % (i % 3)])
        elif kind < 7:
            batch = {"b%d" % rnd.getrandbits(5): dict(doc, n=j) for j in range(5)}
            lab.did(*batch.items())
            db.put_batch(list(batch.items()))
        elif kind < 8:
            gone = [k for k in ("b%d" % rnd.getrandbits(5) for _ in range(4)) if k in db]
            lab.did(*((k, None) for k in gone))
            db.delete_batch(gone)
        elif kind < 9:
            # One change of several kinds; the first of a queue.
            puts = {"b%d" % rnd.getrandbits(5): dict(doc, n=j) for j in range(3)}
            gone = [k for k in ("tag%d" % rnd.getrandbits(4), "b%d" % rnd.getrandbits(5), key) if k in db and k not in puts]
            lab.did(*(list(puts.items()) + [(k, None) for k in gone]))
            db.write(list(puts.items()), gone, durable=i % 5 == 0)
            if i % 5 == 0:
                lab.flushed()
            else:
                settled()
            for what in ({"tags": ["a", "b1"]}, {"prefix": "b"}):
                first = [k for k, d in db.items(prefix=what.get("prefix")) if "prefix" in what or "b1" in d.get("_tags", ())][:1]
                lab.did(*((k, None) for k in first))
                assert (db.pop_first(**what) or [None])[0] == (first or [None])[0]
                settled()
        elif kind < 10:
            if key in db:
                lab.did((key, doc))
                db.replace(key, doc)
        elif kind < 11:
            put(key, dict(doc, long="y" * 900))
        else:
            put(key, doc)
        settled()
        if i % 25 == 24:
            db.flush()
            lab.flushed()
        if i % 70 == 69:
            db.close()
            lab.flushed()
            db = _open(target, **kw)
        if i == rounds * 3 // 5:
            lab.did((None, None))
            db.delete(purge=True)
            db.flush()
            lab.flushed()
            db.create_index("n")
    lab.went_round(db._store.log.medium)
    db.close()
    lab.flushed()


def run(kind, long=False, seed=1, every=False, **kw):
    """Cut everywhere on a "region", "lfs" or "fat"; `every`: recovery too. Returns the lab."""
    # FAT: a cut while the older file is removed leaves its clusters marked as used.
    blocks, rounds = {"region": (24 if long else 16, 150), "lfs": (40, 120), "fat": (80 if long else 40, 120)}[kind]
    sample, stride = (1, 1) if every else (5 if long else 41, 3)
    lab = Lab(kind, blocks, read, more, seed=seed, depth=2, sample=sample, stride=stride, value={"the": "cut"})
    if not (long or NIGHTLY):
        lab.nth = max(lab.nth, 3)  # the page log's cuts (logcuts.py) are at every operation
    lab.run(lambda lab, target: workload(lab, target, rounds * (4 if long else 1), **kw))
    return lab
