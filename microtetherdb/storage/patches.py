"""Patches of pages where the firmware has no `_mtdb_patch` (ports/patch): what makes one page of another (docs/format.md, "Page log").

The pages are leaf or internal pages of Berkeley DB (btree.h: struct _page, _bleaf, _binternal), which fill from both ends, or
others, of which all behind the first 20 bytes is taken for entries. What lies in the gap between is of no account, nor is the
order in which entries lie.
"""

from struct import pack_into, unpack_from

from micropython import const

_KIND = const(7)  # where that of a frame lies, from its length on
_OURS = const(8)  # kind of a PATCH frame
_SLOTS = const(20)
_LINKS = const(0x8000)  # the first 16 bytes come with the patch: the page's number, those of its neighbours, flags
_HEAD = const(12)  # of a frame
_CUTS = const(24)  # where the cuts of a patch lie in its frame


def shape(page):
    """Return where the gap of a page lies: its begin, and from bit 16 on its end."""
    if page[12] & 0x1F in (1, 2):
        lower, upper = unpack_from("<HH", page, 16)
        if _SLOTS <= lower <= upper <= len(page):
            return lower | upper << 16
    return _SLOTS | _SLOTS << 16


def build(page, frame, patches, at):
    """Make a page of a PAGE frame, in which it may lie itself, and of the patches that lie in `patches` from `at` on, each from its
    length on, the oldest first (all bytearrays).

    Returns how many bytes these have as frames, and from bit 16 on their number; -1 if one is a DELTA or the page was trimmed.
    """
    page = memoryview(page)
    frame = memoryview(frame)
    length, head = unpack_from("<HH", frame, 4)
    up = len(page) - length + head
    page[up:] = frame[_HEAD + head : _HEAD + length]
    page[:head] = frame[_HEAD : _HEAD + head]
    view = memoryview(patches)
    now = shape(page)
    total = 0 if now >> 16 == up else -1
    while at < len(patches):
        length, head = unpack_from("<HH", patches, at)
        kind = patches[at + _KIND]
        at += 8
        if kind == _OURS:
            now = _patch(page, view[at : at + length], head, now)
            if total >= 0:
                total += length + _HEAD + 65536
        else:  # DELTA, by older releases
            keep = len(page) - unpack_from("<H", patches, at + 4)[0]
            page[:head] = view[at + 6 : at + 6 + head]
            page[keep - length + 6 + head : keep] = view[at + 6 + head : at + length]
            total = -1
        at += length
    return total


def _patch(page, patch, head, was):
    # Apply one to a page of the shape `was`; returns that which it has then.
    after, same, cuts = unpack_from("<IHH", patch, 4)
    page[16:20] = patch[4:8]
    up = was >> 16
    at = 12
    for _ in range(cuts):
        start, n = unpack_from("<HH", patch, at)
        page[up + n : start + n] = page[up:start]
        up += n
        at += 4
    if same & _LINKS:
        page[:16] = patch[at : at + 16]
        at += 16
    same = _SLOTS + (same & ~_LINKS)
    lower = was & 0xFFFF
    end = len(patch) - head
    page[after >> 16 : up] = patch[at:end]
    page[same + head : after & 0xFFFF] = page[lower - ((after & 0xFFFF) - same - head) : lower]
    page[same : same + head] = patch[end:]
    return after


def differ(frame, page, old, position, most):
    """Put a patch, of `most` bytes, into `frame` (bytearray) behind its head, that makes `page` of `old`, whose frame is at `position`.

    Returns its length, and from bit 16 on that of its slots; 0 if there is none, -1 if both are the same.
    """
    size = len(page)
    page = bytes(page)
    old = bytes(old)
    now = shape(page)
    lower = now & 0xFFFF
    upper = now >> 16
    was = shape(old)
    up = was >> 16
    if was & 0xFFFF > upper:
        return 0
    k = size - max(up, upper)
    while page[size - k :] != old[size - k :]:
        k -= 4 if k > 4 else k
    slots = page[_SLOTS:lower]
    cuts = ((up, size - up - k),) if up + k < size else ()
    pieces = page[upper : size - k]
    if cuts and upper > _SLOTS and up > _SLOTS:
        found = _entries(page, lower, old, up)
        if found is not None:
            slots, cuts, pieces = found
    before = old[_SLOTS : was & 0xFFFF]
    same = 0
    while same < min(len(slots), len(before)) and slots[same] == before[same]:
        same += 1
    slots = slots[same:]
    before = before[same:]
    while slots and before and slots[-1] == before[-1]:
        slots = slots[:-1]
        before = before[:-1]
    links = page[:16] if page[:16] != old[:16] else b""
    if not (cuts or links or pieces or slots or before):
        return -1
    head = len(slots)
    at = _CUTS + 4 * len(cuts)
    rest = links + pieces + slots
    end = at + len(rest)
    if end - _HEAD > most:
        return 0
    pack_into("<IIHH", frame, _HEAD, position, now, same | (_LINKS if links else 0), len(cuts))
    for i, (start, n) in enumerate(cuts):
        pack_into("<HH", frame, _CUTS + 4 * i, start, n)
    frame[at:end] = rest
    return end - _HEAD | head << 16


def _entry(page, at):
    n = unpack_from("<I", page, at)[0] + 12
    if page[12] & 2:
        n += unpack_from("<I", page, at + 4)[0]
    return n & ~3


def _entries(page, lower, old, up):
    # What is to be cut out of `old`, whose entries begin at `up`, what of `page` comes before the rest, and where each entry lies
    # then: slots, cuts, pieces. None if that cannot be told.
    size = len(page)
    wanted = {}
    places = []
    for i in range(_SLOTS, lower, 2):
        at = unpack_from("<H", page, i)[0]
        if at + 12 > size:
            return None
        entry = page[at : at + _entry(page, at)]
        wanted[entry] = -1
        places.append(entry)
    cuts = []
    at = up
    while at < size:
        n = _entry(old, at) if at + 12 <= size else size
        if at + n > size:
            return None
        entry = old[at : at + n]
        if entry in wanted:
            wanted[entry] = at
        elif cuts and sum(cuts[-1]) == at:
            cuts[-1] = cuts[-1][0], cuts[-1][1] + n
        else:
            cuts.append((at, n))
        at += n
    below = unpack_from("<H", page, 18)[0]
    pieces = b""
    slots = bytearray(lower - _SLOTS)
    for i, entry in enumerate(places):
        at = wanted[entry]
        if at < 0:
            at = below
            below += len(entry)
            pieces += entry
        else:
            at += sum(n for start, n in cuts if start > at)
        pack_into("<H", slots, 2 * i, at)
    if below != up + sum(n for start, n in cuts):
        return None
    return bytes(slots), cuts, pieces
