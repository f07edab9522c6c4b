# boards: unix
# nightly: unix32
# SPEC section 4: raw bytes are looked at before parsing, and that never changes a result.
import random
import sys

import queries
from microtetherdb import MicroTetherDB
from microtetherdb.query import filter as match, prefilter, ordered_json
from microtetherdb.records import record

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 3
turns = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
random.seed(seed)
db = MicroTetherDB(ram_percentage=80)
for i in range(150):
    db.put("k%03d" % i, queries.document() if i % 10 else queries.value(), tags=queries.tags(), ttl=9999 if i % 4 == 0 else None)
records = list(db._store.scan(b"\x01"))
parsed = []
for key, raw in records:
    text = raw[record.text_start(raw) :]
    wrapped = raw[0] < 8 and raw[0] & 2
    parsed.append((key.decode(), ordered_json.loads(text), wrapped))

skipped = hits = 0
for _ in range(turns):
    q = queries.filter()
    f = match.compile(q)
    plain = [key for key, doc, wrapped in parsed if (f.only_tags or not wrapped) and f.match(doc)]
    f = match.compile(q)
    f.sargs, sargs = [s for s in f.sargs if s[0] != "tags"], f.sargs  # no index of tags here
    found = [key for key, _ in db.find(f, keys=True)]
    assert found == plain, "seed %d: %r gives %r, by hand %r" % (seed, q, found, plain)
    # through the index of tags, in key order
    f.sargs = sargs
    found = sorted(key for key, _ in db.query(f, keys=True))
    assert found == plain, "seed %d: %r gives %r, by hand %r" % (seed, q, found, plain)
    hits += len(plain)
    # and each literal is in every match, whatever path the record came by
    may = prefilter.prefilter(prefilter.needles(f))
    if may is not None:
        for (key, raw), (name, doc, wrapped) in zip(records, parsed):
            if not may(raw):
                skipped += 1
                assert name not in plain, (q, raw)
assert hits > turns and skipped > turns * 10, (hits, skipped)  # or this test tests nothing
db.close()
print("OK")
