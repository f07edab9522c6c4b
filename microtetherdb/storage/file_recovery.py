"""Opening a page log in files: which of the two are needed, and how far each is valid. Used by `recovery`."""

import os
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from ..errors import DBCorrupt

_HEADER = const(28)  # see file_medium.py
_BIT = const(0x20000000)
_MASK = const(0x1FFFFFFF)
_ALIGN = const(512)  # where the log goes on behind a torn end
_ABORT = const(0x5000000)
_ENOENT = const(2)
_CLOSED = const(64)  # bytes that hold the commit with which a file was closed


def header(medium, path):
    """Open a file for reading and look at its header.

    Returns (generation, generation before, cut), or None if there is no such file or it is
    empty or a beginning of a header.
    """
    try:
        f = medium._open_file(path, "rb")
    except OSError as e:
        if e.args[0] == _ENOENT:
            return None
        raise
    found = None
    try:
        found = medium._read_header(path, f)
    finally:
        if found is None:
            f.close()
    if found is not None:
        i = found[0] & 1
        medium._close_reader(i)
        medium._files[i] = f
        medium._at[i] = -1
    return found


def reopen(medium):
    """Forget RAM and look at the files; False if there is no log yet."""
    main, medium._found = medium._found, None
    if main is None:  # not the first time, or there is none
        medium._close_out()
        medium._failed = False
        medium._chunks = []
        medium._free = None
        medium._old = -1
        medium._done = medium._wanted = medium.checkpoint_due = False
        medium._ample = True
        medium._cut = medium._seen = medium._planned = medium.pace = medium.checkpoint_end = 0
        medium._close_reader(0)
        medium._close_reader(1)
        main = header(medium, medium._path)
    new = header(medium, medium._new)
    if main is None and new is None:
        medium._main = _BIT
        medium._start(1, 0, 0)
        return False
    path = medium._path
    if main is None:
        # Between removal and renaming, on a file system whose rename is both; `settle` renames it, if it is whole.
        main, new, path = new, None, medium._new
    medium._main = (main[0] & 1) << 29
    if path is medium._new:
        medium._main ^= _BIT
    _view(medium, path, main[0])
    if new is not None:
        if new[0] != main[0] + 1 or new[1] != main[0]:
            raise DBCorrupt("%s does not belong to %s" % (medium._new, medium._path))
        medium._old = medium._main
        medium._cut = new[2]
        if medium._cut > medium.end:
            raise DBCorrupt("%s is shorter than it was" % medium._path)
        _view(medium, medium._new, new[0])
    return True


def _view(medium, path, seq):
    medium.seq = seq
    medium._bit = (seq & 1) << 29
    if medium._files[seq & 1] is None:
        medium._open_reader(seq & 1, path)
    medium._written = medium._seen = medium.end = medium._size(path)


def windows(medium, size):
    """Yield (position, length) of pieces of the log, from the newest backwards; the first just holds a commit."""
    n = _CLOSED
    for bit in (medium._bit, medium._old):
        if bit < 0:
            return
        end = medium.end if bit == medium._bit else medium._cut
        while end > _HEADER:
            pos = max(_HEADER, end - n)
            yield bit | pos, end - pos
            end = pos
            n = size


def older(medium):
    """Look for the log elsewhere: there is nowhere else."""
    return False


def seq_at(medium, pos):
    """Return the generation of the file of `pos`."""
    return medium.seq if pos & _BIT == medium._bit else medium.seq - 1


def chain(medium, span, commit):
    """The newest commit needs `span` more files."""
    if span and medium._old < 0:
        path = medium._path
        raise DBCorrupt(
            "%s continues a file that is missing" % (path if medium._main == medium._bit else "%s without %s" % (medium._new, path))
        )
    medium._span = span or commit & _BIT != medium._bit


def first(medium):
    """Return the position of the log's first frame."""
    return (medium._old if medium._old >= 0 and medium._span else medium._bit) | _HEADER


def resume(medium, pos, log, last_end):
    """Return the end of the mark behind which the log goes on, or -1."""
    bit = pos & _BIT
    limit = medium.end if bit == medium._bit else medium._cut
    at = (pos & _MASK) + 1
    at += -at % _ALIGN
    while at < limit:
        word, size, good = log.load(bit | at)
        if good and word == _ABORT and unpack_from("<I", log.frame_loaded(), 12)[0] == last_end:
            return (bit | at) + size
        at += _ALIGN
    if bit != medium._bit:
        raise DBCorrupt("damaged at %d" % (pos & _MASK))
    return -1


def settle(medium, last_end, checkpoint, torn):
    """Recovery found the end of the log: `last_end` is the end of the last commit, or 0. `torn`: not asked for."""
    if medium._old >= 0 and (not last_end or last_end & _BIT == medium._old):
        # Nothing valid in the second file: it is begun again when compaction is.
        medium._close_reader(medium._bit >> 29)
        medium._do(os.remove, medium._new)
        medium._bit = medium._old
        medium.seq -= 1
        medium._old = -1
        medium._cut = 0
        medium._written = medium._seen = medium.end = medium._size(medium._path)
    if medium._main != medium._bit and (medium._old < 0 or not medium._span):
        medium._replace()
    medium.thrift = 16 if medium.posix or medium._formats[medium._bit >> 29] < 2 else 0
    medium._aim()
    if not last_end:
        # No commit: begin anew, over what is there.
        medium._close_reader(medium._bit >> 29)
        medium._start(medium.seq, 0, 0)
        return
    medium.checkpoint_end = checkpoint & _MASK
    if checkpoint & _BIT != medium._bit:
        medium.checkpoint_end -= medium._cut
    if last_end & _MASK < medium.end:
        _mark(medium, last_end)


def _mark(medium, last_end):
    # Void bytes at the end: the log goes on at the next aligned place, with a mark that says so.
    n = -medium.end % _ALIGN
    if n:
        medium.append(bytes(n))
    frame = bytearray(16)
    pack_into("<HHII", frame, 4, 4, 0, _ABORT, last_end)
    pack_into("<I", frame, 0, crc32(memoryview(frame)[4:]))
    medium.append(frame)
