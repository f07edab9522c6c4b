# boards: unix unix32 stock
# SPEC section 5: patches in the page log. A page comes back with the entries that it had; the code in C (ports/patch) and its twin
# in Python take each other's patches; what several pages build on is found by compaction.

import random

import btree
from files import remove
from flashsim import Flash
from microtetherdb.storage import compaction, frames, page_log, patches

try:
    import _mtdb_patch
except ImportError:  # stock firmware
    _mtdb_patch = patches
TWINS = (_mtdb_patch, patches)
counts = {"patches": 0, "refused": 0, "heirs": 0, "unchanged": 0}


def entries(page):
    """What a page says to Berkeley DB: its head, and its entries in the order of its slots."""
    gap = patches.shape(page)
    if gap >> 16 == 20:
        return [bytes(page[:16]), bytes(page[20:])]
    slots = [page[i] | page[i + 1] << 8 for i in range(20, gap & 0xFFFF, 2)]
    return [bytes(page[:20])] + [bytes(page[at : at + patches._entry(page, at)]) for at in slots]


def compare(old, page, most):
    """Each twin's patch that makes `page` of `old`, applied by both."""
    results = []
    size = len(page)
    up = patches.shape(old) >> 16
    for made_by in TWINS:
        frame = bytearray(size + 20)
        n = made_by.differ(frame, memoryview(page), memoryview(old), 0x81234567, most)
        results.append(n)
        if n < 0:
            assert entries(page) == entries(old)
            counts["unchanged"] += 1
        elif not n:
            counts["refused"] += 1
        else:
            length = n & 0xFFFF
            assert length <= most and frame[12:16] == b"\x67\x45\x23\x81"
            stack = bytearray(size + 20)
            at = len(stack) - length - 8
            stack[at : at + 4] = bytes((length & 255, length >> 8, n >> 16 & 255, n >> 24))
            stack[at + 7] = 8
            stack[at + 8 :] = frame[12 : 12 + length]
            lower = patches.shape(old) & 0xFFFF
            whole = bytes(12) + old[:lower] + old[up:] + bytes(size)
            whole = bytearray(whole[: size + 12])
            kept = lower + size - up
            whole[4:8] = bytes((kept & 255, kept >> 8, lower & 255, lower >> 8))
            for applied_by in TWINS:
                out = bytearray(size)
                assert applied_by.build(out, whole, stack, at) == length + 12 + 65536
                assert entries(out) == entries(page), (made_by, applied_by)
                again = bytearray(whole)
                applied_by.build(memoryview(again)[12:], again, stack, at)  # in place
                assert entries(again[12:]) == entries(page)
            counts["patches"] += 1
    assert (results[0] < 0) == (results[1] < 0)


last = {}
real = frames.Frames.put


def put(log, page, data):
    data = memoryview(data)
    if page:
        for other in (page, random.choice(list(last) or [page])):
            if other in last:
                compare(last[other], bytes(data), random.choice((log.pagesize, 200, 100, 40)))
        last[page] = bytes(data)
    real(log, page, data)
    out = bytearray(log.pagesize)
    log.get(page, out)
    assert not page or entries(out) == entries(data)


def chain(log, page):
    """(position, page, kind) of the frames that a page is made of."""
    out = []
    pos = log.table[page >> 7][page & 127]
    while pos:
        word, size, good = log.load(pos)
        assert good
        out.append((pos, word & 0xFFFFFF, word >> 24))
        pos = log._words[3] if word >> 24 == 8 else 0
    return out


def check(log):
    live = 0
    out = bytearray(log.pagesize)
    for page in range(log.pages):
        pos = log.table[page >> 7][page & 127]
        live += log.counted(page, pos)
        found = chain(log, page)
        assert len(found) <= 5 and found[-1][2] == 1
        others = [frame for frame in found if frame[1] != page]
        if others:
            first = others[0][1]
            newest = chain(log, first)
            assert all(frame[1] == first for frame in others) and others[0] in newest and newest[0][2] == 8
            log.get(first, out)
            assert int.from_bytes(out[8:12], "little") == page
            counts["heirs"] += 1
    assert live == log.live, (live, log.live)


def run(seed, size, rounds, longest):
    random.seed(seed)
    last.clear()
    flash = Flash(24 if size < 4096 else 32)
    log = page_log.open(flash, size)
    tree = btree.open(log, pagesize=size, cachesize=size * random.choice((5, 9)))
    model = {}

    def commit():
        assert not tree.flush() and log.error is None, log.error
        log.commit()
        check(log)

    log.before_compaction = commit
    for i in range(rounds):
        kind = random.random()
        log.reserve(4 * size + longest)
        if kind < 0.45 or not model:
            key = b"%06d" % random.randrange(1000000)
            tree[key] = model[key] = bytes([97 + i % 7]) * random.randrange(longest)
        elif kind < 0.75:
            key = random.choice(list(model))
            value = model[key]
            tree[key] = model[key] = value[:2] + b"z" + value[3:] if i % 2 else b"%d " % i * random.randrange(1 + longest // 4)
        else:
            key = random.choice(list(model))
            del model[key]
            del tree[key]
        if len(model) > 200:
            for key in list(model)[:100]:
                log.reserve(3 * size)
                del tree[key]
                del model[key]
        if i % random.choice((3, 7, 20)) == 0:
            commit()
        log.step()
    commit()
    assert dict(tree.items()) == model
    was = log.medium.seq
    log = page_log.open(flash, size)
    check(log)
    assert dict(btree.open(log, pagesize=size, cachesize=5 * size).items()) == model
    return was


def not_there():
    # A page that has no frame yet builds on nothing; position 0 is not read for it: in a new file there may be none to read.
    remove("patches.db", "patches.db.new")
    log = page_log.open("patches.db", 512)
    for page in range(4):
        if page != 2:
            log.put(page, memoryview(bytearray(512)))
    log.commit()
    assert log.table[0][2] == 0 and not log.leans(2, 1) and not log.leans(1, 2)
    compaction.part(log, 2)
    assert not compaction._needed(log, 2, 4, 1 << 29)
    log.close()
    remove("patches.db", "patches.db.new")


not_there()
frames.Frames.put = put
rounds = [
    run(seed, size, n, longest)
    for seed, size, n, longest in ((1, 512, 900, 90), (2, 512, 400, 300), (3, 1024, 300, 120), (4, 4096, 80, 500))
]
print(counts, "sectors", rounds)
assert rounds[0] > 24 and min(counts.values()) > 20
print("OK")
