"""Opening a page log in a region of flash: which sectors hold it, in which order. Used by `recovery`."""

from array import array

from micropython import const

from ..errors import DBCorrupt

_HEADER = const(28)  # see region_medium.py
_ENOENT = const(2)


def survey(medium):
    """Find the newest sector; False if the region is new."""
    medium._total = medium._blocks * medium._block
    while True:
        medium.head = -1
        newest = 0
        s = 0
        while s < medium.count:
            seq = medium._header(s)
            if seq < 0:
                break
            if seq > newest:
                newest = seq
                medium.head = s
            s += 1
        else:
            break
    medium.newest = newest
    medium.head_seq = newest
    if newest:
        return True
    if not medium._create:
        raise OSError(_ENOENT)
    # New, or cut in its very first program: some bits of that header, and nothing else.
    start = -1
    for s in range(medium.count):
        at = s * medium.sector
        medium._read(at, medium._hbuf)
        if medium._hbuf == medium._ones[:_HEADER]:
            if start < 0:
                start = s
        else:
            if not (_began(medium, 2) or _began(medium, 1)):
                raise DBCorrupt("region holds something else (sector %d)" % s)
        if not medium._is_blank(at + _HEADER, at + medium.sector):
            raise DBCorrupt("region holds something else (sector %d)" % s)
    medium._first = max(start, 0)
    return False


def _began(medium, version):
    # Whether the header that was read is a first one of that format, perhaps torn.
    first = bytearray(_HEADER)
    medium._make_header(first, 1, 0, 0, version)
    for i in range(_HEADER):
        if medium._hbuf[i] & first[i] != first[i]:
            return False
    return True


def reopen(medium):
    """Forget RAM and look at the medium; False if it holds no log yet."""
    found = medium._surveyed if medium._surveyed is not None else survey(medium)
    medium._surveyed = None
    medium._erased = []
    medium._blank = False
    medium._limit_of = -1
    medium._buf[:] = medium._ones
    medium._tail = medium._victim = -1
    medium._victim_seq = medium.seq = medium.checkpoint_seq = 0
    medium._continue = 0
    medium._start = medium._stop = medium.end = medium._flushed = 0
    medium._live = 0
    medium._forward = array("H", bytes(2 * medium.count))
    if not found:
        medium._blank = True
        medium.head = -1
        medium._begin = medium._first - 1  # what is before has a torn header
        medium._plan()
        return False
    _enter(medium)
    return True


def _enter(medium):
    # Look at the log from medium.head backwards.
    medium.seq = medium.head_seq
    medium._at = medium.head
    medium._header(medium.head)
    medium._head_cut = medium._cut
    medium._limit_of = -1
    medium.end = medium._stop = medium._flushed = (medium.head + 1) * medium.sector


def older(medium):
    """No commit can be reached from the newest sector: try the one before it. False: there never was one.

    That happens when sectors without a commit were left behind by one cut, and the next one
    came while the oldest of them was erased to be used again.
    """
    medium._header(medium._at)
    if not medium._cut:
        return False  # the beginning of the log
    newest = 0
    for s in range(medium.count):
        seq = medium._header(s)
        if newest < seq < medium.head_seq:
            newest = seq
            medium.head = s
    if not newest:
        raise DBCorrupt("no commit can be reached")
    medium.head_seq = newest
    _enter(medium)
    return True


def windows(medium, size):
    """Yield (position, length) of pieces of the log, from the newest backwards."""
    while True:
        start = medium._at * medium.sector
        end = medium._limit(medium._at)
        while end > start:
            pos = max(start, end - size)
            yield pos, end - pos
            end = pos
        if not _back(medium):
            return


def _back(medium):
    # Step to the sector before medium._at, linking it forward.
    medium._header(medium._at)
    before = medium._before
    cut = medium._cut
    if not cut:
        return False
    s = (cut - 1) // medium.sector
    if s >= medium.count or medium._header(s) != before:
        return False
    medium._forward[s] = medium._at
    medium._at = s
    return True


def chain(medium, span, commit):
    """Link the sectors back to the oldest one that the newest commit needs."""
    seq = medium._header(medium._at)
    oldest = seq - span
    while seq > oldest:
        if not _back(medium):
            raise DBCorrupt("sector before sector %d is missing" % medium._at)
        seq = medium._header(medium._at)
    medium._victim = medium._tail = medium._at
    medium._victim_seq = oldest


def seq_at(medium, pos):
    """Return the sequence number of the sector of `pos`."""
    return medium._header(pos // medium.sector)


def first(medium):
    """Return the position of the log's first frame."""
    return medium._at * medium.sector + _HEADER


def resume(medium, pos, log, last_end):
    """Return where the log goes on behind damage at `pos`, or -1: it ends there."""
    if pos // medium.sector != medium.head:
        raise DBCorrupt("damaged at %d" % pos)
    return -1


def settle(medium, last_end, checkpoint, torn):
    """Recovery found the end of the log: `last_end` is the end of the last commit, or 0. `torn`: a commit behind it that does not count, or 0."""
    head = medium.head
    medium._limit_of = -1
    if last_end:
        s = (last_end - 1) // medium.sector
        if torn and torn // medium.sector != s:
            medium._erase(torn // medium.sector)  # before the sectors between, without which it could not be told from damage
        medium.checkpoint_seq = medium._header(checkpoint // medium.sector) if checkpoint else medium._victim_seq
        medium.seq = medium._header(s)
        medium.patches = medium._found > 1
        medium._start = s * medium.sector
        medium._flushed = medium.end = last_end
        medium.head = s
        medium._head_cut = medium._cut
        medium._stop = medium._start + medium.sector
        if s != head or s in medium._failed or not medium._is_blank(last_end, medium._stop):
            medium._stop = 0  # a new sector begins with the next frame
            medium._continue = last_end
        else:
            medium._continue = -1
    else:
        # Only void frames: begin anew behind them.
        medium._start = medium._stop = medium.end = medium._flushed = 0
        medium._continue = 0
        medium._tail = medium._victim = -1
        medium.seq = 0
        medium._begin = head
        medium.head = -1
    medium._plan()
