"""Sequences of all operations on the real image agree with a plain model (SPEC sections 1-5; issue "library", 7).

Hypothesis makes the sequences, always the same ones; tests/device/lib/executor.py runs them in one long-lived process a worker.
"""

import copy
import os

import pytest
from conftest import QEMU
from executor import Board, Device
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"
Y2000 = 3600  # seconds since 2000: a clock that was never set
Y2026 = 26 * 365 * 86400
# (board, medium): sequences, and at night
CASES = {
    ("unix", "ram"): (12, 500),
    ("unix", "file"): (24, 800),
    ("unix32", "ram"): (4, 300),
    ("unix32", "file"): (6, 400),
    ("m33", "ram"): (2, 100),
    ("m33", "file"): (2, 150),
    ("rv32", "file"): (3, 100),
}


class Expected(Exception):
    """The model's prediction of an error: kind, part of its text."""


MISSING = object()


def _matches(doc, tags, q):
    if not isinstance(doc, dict):
        # a bare value can only be found by the tags it was put with
        return all(path == "tags" and want in tags for path, want in q.items())
    for path, want in q.items():
        value = doc.get(path, MISSING)
        if path == "tags":
            if want not in doc.get("_tags", []) and want not in doc.get("tags", []):
                return False
            continue
        if not isinstance(want, dict):
            want = {"$eq": want}
        for op, x in want.items():
            if not _holds(op, value, x):
                return False
    return True


def _holds(op, value, x):
    if op == "$exists":
        return (value is not MISSING) == x
    if op == "$in":
        return any(_holds("$eq", value, v) for v in x)
    if op == "$eq":
        return (value is MISSING or value is None) if x is None else type(value) is type(x) and value == x
    if op == "$ne":
        return not _holds("$eq", value, x)
    if type(value) is not type(x):
        return False
    return {"$gt": value > x, "$gte": value >= x, "$lt": value < x, "$lte": value <= x}[op]


def _order(key):
    return key.encode()


class Model:
    """What the database should be: key -> [document, expiry in seconds of this model's time or None, tags]."""

    def __init__(self, persistent):
        self.persistent = persistent
        self.now = 0
        self.records = {}
        self.indexes = set()
        self.made = []  # generated keys
        self.states = [({}, {})]  # what a power cut may leave: (before, after) each operation since the last flush

    def seen(self):
        return {k: d for k, (d, end, _) in self.records.items() if end is None or end > self.now}

    def _end(self, ttl):
        return self.now + ttl if ttl else None

    @staticmethod
    def _document(data, tags):
        data = copy.deepcopy(data)
        if isinstance(data, dict):
            if tags:
                data["_tags"] = list(tags)
            elif data.get("_tags") == []:
                del data["_tags"]
        return data

    def put(self, key, data, ttl=None, tags=None):
        self.records[key] = [self._document(data, tags), self._end(ttl), tags or []]

    def delete(self, key):
        n = key in self.seen()
        self.records.pop(key, None)
        return int(n)

    def update(self, key, changes):
        if key not in self.seen():
            return 0
        doc = self.records[key][0]
        if not isinstance(doc, dict):
            raise Expected("QueryError", "not a document")
        doc = copy.deepcopy(doc)
        if "$inc" in changes:
            old = doc.get("n", 0)
            if type(old) is not int:
                raise Expected("QueryError", "$inc")
            doc["n"] = old + changes["$inc"]["n"]
        elif "$unset" in changes:
            doc.pop("s", None)
        else:
            doc.update(changes)
        self.records[key][0] = doc
        return 1

    def expire(self, key, ttl):
        if key not in self.seen():
            return 0
        self.records[key][1] = self._end(ttl)
        return 1

    def cleanup(self):
        seen = self.seen()
        n = len(self.records) - len(seen)
        self.records = {k: v for k, v in self.records.items() if k in seen}
        return n

    def matching(self, q):
        return [k for k, d in sorted(self.seen().items(), key=lambda i: _order(i[0])) if _matches(d, self.records[k][2], q)]


