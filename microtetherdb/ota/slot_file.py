"""Slots that are files `a` and `b` of a directory, for programs on a host; `ci/launch.py` is their boot loader."""

import os

from .errors import BadState, TooLarge
from .slot import ABORTED, EMPTY, NEW, PENDING, VALID, load, save


class FileSlot:
    """Slots in the directory `path`. Its file `state` holds `{"boot": 0 or 1, "states": [state of a, state of b]}`.

    `size`: capacity of a slot in bytes.
    """

    RESTART = 3  # exit status that asks the launcher for a restart

    def __init__(self, path, size=16 << 20):
        self._path = path + "/"
        self.capacity = size
        # the launcher says what it started; `boot` already tells of the next start once an update is activated
        boot = hasattr(os, "getenv") and os.getenv("MTDB_SLOT")
        self.running = int(boot if boot else self._load()["boot"])
        self.target = 1 - self.running
        self._file = None

    def _load(self):
        s = load(self._path + "state") or {"boot": 0, "states": [VALID, EMPTY]}
        states = s.get("states")
        good = isinstance(states, list) and len(states) == 2 and type(s.get("boot")) is int and s["boot"] in (0, 1)
        for state in states if good else ():
            good = good and state in (EMPTY, NEW, PENDING, VALID, ABORTED)
        if not good:
            raise BadState(self._path + "state")
        return s

    def _set(self, slot, state, boot):
        s = self._load()
        s["states"][slot] = state
        s["boot"] = boot
        save(self._path + "state", s)

    def status(self):
        """Return the states of the running and of the target slot."""
        states = self._load()["states"]
        return states[self.running], states[self.target]

    def check(self, head):
        """Anything may run here: the host's kernel decides."""

    def begin(self, size):
        """Start an image of `size` bytes. Raises TooLarge."""
        if size > self.capacity:
            raise TooLarge(size)
        self.finish()
        self._set(self.target, EMPTY, self.running)
        self._name(self.target, "wb").close()

    def _name(self, slot, mode):
        return open(self._path + "ab"[slot], mode)

    def write(self, offset, buf):
        """Write `buf` at `offset`."""
        if not self._file:
            self._file = self._name(self.target, "r+b")
        self._file.seek(offset)
        self._file.write(buf)

    def readinto(self, offset, buf):
        """Fill `buf` from `offset` of the target. Raises OSError when the file is not there or ends before."""
        with self._name(self.target, "rb") as f:
            f.seek(offset)
            if f.readinto(buf) != len(buf):
                raise OSError(5)  # EIO

    def finish(self):
        """Make what was written durable."""
        if self._file:
            self._file.flush()
            self._file.close()
            self._file = None

    def activate(self):
        """Boot the target next, on trial."""
        self._set(self.target, NEW, self.target)

    def confirm(self):
        """Keep the running image."""
        self._set(self.running, VALID, self.running)

    def rollback(self):
        """Give up the running image."""
        self._set(self.running, ABORTED, self.target)

    def restart(self):
        """End the process with the status that makes the launcher start the chosen slot."""
        raise SystemExit(self.RESTART)
