"""Runs the operations that tests/test_property.py sends as lines of JSON, on one database; answers with lines of JSON.

Request: [operation, arguments, keywords]; answer: {"r": result, "all": [[key, document], ...], "flushes": n} or, for an error,
{"e": its kind, "m": its text, ...}. What JSON cannot carry goes as {"$": what, ...}.
"""

import json
import sys

from microtetherdb import MicroTetherDB
from microtetherdb.records import clock, keys, record
from expect import FakeTime


def _value(v):
    if isinstance(v, dict):
        kind = v.get("$")
        if kind == "nan":
            return float("nan")
        if kind == "bytes":
            return b"bytes"
        if kind == "pair":
            return tuple(_value(x) for x in v["v"])
        return {k: _value(x) for k, x in v.items()}
    if isinstance(v, list):
        return [_value(x) for x in v]
    return v


def invariants(db):
    """Raise unless expiry and index entries are exactly those that the records imply."""
    from microtetherdb.query import index_entries as index

    ttls = db.stats()["ttls"]  # removes what has expired
    wanted = set()
    found = set()
    report = db.check()
    assert report["ok"], report["problems"]
    live = 0
    ram = db._store.ram
    for key, raw in db._store.scan():
        if key[0]:
            out = []
            index.changes(db, key, None, raw, out)
            wanted.update(k for k, _ in out if k[:2] == b"\x00x")
            stamp = record.stamp(raw)
            if stamp is not None:
                live += 1
                if not ram:
                    wanted.add(keys.EXPIRY + stamp + key)
        elif key[:2] in (b"\x00x", b"\x00e"):
            found.add(key)
    assert found == wanted, "entries too many: %r, missing: %r" % (found - wanted, wanted - found)
    assert ttls == live, "%d TTLs for %d records" % (ttls, live)


class Executor:
    def __init__(self):
        self.db = None
        self.time = None
        self.how = None

    def start(self, wall, ms):
        """A new power-on: the ticks begin anew."""
        self.time = clock.time = FakeTime(wall)
        self.time.ms = ms

    def open(self, **kw):
        if self.db is not None:
            self.db.close()
        self.how = kw
        self.db = MicroTetherDB(**kw)

    def reopen(self, wall):
        self.db.close()
        self.start(wall, 1000)
        self.db = MicroTetherDB(**self.how)

    def close(self):
        self.db.close()
        self.db = None

    def go(self, seconds):
        self.time.go(seconds)

    def step(self, wall):
        self.time.step(wall)
        self.db.flush()

    def invariants(self):
        invariants(self.db)

    def sizes(self):
        """Page size, and the sizes of all entries of the tree: key and value."""
        return self.db._store.pagesize, sorted(set(len(k) + len(v) for k, v in self.db._store.scan()))

    def contains(self, key):
        return key in self.db

    def len(self):
        return len(self.db)

    def __call__(self, name, args, kw):
        args = [_value(a) for a in args]
        kw = {k: _value(v) for k, v in kw.items()}
        function = getattr(self, name, None) or getattr(self.db, name)
        result = function(*args, **kw)
        return list(result) if hasattr(result, "__next__") else result


def main():
    run = Executor()
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        answer = {}
        try:
            answer["r"] = run(*json.loads(line))
        except Exception as e:
            answer["e"] = type(e).__name__
            answer["m"] = str(e)
            if type(e) is AssertionError:
                sys.print_exception(e, sys.stderr)
        db = run.db
        if db is not None and db._store is not None:
            answer["all"] = list(db.items())
            answer["flushes"] = db._flushes
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
