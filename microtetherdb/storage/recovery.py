"""Opening a page log: find the newest commit, read from its checkpoint, rebuild the table.

State of the log at any cut: frames up to the last commit whose checksum over the headers since
the commit before agrees are valid; what follows never happened. A checkpoint is the page table
in pieces, written between other frames; it counts once a commit names the commit it began at.
"""

from array import array
from binascii import crc32
from struct import unpack_from

from micropython import const

from ..errors import DBCorrupt

_TABLE = const(0x3000000)  # frame kinds, see frames.py
_COMMIT = const(0x4000000)
_ABORT = const(0x5000000)
_CLEAR = const(0x6000000)
_PAD = const(0x7000000)
_PATCH = const(0x8000000)
_KINDS = const(0x7F000000)
_NUMBER = const(0xFFFFFF)  # of a page or a part of the table
_HEAD = const(12)
_COMMIT_SIZE = const(28)
_PROGRAM = const(256)  # bytes that a region programs at a time
_WINDOW = const(480)


def recover(log, torn=0):
    """Bring `log` to its last commit; raises `DBCorrupt` if commits cannot be reached. `torn`: a commit that does not count."""
    medium = log.medium
    part = medium.recovery()
    if not part.reopen(medium):
        log._reset()
        return
    while True:
        commits = _commits(log, part, torn)
        newest = next(commits, 0)
        if newest:
            break
        if not part.older(medium):
            log._reset()
            part.settle(medium, 0, 0, torn)
            return
    span, start = _span_and_checkpoint(log)  # of the frame that was read last
    part.chain(medium, span, newest)
    first = part.first(medium)
    while True:
        start = start or first
        skips = {}
        end, complete, again, hurt = _scan(log, part, start, 0, skips, torn)
        if end < 0:
            return recover(log, log.last)
        if complete or start == first:
            break
        if log.checkpoint == start:
            raise DBCorrupt("checkpoint at %d is damaged" % start)
        start = log.checkpoint
    last = log.last
    if newest != last and not _skipped(skips, newest):
        # A commit that is not reached. A file system may have written it before what it needs, a program only part of that.
        if torn or ((hurt + _HEAD - 1) // _PROGRAM != newest // _PROGRAM if medium.ordered else next(commits, 0) != last):
            raise DBCorrupt("damaged between %d and the commit at %d" % (end, newest))
        return recover(log, newest)
    if not last:
        log._reset()
    elif again:
        _scan(log, part, start, end, skips, torn)
    part.settle(medium, end, log.checkpoint, torn)


def _span_and_checkpoint(log):
    frame = log.frame_loaded()
    return unpack_from("<H", frame, 6)[0], unpack_from("<I", frame, 16)[0]


def _skipped(skips, pos):
    for start, end in skips.items():
        if start <= pos < end:
            return True
    return False


def _commits(log, part, torn):
    # Positions of commits that are whole, from the newest backwards, found by their kind.
    medium = log.medium
    seen = 0
    for pos, n in part.windows(medium, _WINDOW):
        view = memoryview(log.frame_loaded())[: n + 11]
        got = medium.read(pos, view)
        data = bytes(view[:got])
        while True:
            i = data.rfind(b"\0\0\0\4")
            if i < 0:
                break
            data = data[: i + 3]
            at = pos + i - 8
            if at <= 0 or at == seen or at == torn:
                continue
            if _is_commit(log, part, at):
                seen = at
                yield at


def _is_commit(log, part, at):
    word, size, good = log.load(at)
    if not good or word != _COMMIT or size < _COMMIT_SIZE:
        return False
    return unpack_from("<I", log.frame_loaded(), 24)[0] == part.seq_at(log.medium, at)


def _scan(log, part, start, stop, skips, torn):
    """Apply frames from `start` (a commit or the first frame) up to `stop` (0: the end) or the commit `torn`.

    Fills `skips` (start: end of void frames). Returns (end of the last commit or 0, whether the
    checkpoint that begins at `start` is complete, whether void frames were applied, where the first
    frame is that was not whole); an end of -1: the last commit is torn.
    """
    medium = log.medium
    ordered = medium.ordered
    frame = log.frame_loaded()
    head = memoryview(frame)[:_HEAD]
    log._reset()
    pos = start
    run = crc_last = end = 0
    hurt = bad = 0  # since the last commit, where the first frame that is not whole begins, and where the last one ends
    complete = again = fresh = False
    doubt = False  # the last commit may be torn
    while pos != stop or pos == start:
        if pos in skips:
            pos = skips[pos]
            run = crc_last
        pos = medium.next(pos)
        if pos < 0:
            break
        word, size, good = log.load(pos)
        if not good and not hurt:
            hurt = pos
        if word >= 0 and not good:
            bad = pos + size
            if word & _NUMBER > log.pages + 256:
                word = -1  # torn, not damaged later: its header is no better
        if word < 0 or (not good and not ordered):
            resumed = part.resume(medium, pos, log, end)
            if resumed > 0:
                skips[end] = pos = resumed
                run = crc_last
                again = True
                hurt = bad = fresh = 0
                continue
            if word < 0:
                break
        kind = word & _KINDS
        page = word & _NUMBER
        if kind == _COMMIT:
            crc, r, checkpoint, live = unpack_from("<I8xIII", frame)
            if not good or (r != run and pos != start) or pos == torn:
                break
            # What may be torn with it: anything in a file, what is in the same program in a region.
            doubt = bad and (not ordered or (bad - 1) // _PROGRAM == (pos + size - 1) // _PROGRAM)
            hurt = bad = fresh = 0
            run = crc_last = crc
            log.last = pos
            log.checkpoint = checkpoint
            log.live = live
            if size > _COMMIT_SIZE:
                log.state = bytes(frame[_COMMIT_SIZE:size])
            end = pos + size
            if checkpoint == start:
                complete = True
        elif kind == _ABORT:
            skips[end] = pos + size
            run = crc_last
            again = True
            hurt = bad = fresh = 0
        elif kind != _PAD:
            run = crc32(head, run)
            fresh = True
            if kind < _TABLE or kind == _PATCH:
                log.set(page, pos)
            elif kind == _TABLE:
                _table(log, page, frame)
            elif kind == _CLEAR:
                log.table = []
                log.pages = 0
        pos += size
    if doubt and not torn:
        return -1, False, False, 0
    log._run = crc_last
    return end, complete, again or fresh, hurt


def _table(log, i, frame):
    table = log.table
    while i >= len(table):
        table.append(None if i == len(table) else array("I", bytearray(512)))
    n = unpack_from("<H", frame, 6)[0]
    table[i] = log.table_loaded()
    log.pages = max(log.pages, 128 * i + n)
