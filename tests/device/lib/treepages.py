"""The pages of a Berkeley DB tree, read without Berkeley DB: what its calls rely on, and what they never look at."""

import struct

HEADER = 20
INTERNAL, LEAF, OVERFLOW = 1, 2, 4
TYPE = 0x1F


class Page:
    """One page: `number`, `before` and `after` (its neighbours, 0: none), `type`, `at` (where its items are)."""

    def __init__(self, raw):
        self.raw = raw
        self.number, self.before, self.after, flags, lower, upper = struct.unpack_from("<IIIIHH", raw)
        self.type = flags & TYPE
        self.at = [struct.unpack_from("<H", raw, o)[0] for o in range(HEADER, lower, 2)] if self.type != OVERFLOW else []
        assert self.type == OVERFLOW or HEADER <= lower <= upper <= len(raw), "page %d: bounds" % self.number

    def key(self, i):
        at = self.at[i]
        start = at + 9
        return self.raw[start : start + struct.unpack_from("<I", self.raw, at)[0]]

    def child(self, i):
        return struct.unpack_from("<I", self.raw, self.at[i] + 4)[0]

    def chain(self, i):
        """Return (first page, bytes) of a leaf item's long value, or None."""
        at = self.at[i]
        size, _, flags = struct.unpack_from("<IIB", self.raw, at)
        assert not flags & 2, "a key on overflow pages"
        return struct.unpack_from("<II", self.raw, at + 9 + size) if flags & 1 else None


def verify(data, lost=0):
    """Check every page of a flushed tree (bytes); returns its keys in order. `lost`: how many pages may be in no use."""
    size = struct.unpack_from("<I", data, 8)[0]
    free = struct.unpack_from("<I", data, 12)[0]
    assert len(data) % size == 0
    total = len(data) // size
    used = {0}

    def take(number):
        assert 0 < number < total and number not in used, "page %d: twice in use" % number
        used.add(number)
        return data[number * size : (number + 1) * size]

    keys = []
    levels = {}  # depth -> pages from left to right

    def down(number, depth, low, high):
        page = Page(take(number))
        assert page.number == number
        levels.setdefault(depth, []).append(page)
        n = len(page.at)
        if page.type == LEAF:
            assert n or number == 1, "page %d: an empty leaf" % number
            for i in range(n):
                key = page.key(i)
                assert not keys or keys[-1] < key, "%r after %r" % (key, keys[-1])
                assert (low is None or low <= key) and (high is None or key < high), "%r cannot be found" % key
                keys.append(key)
                chain = page.chain(i)
                if chain is not None:
                    number, left = chain
                    while left > 0:
                        part = Page(take(number))
                        assert part.type == OVERFLOW
                        number = part.after
                        left -= size - HEADER
            return
        assert page.type == INTERNAL and n, "page %d: type %d with %d items" % (number, page.type, n)
        for i in range(n):
            # The first key of a page is looked at by nobody: what is below the second goes to the first child.
            down(page.child(i), depth + 1, page.key(i) if i else low, page.key(i + 1) if i + 1 < n else high)

    down(1, 0, None, None)
    for pages in levels.values():
        before = 0
        for i, page in enumerate(pages):
            assert page.type == pages[0].type
            after = pages[i + 1].number if i + 1 < len(pages) else 0
            assert (page.before, page.after) == (before, after), "page %d: its neighbours" % page.number
            before = page.number
    while free:
        page = struct.unpack_from("<II", data[free * size :], 4)
        take(free)
        assert page[0] == 0
        free = page[1]
    assert total - len(used) <= lost, "%d pages are in no use" % (total - len(used))
    return keys