# Strategies

KEYS = st.sampled_from(["a", "b", "c", "ca", "\x00m", "\x01", "ä", "k" * 128, "z"])
TTLS = st.sampled_from([None, 0, 2.5, 7.5, 40.5, 100000.5])
TAGS = st.sampled_from([None, [], ["x"], ["x", "y"], ["t" * 60, "x"]])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
N = st.sampled_from([0, 1, 2, -7, 1000, None, "1", True])
DOCUMENTS = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"n": N, "s": st.one_of(TEXT, st.sampled_from(["x" * 60, "x" * 61])), "tags": st.sampled_from([["x"], ["q"]])}
    ),
    st.builds(lambda n, size: {"n": n, "pad": "p" * size}, N, st.sampled_from([0, 215, 225, 300, 1200, 8000])),
    st.sampled_from([None, True, 0, 1.25, "", "text", [], [1, [2, {"a": None}]]]),
)
QUERIES = st.one_of(
    st.just({}),
    st.builds(lambda x: {"n": x}, N),
    st.builds(lambda op, x: {"n": {op: x}}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), st.sampled_from([0, 1, 2, "1"])),
    st.builds(lambda x, y: {"n": {"$in": [x, y]}}, N, N),
    st.builds(lambda f, b: {f: {"$exists": b}}, st.sampled_from(["n", "s", "pad"]), st.booleans()),
    st.builds(lambda t: {"tags": t}, st.sampled_from(["x", "y", "q", "t" * 60])),
    st.builds(lambda t, x: {"tags": t, "n": {"$gte": x}}, st.sampled_from(["x", "y"]), st.sampled_from([0, 1])),
    st.builds(lambda s: {"s": s}, st.sampled_from(["", "x" * 60, "x" * 61])),
)
CHANGES = st.one_of(
    st.builds(lambda n: {"n": n}, N), st.just({"$unset": {"s": 1}}), st.just({"$inc": {"n": 3}}), st.just({"s": "new", "n": 5})
)
BAD = st.sampled_from([{"$": "nan"}, {"$": "bytes"}, {"a": {"$": "nan"}}, "x" * 8191, {"$": "pair", "v": ["", 1]}])
BOUND = st.one_of(st.none(), KEYS, st.sampled_from(["", "0", "b!", "\x7f"]))


def _op(name, **arguments):
    return st.fixed_dictionaries({"op": st.just(name), **arguments})


BATCH = st.lists(st.tuples(st.one_of(st.none(), KEYS), DOCUMENTS), max_size=5)
OPERATIONS = st.one_of(
    _op("len"),  # what the others shrink to
    _op("put", key=KEYS, data=DOCUMENTS, form=st.sampled_from(["positional", "named", "_id"]), ttl=TTLS, tags=TAGS),
    _op("put", key=KEYS, data=DOCUMENTS, form=st.just("plain"), ttl=st.none(), tags=st.none()),
    _op("put", key=st.none(), data=DOCUMENTS, form=st.sampled_from(["plain", "named"]), ttl=TTLS, tags=TAGS),
    _op("put_bad", key=KEYS, data=BAD, ttl=st.sampled_from([None, 5])),
    _op("get", key=KEYS),
    _op("delete", key=KEYS),
    _op("update", key=KEYS, changes=CHANGES),
    _op("expire", key=KEYS, ttl=TTLS),
    _op("ttl", key=KEYS),
    _op("put_batch", items=BATCH, ttls=st.sampled_from([None, 3.5, "each"]), tags=st.sampled_from([None, ["x"], "each"])),
    _op("put_batch_bad", items=BATCH, bad=BAD, tail=BATCH),
    _op("delete_batch", keys=st.lists(KEYS, max_size=5)),
    _op(
        "range",
        what=st.sampled_from(["keys", "values", "items"]),
        start=BOUND,
        end=BOUND,
        prefix=st.sampled_from([None, "", "c", "0", "\x01", "k"]),
    ),
    _op("query", q=QUERIES, keys=st.booleans()),
    _op("count", q=QUERIES),
    _op("delete_many", q=QUERIES),
    _op("update_many", q=QUERIES, changes=st.one_of(st.just({"n": 2}), st.just({"n": None, "s": "all"}))),
    _op("create_index", path=st.sampled_from(["n", "s"])),
    _op("drop_index", path=st.sampled_from(["n", "s"])),
    _op("put", key=KEYS, data=DOCUMENTS, form=st.sampled_from(["positional", "named", "_id"]), ttl=TTLS, tags=TAGS),
    _op("put", key=KEYS, data=DOCUMENTS, form=st.just("plain"), ttl=st.none(), tags=st.none()),
    _op("put", key=st.none(), data=DOCUMENTS, form=st.sampled_from(["plain", "named"]), ttl=TTLS, tags=TAGS),
    _op("go", seconds=st.sampled_from([1, 3, 10, 50, 3000])),
    _op("step", to=st.sampled_from(["right", "2000", "2031"])),
    _op("cleanup"),
    _op("flush"),
    _op("purge"),
    _op("reopen"),
    _op("kill"),
)
SEQUENCES = st.tuples(st.sampled_from([None, None, 1]), st.booleans(), st.lists(OPERATIONS, min_size=20, max_size=40))


