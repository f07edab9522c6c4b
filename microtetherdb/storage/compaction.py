"""Reclaiming space in a page log, and checkpoints, in bounded steps.

The victim is the oldest sector of a region, or the older of two files. What is live in it is
copied to the end of the log, a page of two frames as one whole frame; the next commit gives the
victim up.
"""

from struct import unpack_from

from micropython import const

from ..errors import DBCorrupt, DBFull
from .frames import gap

_PAGE = const(0x1000000)
_DELTA = const(0x2000000)
_TABLE = const(0x3000000)
_PATCH = const(0x8000000)
_KINDS = const(0x7F000000)
_NUMBER = const(0xFFFFFF)
_HEAD = const(12)
_PAGE_HEAD = const(20)  # Berkeley DB's btree.h: struct _page; its page 0 begins with struct _btmeta
_NEXT = const(8)  # number of the next page in it
_FREE = const(12)  # of the first free page, in page 0
_COPIES = const(1536)  # bytes: with the tree's own pages less than an erase block


def step(log):
    """One piece: an erase, or a piece of the checkpoint, or frames of the victim copied."""
    medium = log.medium
    medium.erase_ahead()
    if 0 <= log._chunk < len(log.table):
        _write_chunk(log)
    elif medium.checkpoint_due and log._chunk < 0 and log.last:
        begin_checkpoint(log)
    elif medium.pace:
        _copy(log, medium.pace)
    if medium.wants_commit():
        _commit(log)
    return not medium.idle(log)


def begin_checkpoint(log):
    """The next steps write the table; opening then reads from the last commit on."""
    log._chunk = 0
    log._next_checkpoint = log.last
    log.medium.checkpointed()


def _write_chunk(log):
    i = log._chunk
    at = memoryview(log._frame)
    at[_HEAD : _HEAD + 512] = memoryview(bytes(log.table[i]))
    log.append(512, min(128, log.pages - 128 * i), _TABLE | i)
    log._chunk = i + 1


def write_checkpoint(log):
    """Write a whole checkpoint at once; it counts with the next commit."""
    if log._chunk < 0:
        if not log.last:
            return
        begin_checkpoint(log)
    while log._chunk < len(log.table):
        _write_chunk(log)


def _commit(log):
    # A commit is in order when the tree wrote nothing since the last one; else the store's.
    if log.before_compaction is not None:
        log.before_compaction()
    if not log.tree_wrote:
        log.commit()


def _copy(log, budget, most=_COPIES, committed=False):
    # Walk `budget` bytes of the victim, but copy no more than about `most`. `committed`: the tree has nothing to write.
    medium = log.medium
    copies = 0
    while budget > 0 and medium.can_copy(committed):
        victim = medium.victim()
        if victim is None:
            return
        start, limit = victim
        pos = log.walk or start
        if pos < limit:
            word, size, good = log.load(pos)
            if not good:
                rescue(log, pos, limit)
                size = limit - pos
            elif word < _TABLE or word >= _PATCH:
                grown = log.grown
                _copy_frame(log, pos, word, size)
                copies += log.grown - grown
                log.copied += log.grown - grown
            pos += size
            budget -= size
            if copies > most:
                budget = 0
        log.walk = pos
        if pos >= limit:
            if medium.in_victim(log.checkpoint):
                # The victim can only be given up once opening does not need it.
                if log._chunk < 0 and not medium.in_victim(log.last):
                    begin_checkpoint(log)
                return
            log.walk = 0
            medium.drained()


def _copy_frame(log, pos, word, size):
    page = word & _NUMBER
    if page >= log.pages:
        return
    newest = log.table[page >> 7][page & 127]
    if newest == pos:
        if word & _KINDS == _PAGE:
            log._out[_HEAD:size] = log._in[_HEAD:size]
            head = unpack_from("<H", log._loaded, 6)[0]
            log.set(page, log.append(size - _HEAD, head, word))
            return
    elif word & _KINDS != _PAGE or not _needed(log, page, pos, pos + 1):
        return  # a patch lies behind what it builds on, so that the page was written whole when that was copied
    move(log, page)


