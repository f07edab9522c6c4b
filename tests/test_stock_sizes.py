"""The record size that kills: no call puts a tree entry of `(pagesize - 20) // 2 - 14` bytes (key and value) into the tree, where
Berkeley DB 1.85 as stock firmware carries it writes past a page when it splits (docs/format.md; SPEC section 9: stock firmware).

All of it runs on a build without our mend; tests/test_btree.py shows that this build dies of that size.
"""

import os

import pytest
from executor import Device
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"
PAGES = [512, 1024]


def killing(pagesize):
    return (pagesize - 20) // 2 - 14


@pytest.fixture
def stock(tmp_path):
    device = Device("stock", tmp_path)
    yield device
    device.kill()


def ask(device, name, *args, **kw):
    answer = device.call(name, *args, **kw)
    assert "e" not in answer, answer
    return answer["r"]


def opened(device, medium, pagesize):
    for name in ("s.db", "s.db.new"):
        (device.folder / name).unlink(missing_ok=True)
    ask(device, "start", 820000000, 1000)
    ask(device, "open", filename="s.db", in_memory=medium == "ram", ram_percentage=60, btree_pagesize=pagesize)


@pytest.mark.parametrize("medium", ["ram", "file"])
@pytest.mark.parametrize("pagesize", PAGES)
def test_documents_of_every_size_around_it_are_padded(stock, pagesize, medium):
    bad = killing(pagesize)
    opened(stock, medium, pagesize)
    for key in ("k", "k" * 12, "ä" * 16, "k" * 128, "\x00" + "k" * 20):
        n = len(key.encode()) + key.startswith("\x00")
        for extra in range(-12, 5):
            # {"p":"..."} takes 8 bytes beyond its text; a TTL 7, tags 14, a value that is no document with tags more
            pad = "x" * (bad - n - 8 + extra)
            for doc, ttl, tags in (
                ({"p": pad}, None, None),
                ({"p": pad}, 1000, None),
                ({"p": pad[:-14]}, None, ["x"]),
                (pad[:-25], 1000, ["x"]),
            ):
                ask(stock, "put", data=doc, key=key, ttl=ttl, tags=tags)
                got = ask(stock, "get", key)
                assert got == (dict(doc, _tags=tags) if tags and isinstance(doc, dict) else doc)
                ask(stock, "expire", key, None if ttl else 1000)  # a header less or more
                if isinstance(doc, dict):
                    ask(stock, "update", key, {"p": doc["p"] + "y"})
                size, found = ask(stock, "sizes")
                assert size == pagesize and bad not in found
            ask(stock, "put_batch", [{"$": "pair", "v": [key, {"p": pad}]}, {"p": pad[n - 12 :]}])
            assert bad not in ask(stock, "sizes")[1]
        ask(stock, "delete", purge=True)
    assert ask(stock, "check")["ok"]


TEXT = st.text(st.sampled_from("xyä€\n"), max_size=4)
RECORDS = st.lists(
    st.tuples(
        st.integers(1, 128),  # length of the key
        st.integers(-40, 40),  # of the record, from the size that kills
        st.sampled_from([None, 50.5, 1e6]),
        st.lists(st.sampled_from(["t", "tag" * 20, "ä" * 64]), max_size=2),
        st.sampled_from(["", "v" * 60, "v" * 56, "ä" * 28, 12345, None]),
        TEXT,
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@pytest.mark.parametrize("medium", ["ram", "file"])
@pytest.mark.parametrize("pagesize", PAGES)
def test_no_document_tag_key_or_index_entry_is_of_that_size(stock, pagesize, medium):
    bad = killing(pagesize)
    biggest = set()

    @settings(
        max_examples=300 if NIGHTLY else 15,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(RECORDS)
    def holds(records):
        opened(stock, medium, pagesize)
        ask(stock, "create_index", "value")
        expected = {}
        for i, (length, distance, ttl, tags, value, text) in enumerate(records):
            key = ("k%d" % i + "k" * length)[:length]
            doc = {"value": value, "text": text}
            doc["pad"] = "p" * max(0, bad - length - len(repr(doc)) + distance)
            if len(expected) % 2:
                ask(stock, "put", data=doc, key=key, ttl=ttl, tags=tags)
            else:
                ask(stock, "put_batch", [{"$": "pair", "v": [key, doc]}], ttl, tags)
            expected[key] = dict(doc, _tags=tags) if tags else doc
        assert dict(ask(stock, "items")) == expected
        found = ask(stock, "sizes")[1]
        assert bad not in found
        biggest.add(max(found))
        # each split, and the clean-up of what expires, lives
        ask(stock, "go", 1000)
        ask(stock, "cleanup")
        assert bad not in ask(stock, "sizes")[1]
        assert ask(stock, "check")["ok"]
        ask(stock, "close")

    holds()
    assert max(biggest) > bad  # the sizes were around it


WORKLOAD = """
import os
import random
from microtetherdb import MicroTetherDB

random.seed(SEED)
for name in ("w.db", "w.db.new"):
    if name in os.listdir():
        os.remove(name)
bad = (PAGE - 20) // 2 - 14
db = MicroTetherDB("w.db", in_memory=RAM, btree_pagesize=PAGE, ram_percentage=60)
if SEED % 2:
    db.create_index("n")
model = {}
for i in range(OPS):
    key = "%x" % random.randrange(300) * random.randrange(1, 12)
    r = random.randrange(10)
    if r < 7:
        # most records at or next to the size that kills, some far from it
        size = bad - len(key) - 16 + random.randrange(-9, 3) if random.randrange(4) else random.randrange(700)
        doc = {"n": random.randrange(10), "p": "x" * max(0, size)}
        db.put(key, doc, ttl=1000 if r == 5 else None, tags=["t"] if r == 6 else None)
        model[key] = doc["p"]
    elif r < 9:
        assert db.delete(key) == (1 if model.pop(key, None) is not None else 0)
    elif model:
        assert db.expire(key, 500) == (1 if key in model else 0)
assert {k: d["p"] for k, d in db.items()} == model
found = set(len(k) + len(v) for k, v in db._store.scan())
assert bad not in found and bad - 1 in found and bad + 1 in found
assert db.check()["ok"], db.check()
db.close()
print("OK")
"""


@pytest.mark.parametrize("medium", ["ram", "file"])
@pytest.mark.parametrize("pagesize", PAGES)
def test_random_work_with_such_records_never_crashes(run, pagesize, medium):
    from conftest import ROOT

    for seed in range(20 if NIGHTLY else 1):
        text = "SEED, OPS, PAGE, RAM = %d, %d, %d, %r\n" % (seed, 3000, pagesize, medium == "ram") + WORKLOAD
        assert "OK" in run(text, board="stock", heap="16M", timeout=60, path=[str(ROOT)])


def test_a_file_of_our_images_has_none_of_that_size_either(run):
    # it may be opened on stock firmware
    text = "SEED, OPS, PAGE, RAM = 1, 1000, 512, False\n" + WORKLOAD
    assert "OK" in run(text, board="unix", heap="16M", timeout=60, path=os.environ.get("MTDB_SOURCE", "").split())