class Run:
    """One sequence on a device and on the model."""

    def __init__(self, device, persistent, flush_threshold, right_clock):
        self.device = device
        self.model = Model(persistent)
        self.persistent = persistent
        self.how = dict(filename="p.db", in_memory=not persistent, ram_percentage=50, lock_timeout=0, flush_threshold=flush_threshold)
        self.durable = flush_threshold == 1
        self.wall = "right" if right_clock else "2000"
        if persistent:
            device.forget("p.db", "p.db.new")
        self.flushes = 0
        self.gone = 0  # seconds of the wall clock in state "2000"
        self.power_on()

    def wall_clock(self):
        return {"right": Y2026 + self.model.now, "2031": Y2026 + 5 * 365 * 86400 + self.model.now, "2000": Y2000 + self.gone}[self.wall]

    def power_on(self):
        self.device.call("start", self.wall_clock(), 1000)
        self.answer = self.device.call("open", **self.how)
        assert "e" not in self.answer, self.answer
        self.flushes = 0

    def ask(self, name, *args, **kw):
        self.answer = self.device.call(name, *args, **kw)
        if "e" in self.answer:
            raise Expected(self.answer["e"], self.answer["m"])
        return self.answer["r"]

    def compare(self):
        listing = self.answer["all"]
        assert listing == [list(i) for i in sorted(self.model.seen().items(), key=lambda i: _order(i[0]))]

    def do(self, op):
        model = self.model
        before = copy.deepcopy(model.records)
        was = self.flushes
        getattr(self, "do_" + op["op"])(**{k: v for k, v in op.items() if k != "op"})
        self.compare()
        self.flushes = self.answer["flushes"]
        durable = self.durable and op["op"] not in ("delete_many", "update_many", "expire", "cleanup")
        if op["op"] in ("flush", "reopen", "kill", "purge", "step") or durable:
            model.states = [(model.records, model.records)]
        else:
            if self.flushes != was:
                model.states = [(before, before)]
            model.states.append((before, model.records))
        model.states[-1] = copy.deepcopy(model.states[-1])

    def refused(self, kind, part, name, *args, **kw):
        with pytest.raises(Expected) as e:
            self.ask(name, *args, **kw)
        assert e.value.args[0] == kind and part in e.value.args[1], e.value.args

    def new_key(self, key):
        assert isinstance(key, str) and key > max(self.model.made, default="") if self.persistent else key not in self.model.made
        assert key not in self.model.records
        self.model.made.append(key)

    def do_put(self, key, data, form, ttl, tags):
        if key is None:
            args, kw = ([data], {}) if form == "plain" else ([], {"data": data})
            if form == "plain" and (ttl or tags):
                args += [ttl, tags]
            elif form != "plain":
                kw.update(ttl=ttl, tags=tags)
            if len(args) > 1 and isinstance(data, str):
                args, kw = [], {"data": data, "ttl": ttl, "tags": tags}
            key = self.ask("put", *args, **kw)
            self.new_key(key)
        else:
            if form == "plain":
                got = self.ask("put", key, data)
            elif form == "positional":
                got = self.ask("put", key, data, ttl, tags)
            elif form == "named":
                got = self.ask("put", data=data, key=key, ttl=ttl, tags=tags)
            else:
                got = self.ask("put", data, ttl=ttl, tags=tags, _id=key)
            assert got == key
        self.model.put(key, data, ttl, tags)

    def do_put_bad(self, key, data, ttl):
        if isinstance(data, dict) and data.get("$") == "pair":
            self.refused("ValueError", "key: empty", "put", "", 1)
            self.refused("ValueError", "ttl", "put", key, 1, -1)
            return
        kind = "TypeError" if data == {"$": "bytes"} else "ValueError"
        self.refused(kind, "data", "put", key, data, ttl)

    def do_get(self, key):
        seen = self.model.seen()
        assert self.ask("get", key, "none") == seen.get(key, "none")
        assert self.ask("contains", key) == (key in seen)

    def do_delete(self, key):
        assert self.ask("delete", key) == self.model.delete(key)

    def do_update(self, key, changes):
        try:
            want = self.model.update(key, changes)
        except Expected as e:
            self.refused(*e.args, "update", key, changes)
        else:
            assert self.ask("update", key, changes) == want

    def do_expire(self, key, ttl):
        assert self.ask("expire", key, ttl) == self.model.expire(key, ttl)

    def do_ttl(self, key):
        got = self.ask("ttl", key)
        end = self.model.records[key][1] if key in self.model.seen() else None
        if end is None:
            assert got is None
        else:
            assert abs(got - (end - self.model.now)) < 0.1

    @staticmethod
    def _batch(items):
        return [d if k is None else {"$": "pair", "v": [k, d]} for k, d in items]

    def do_put_batch(self, items, ttls, tags):
        each_ttl = [[None, 2.5, 0][i % 3] for i in range(len(items))]
        each_tags = [[["y"], None][i % 2] for i in range(len(items))]
        args = self._batch(items), each_ttl if ttls == "each" else ttls, each_tags if tags == "each" else tags
        got = self.ask("put_batch", *args)
        assert len(got) == len(items)
        for i, (key, data) in enumerate(items):
            if key is None:
                key = got[i]
                self.new_key(key)
            assert got[i] == key
            self.model.put(key, data, each_ttl[i] if ttls == "each" else ttls, each_tags[i] if tags == "each" else tags)

    def do_put_batch_bad(self, items, bad, tail):
        batch = self._batch(items)
        with pytest.raises(Expected) as e:
            self.ask("put_batch", [*batch, bad, *self._batch(tail)])
        assert e.value.args[0] in ("TypeError", "ValueError") and "items[%d]" % len(batch) in e.value.args[1]

    def do_delete_batch(self, keys):
        want = sum(self.model.delete(k) for k in dict.fromkeys(keys))
        assert self.ask("delete_batch", keys) == want

    def do_range(self, what, start, end, prefix):
        want = [
            (k, d)
            for k, d in sorted(self.model.seen().items(), key=lambda i: _order(i[0]))
            if (start is None or _order(k) >= _order(start)) and (end is None or _order(k) < _order(end)) and k.startswith(prefix or "")
        ]
        got = self.ask(what, start=start, end=end, prefix=prefix)
        assert got == [k if what == "keys" else d if what == "values" else [k, d] for k, d in want]

    def do_query(self, q, keys):
        # in the order of keys, or of an index
        seen = self.model.seen()
        want = self.model.matching(q)
        got = self.ask("query", q, keys=True)
        assert sorted(got, key=lambda i: _order(i[0])) == [[k, seen[k]] for k in want]
        if not keys:
            assert self.ask("query", q) == [d for _, d in got]

    def do_count(self, q):
        assert self.ask("count", q) == len(self.model.matching(q))

    def do_delete_many(self, q):
        found = self.model.matching(q)
        assert self.ask("delete_many", q) == len(found)
        for k in found:
            self.model.delete(k)

    def do_update_many(self, q, changes):
        found = self.model.matching(q)
        seen = self.model.seen()
        if any(not isinstance(seen[k], dict) for k in found):
            return
        assert self.ask("update_many", q, changes) == len(found)
        for k in found:
            self.model.update(k, changes)

    def do_create_index(self, path):
        if path in self.model.indexes:
            return
        self.ask("create_index", path)
        self.model.indexes.add(path)
        assert self.ask("indexes") == sorted(self.model.indexes)

    def do_drop_index(self, path):
        assert self.ask("drop_index", path) == (path in self.model.indexes)
        self.model.indexes.discard(path)
        self.ask("flush")
        assert self.ask("indexes") == sorted(self.model.indexes)

    def do_go(self, seconds):
        self.ask("go", seconds)
        self.model.now += seconds
        self.gone += seconds

    def do_step(self, to):
        self.wall = to
        self.ask("step", self.wall_clock())

    def do_cleanup(self):
        # some may have been removed before, between operations
        assert self.ask("cleanup") <= self.model.cleanup()
        self.ask("invariants")

    def do_len(self):
        assert self.ask("len") == len(self.model.seen())

    def do_flush(self):
        self.ask("flush")

    def do_purge(self):
        assert self.ask("delete", purge=True) == len(self.model.seen())
        self.model.records = {}

    def do_reopen(self):
        if not self.persistent:
            return
        self.ask("reopen", self.wall_clock())

    def do_kill(self):
        # With a clock that was never set, the time since it was last saved is lost: not here.
        if not self.persistent or self.wall == "2000":
            return
        # Which indexes there are is not part of a state: let it be the same in all of them.
        self.device.kill()
        self.power_on()
        got = dict(self.answer["all"])
        for before, after in reversed(self.model.states):
            if self._fits(got, before, after):
                break
        else:
            raise AssertionError("not a state since the last flush: %r" % got)
        self.model.indexes = set(self.ask("indexes"))
        self.ask("invariants")

    def _fits(self, got, before, after):
        # Is each record as before or as after an operation?
        records = {}
        for key in set(got) | set(before) | set(after):
            for state in (after, before):
                value = state.get(key)
                shown = None if value is None or (value[1] is not None and value[1] <= self.model.now) else value
                if (shown is None) == (key not in got) and (shown is None or shown[0] == got[key]):
                    if value is not None:
                        records[key] = value
                    break
            else:
                return False
        self.model.records = records
        return True


@pytest.mark.parametrize("board, medium", CASES)
def test_any_sequence_of_operations_agrees_with_a_plain_model(board, medium, tmp_path):
    device = (Board if board in QEMU else Device)(board, tmp_path)

    @settings(
        max_examples=CASES[board, medium][NIGHTLY], derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck), print_blob=False, report_multiple_bugs=False,
    )  # fmt: skip
    @given(SEQUENCES)
    def agrees(sequence):
        flush_threshold, right_clock, operations = sequence
        device.kill() if device.process and device.process.poll() is not None else None
        run = Run(device, medium == "file", flush_threshold, right_clock)
        try:
            for i, op in enumerate(operations):
                note("%d: %r" % (i, op))
                run.do(op)
            run.ask("cleanup")
            run.ask("invariants")
            run.ask("close")
        except BaseException:
            device.kill()
            raise

    try:
        agrees()
    finally:
        device.kill()