def move(log, page):
    """Append a page as one whole frame. A page that is damaged is lost, and reading it raises `DBCorrupt` from then on."""
    part(log, page)
    gone = log.counted(page, log.table[page >> 7][page & 127])
    try:
        image = _stored(log, page)
    except DBCorrupt:
        log.set(page, 0)
        return
    log.put_whole(page, image, gap(page, image), gone)


def _stored(log, page):
    image = log._in[_HEAD : _HEAD + log.pagesize]
    log.get(page, image)
    return image


def part(log, page):
    """Write whole what builds on frames of `page` besides itself (see frames.py)."""
    pos = log.table[page >> 7][page & 127]
    if not pos:
        return
    log.medium.read(pos, log._in[:16])
    if log._words[2] != _PATCH | page:
        return
    try:
        heirs = unpack_from("<I", _stored(log, page), _NEXT)
    except DBCorrupt:
        heirs = range(log.pages)
    for heir in heirs:
        if log.leans(heir, page):
            move(log, heir)


def _needed(log, page, start, end):
    # Whether a frame of the page lies between two positions.
    pos = log.table[page >> 7][page & 127]
    for _ in range(8):
        if start <= pos < end:
            return True
        if not pos:
            break
        log.medium.read(pos, log._in[:16])
        if log._words[2] & _KINDS not in (_DELTA, _PATCH):
            break
        pos = log._words[3]
    return False


def rescue(log, pos, limit):
    """A frame of the victim is damaged, and what follows cannot be walked: go by the table."""
    for page in range(log.pages):
        if _needed(log, page, pos, limit):
            move(log, page)


def trim(log):
    """Keep no more than the headers of pages that the tree has in its list of free ones, behind a commit.

    Berkeley DB leaves in them what long values were (bt_delete.c, bt_page.c: `__bt_free`), and reads but the next one's number.
    """
    data = log.page_buffer()
    if log.pages:
        log.get(0, data)
    page = unpack_from("<I", data, _FREE)[0]
    for _ in range(log.pages):
        if not 0 < page < log.pages:
            return
        part(log, page)
        log.get(page, data)
        pos = log.table[page >> 7][page & 127]
        gone = log.counted(page, pos)
        if gone > _HEAD + _PAGE_HEAD:
            frame = log._out
            frame[_HEAD : _HEAD + _PAGE_HEAD] = data[:_PAGE_HEAD]
            log.set(page, log.append(_PAGE_HEAD, _PAGE_HEAD, _PAGE | page))
            log.live += _HEAD + _PAGE_HEAD - gone
        page = unpack_from("<I", data, _NEXT)[0]


def make_room(log, nbytes):
    """Compact until `nbytes` fit; raises `DBFull`."""
    medium = log.medium
    if log.grown or log.reserved > nbytes:
        _commit(log)
        if log.grown:
            raise DBFull("no room before the next commit")
    if log.live + nbytes > medium.capacity():
        if log.trimmed != log.last:
            trim(log)
            log.commit(True)
            log.trimmed = log.last
        if log.live + nbytes > medium.capacity():
            raise DBFull("%d bytes do not fit: %d of %d are in use" % (nbytes, log.live, medium.capacity()))
    for _ in range(medium.rounds()):
        if medium.roomy(nbytes, log):
            return
        if not medium.begin(log):
            break
        walk = log.walk
        _copy(log, medium.sector, medium.sector, True)
        if log.walk == walk and not medium.pending() and not log.grown:
            break  # no room for a copy
        log.commit(True)
        if medium.in_victim(log.checkpoint):
            write_checkpoint(log)
            log.commit(True)
    if not medium.roomy(nbytes, log):
        raise DBFull("%d bytes do not fit; %d are in use" % (nbytes, log.live))
