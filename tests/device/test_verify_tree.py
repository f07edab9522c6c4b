# boards: unix unix32 stock m33 rv32
# qemu heap: 4m
# SPEC section 5: check() finds a tree whose pages disagree: keys that a scan gives and no look-up, or in the wrong order.
import btree
import io
import struct

from microtetherdb import MicroTetherDB
from treepages import INTERNAL, LEAF, Page, verify

SIZE = 512


def damaged(change):
    """Return the report of a database in RAM whose pages went through `change(data, pages)`."""
    stream = io.BytesIO()
    tree = btree.open(stream, pagesize=SIZE)
    with MicroTetherDB() as db:
        db.create_index("n")
        for i in range(200):
            db.put("k%03d" % i, {"n": i % 5}, tags=["t"] if i % 9 == 0 else None)
        for key, value in db._store._tree.items():
            tree[key] = value
        tree.flush()
        data = bytearray(stream.getvalue())
        verify(data)
        change(data, [Page(bytes(data[i : i + SIZE])) for i in range(SIZE, len(data), SIZE)])
        tree = btree.open(io.BytesIO(bytes(data)), pagesize=SIZE)
        db._store._tree = tree
        db._store.get = tree.get
        return db.check()


def leaf_with(pages, key):
    for page in pages:
        if page.type == LEAF:
            for i in range(len(page.at)):
                if page.key(i) == key:
                    return page, i


def swap(data, page, i, j):
    at = page.number * SIZE + 20
    one, two = data[at + 2 * i : at + 2 * i + 2], data[at + 2 * j : at + 2 * j + 2]
    data[at + 2 * i : at + 2 * i + 2], data[at + 2 * j : at + 2 * j + 2] = two, one


def nothing(data, pages):
    pass


def swapped(data, pages):
    page, i = leaf_with(pages, b"k100")
    j = i + 1 if i + 1 < len(page.at) else i - 1
    swap(data, page, i, j)


def wrong_way(data, pages):
    # The page above leads elsewhere: its last key is above all that is below it.
    for page in pages:
        i = len(page.at) - 1
        if page.type == INTERNAL and pages[page.child(i) - 1].type == LEAF and page.key(i)[:1] == b"k":
            at = page.number * SIZE + page.at[i] + 9
            data[at : at + 1] = b"z"
            return
    assert False


def not_below(data, pages):
    # A leaf that its neighbours know, and the page above does not: what a split that broke off leaves.
    for page in pages:
        if page.type == INTERNAL and pages[page.child(1) - 1].type == LEAF and len(page.at) > 3:
            n = len(page.at)
            at = page.number * SIZE
            raw = bytes(data[at + 20 : at + 20 + 2 * n])
            data[at + 20 : at + 20 + 2 * n] = raw[:4] + raw[6:] + b"\0\0"
            lower = struct.unpack_from("<H", data, at + 16)[0] - 2
            data[at + 16 : at + 18] = struct.pack("<H", lower)
            return
    assert False


report = damaged(nothing)
assert report["ok"] and report["records"] == 200, report
for change, words in ((swapped, "comes after"), (swapped, "is not found"), (wrong_way, "is not found"), (not_below, "is not found")):
    report = damaged(change)
    assert not report["ok"] and [p for p in report["problems"] if words in p], (change, report)
print("OK")
