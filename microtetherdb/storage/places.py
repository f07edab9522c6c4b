"""Places that are open: one place can be open once, however it is spelled, and on a computer in one process only.

There a Unix socket in the abstract name space, named after the file, is bound as long as the database is open: it goes with
its process, and nothing is left behind. It is not seen from other hosts, nor from containers with a network of their own.
"""

import os
import struct
import time
from binascii import crc32

from micropython import const

from ..loading import allocate_lock, module

_EADDRINUSE = const(98)
_WORD = const(0xFFFFFFFF)  # numbers of devices and files as 32-bit images see them

open_files = {}  # name -> [whether it is open, what is held against other processes ...]
_changing = allocate_lock()  # `open_files`


def release(place):
    """Let go of a place. That it is open no more is one step, which nothing can break off."""
    place[0] = False
    while len(place) > 1:
        place.pop().close()


def _absolute(path):
    if path.startswith("/"):
        return path
    cwd = os.getcwd()
    return (cwd if cwd.endswith("/") else cwd + "/") + path


def canonical(path):
    """Return an absolute path without ".", ".." and doubled slashes. Raises `ValueError` for a name that is another database's."""
    for end in (".new", ".part"):
        if path.endswith(end):
            raise ValueError("filename: %s belongs to the database %s" % (path, path[: -len(end)]))
    path = _absolute(path)
    out = []
    for part in path.split("/"):
        if part == "..":
            if out:
                out.pop()
        elif part and part != ".":
            out.append(part)
    plain = "/" + "/".join(out)
    if ".." in path and _folder(plain) != _folder(path):
        return path  # behind a link ".." is another folder
    return plain


def _folder(path):
    s = _stat(path.rpartition("/")[0] or "/")
    return s and s[1:3]


def _stat(path):
    try:
        return os.stat(path)
    except OSError:
        return None  # opening says what is wrong


def same(name, other):
    """Tell whether two canonical names are one file: FAT knows no case."""
    if name == other:
        return True
    if name.lower() != other.lower():
        return False
    found = _stat(name)
    return found is not None and found == _stat(other)


def _refuse(name):
    raise module("errors").DBLock("%s is open already" % name)


def _bind(place, label):
    # Hold a label against other processes; False if one has it. Errors but one mean that there are no such sockets here.
    try:
        import socket

        s = socket.socket(1, 2)  # AF_UNIX, SOCK_DGRAM
    except (ImportError, AttributeError, OSError):
        return True
    place.append(s)
    for last in (False, True):
        try:
            s.bind(struct.pack("<H", 1) + b"\0microtetherdb " + label.encode())
            return True
        except OSError as e:
            if last or e.args[0] != _EADDRINUSE:
                return e.args[0] != _EADDRINUSE
        time.sleep_ms(20)  # a process that is killed loses a file, and with it the number, a moment before it loses the label


def hold(place, path, at=2):
    """Hold a file itself, behind whatever link; returns False if another process has it open.

    `at`: 2, or 4 for the file that a compaction writes; one held there before goes. For a file that was made here that answer
    means that its number was that of one that another process lost.
    """
    while len(place) > at:
        place.pop().close()
    s = os.stat(path)
    if not s[1]:
        return True  # no inode number: not a computer's file system
    place.append(open(path, "rb"))  # as long as it is open, no other file gets its number
    return _bind(place, "%d %d" % (s[2] & _WORD, s[1] & _WORD))


def hold_again(place, path):
    """Hold the files of a log that was opened: recovery may have put the second in the place of the first."""
    for at, name in ((2, path), (4, path + ".new")):
        if _stat(name) is not None:
            hold(place, name, at)


class Kept:
    """What must not be collected as long as its place is held: another object would get its address."""

    def __init__(self, thing):
        self.thing = thing

    def close(self):
        """Let go of it."""
        self.thing = None


def claim(name, place):
    """Enter a canonical path, or what a device is called, into `open_files`.

    `place`: [False], for `release()` whether or not this raises. Raises `DBLock` when it is open.
    """
    with _changing:
        for other in list(open_files):
            if not open_files[other][0]:
                release(open_files.pop(other))  # the rest of one that broke off
            elif same(name, other):
                _refuse(name)
        open_files[name] = place
        place[0] = True
    if name[0] == "/":
        folder, _, last = name.rpartition("/")
        s = _stat(folder or "/")
        if s is not None and s[1]:
            if (_stat(name) or s)[0] & 0xF000 not in (0x4000, 0x8000):
                raise ValueError("filename: %s is not a file but a device or a pipe" % name)
            if (
                not _bind(place, "%d %d/%08x" % (s[2] & _WORD, s[1] & _WORD, crc32(last.encode())))
                or _stat(name) is not None
                and not hold(place, name)
            ):
                _refuse(name)
