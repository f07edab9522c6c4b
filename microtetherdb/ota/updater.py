"""The update itself: check, download, verify, activate; then, after the restart, confirm or roll back.

The journal (a small JSON file) holds what must outlive a restart: `download` [sha256, offset], `trial` [version, security,
target slot, whether the slot's state can be taken for this trial's], `failed` [versions], `version` (last confirmed),
`security` (highest confirmed). Every change of it and of the slots is one atomic step; `docs/update.md` has the table of the
states between them.
"""

import asyncio
import gc

from micropython import const

from . import manifest
from . import slot as slots
from .errors import (
    BadHash,
    BadManifest,
    BadSignature,
    BadState,
    FailedBefore,
    OldSecurity,
    OTAError,
    SelfTestFailed,
    TooLarge,
    Unconfirmed,
    UpdaterTooOld,
    WrongBoard,
)
from .source import Source, refer

UPDATER = 2  # compared with a manifest's `updater`
_CHUNK = const(4096)
_MARK = const(65536)  # bytes between two notes of a download's offset


def _own_slots():
    # This board's slot backend: what `_mtdb_board.slot()` gives, the ESP32's partitions, or the directory named by the
    # environment variable MTDB_SLOTS (unix).
    import os
    import sys

    try:
        from _mtdb_board import slot
    except ImportError:
        slot = None
    if slot:
        return slot()
    if sys.platform == "esp32":
        from .slot_esp32 import Esp32Slot

        return Esp32Slot()
    path = hasattr(os, "getenv") and os.getenv("MTDB_SLOTS")
    if not path:
        raise OTAError("no update slots on this board")
    from .slot_file import FileSlot

    return FileSlot(path)


class Updater:
    """Updates of this board.

    What is None comes from the board's frozen `_mtdb_board`: `board` (name), `variant`, `key` (public key, 128 hex digits),
    `security` (security version of the running image). `slot`: backend, see `slot.py`. `journal`: path of the journal.
    `allow_unsigned`: accept manifests without a signature on a board without a key. Other keywords go to `Source`:
    `timeout`, `retries`, `pause`, `total`, `ssl`, `headers`. Raises BadState.
    """

    _busy = False  # of the class: there is one target slot

    def __init__(self, slot=None, board=None, variant=None, key=None, security=None, journal="ota.json", allow_unsigned=False, **source):
        try:
            import _mtdb_board as b
        except ImportError:
            b = None
        self._board = board or getattr(b, "BOARD", None)
        self._variant = getattr(b, "VARIANT", "") if variant is None else variant
        self._key = key or getattr(b, "OTA_KEY", None)
        self._security = getattr(b, "SECURITY", 0) if security is None else security
        self._unsigned = allow_unsigned
        self._path = journal
        Source(None, **source)  # raises TypeError for what it does not know
        self._source = source
        self.slot = slot or _own_slots()
        self._settle()

    def _save(self):
        slots.save(self._path, self._journal, True)

    def _settle(self):
        # Bring the journal up to what the boot loader did since: a cut or a restart may have come between the two.
        self._journal = j = slots.load(self._path)
        try:  # what the code below and elsewhere takes for granted
            sha, done = j.get("download") or ("", 0)
            version, security, _, _ = trial = j.get("trial") or ("", 0, 0, 0)
            "".join([sha, version, j.get("version") or ""] + j.get("failed", []))
            good = min(done, security, j.get("security", 0)) >= 0
        except (TypeError, ValueError):
            good = False
        if not good:
            raise BadState(self._path)
        if not version:
            return
        running, target = self.slot.status()
        if trial[2] == self.slot.running:
            if running == slots.VALID:  # confirmed
                j["security"] = max(j.get("security", 0), trial[1])
                j["version"] = trial[0]
                self._end(None)
            else:
                self._sure()
        elif target == slots.ABORTED:  # the boot loader rolled it back, or did so with the one before
            self._end(trial[0] if trial[3] else None)
        elif target not in (slots.NEW, slots.PENDING):  # cut before it was activated
            self._end(None)

    def _sure(self):
        trial = self._journal["trial"]
        if not trial[3]:
            trial[3] = True
            self._save()

    def _end(self, failed):
        j = self._journal
        if failed and failed not in j.setdefault("failed", []):
            j["failed"] = j["failed"][-7:] + [failed]
        j["trial"] = None
        self._save()

    def status(self):
        """Return a dict: `running` and `target` (states of the slots), `slot` (the running one's name), `version` (last confirmed
        here, None before the first update), `trial` (version activated and not confirmed), `failed` (versions), `security` (lowest
        one accepted), `download` (bytes kept of a download broken off)."""
        self._settle()
        j = self._journal
        running, target = self.slot.status()
        return {
            "slot": self.slot.running,
            "running": running,
            "target": target,
            "version": j.get("version"),
            "trial": (j.get("trial") or [None])[0],
            "failed": j.get("failed", []),
            "security": max(self._security, j.get("security", 0)),
            "download": (j.get("download") or [0, 0])[1],
        }

    async def check(self, where):
        """Return the manifest at `where` (URL, path, or a dict), verified and fit for this device. Its member `image` says where
        the image is.

        Raises Truncated, Unreachable, SourceError, BadManifest, BadSignature, BadState, WrongBoard,
        OldSecurity, UpdaterTooOld, FailedBefore, TooLarge, Unconfirmed.
        """
        raw = where
        gc.collect()  # what lives long from here on lies close together, and leaves room for the buffer
        if isinstance(where, str):
            raw = bytearray(manifest.LIMIT + 1)  # the one says that it is longer
            source = Source(where, **self._source)
            try:
                raw = raw[: await source.fill(memoryview(raw), False)]
            finally:
                await source.close()
        m = manifest.parse(raw)
        part = self._part(m)
        if isinstance(where, str):
            m["image"] = refer(where, part["file"]) if part.get("file") else None
        if self._key:
            await manifest.verify(m, self._key, part is not m)
        elif not self._unsigned:
            raise BadSignature("this board has no key: allow_unsigned=True takes updates from anybody")
        status = self.status()
        if m["board"] != self._board or m["variant"] != self._variant:
            raise WrongBoard(m["board"], m["variant"])
        if m["updater"] > UPDATER:
            raise UpdaterTooOld(m["updater"])
        if m["security"] < status["security"]:
            raise OldSecurity(m["security"], status["security"])
        if m["version"] in status["failed"]:
            raise FailedBefore(m["version"])
        if getattr(self.slot, "linked", False) and part is m:
            raise BadManifest("slots")
        if part["size"] > self.slot.capacity:
            raise TooLarge(part["size"], self.slot.capacity)
        if status["running"] != slots.VALID or status["trial"]:
            raise Unconfirmed(status["trial"])
        return m

    def _part(self, m):
        # What of the manifest is about the target's image: where images are linked for one slot, that slot's entry.
        if getattr(self.slot, "linked", False):
            return (m.get("slots") or (m, m))[self.slot.target]
        return m

    async def update(self, where, image=None, progress=None):
        """Download the update whose manifest is at `where` (or is what `check` returned), verify it and make it boot next; return
        the manifest.

        `image`: where the image is, if not where the manifest says (URL, path or stream). `progress(done, size)` is
        called after each 4096 bytes. Yields to the loop between them; a cancelled or broken download goes on where it was at the
        next call. Then call `restart()`. Raises what `check` raises, Unconfirmed also while another update goes on, Truncated,
        Unreachable, SourceError, BadImage, BadHash, OSError.
        """
        if Updater._busy:
            raise Unconfirmed("another update goes on")
        Updater._busy = True
        try:
            gc.collect()
            buf = memoryview(bytearray(_CHUNK))
            return await self._update(await self.check(where), image, buf, progress)
        finally:
            Updater._busy = False

    async def _update(self, m, image, buf, progress):
        image = image or m.get("image")
        if not image:
            raise BadManifest("file")
        part = self._part(m)
        await self._fetch(part, image, buf, progress)
        await self._verify(m["version"], part, buf)
        old = self.slot.status()[1]
        self._journal["trial"] = [m["version"], m["security"], self.slot.target, old != slots.ABORTED]
        self._journal["download"] = None
        self._save()
        self.slot.activate()
        self._sure()
        return m

    async def _fetch(self, m, image, buf, progress):
        slot = self.slot
        j = self._journal
        size = m["size"]
        old = j.get("download")
        done = old[1] if old and old[0] == m["sha256"] and old[1] <= size and not old[1] % _CHUNK else 0
        if done:
            try:
                slot.readinto(done - _CHUNK, buf)
            except OSError:
                done = 0  # what was received is not there any more
        if old and not done:
            self._mark(m, 0)
        source = Source(image, done, **self._source)
        try:
            while done < size:
                piece = buf[: min(_CHUNK, size - done)]
                await source.fill(piece)
                if not done:
                    slot.check(piece)
                    slot.begin(size)
                slot.write(done, piece)
                done += len(piece)
                if not done % _MARK:
                    self._mark(m, done)
                if progress:
                    progress(done, size)
                await asyncio.sleep(0)
        finally:
            slot.finish()
            if 0 < done < size:
                self._mark(m, done)
            await source.close()

    def _mark(self, m, done):
        self.slot.finish()
        self._journal["download"] = [m["sha256"], done]
        self._save()

    async def _verify(self, version, m, buf):
        # What counts is what is in the slot, so it is read back: this also covers what an earlier run downloaded.
        import hashlib
        from binascii import hexlify

        h = hashlib.sha256()
        for done in range(0, m["size"], _CHUNK):
            piece = buf[: min(_CHUNK, m["size"] - done)]
            self.slot.readinto(done, piece)
            h.update(piece)
            await asyncio.sleep(0)
        if hexlify(h.digest()).decode() != m["sha256"]:
            self._journal["download"] = None
            self._save()
            raise BadHash(version)

    def confirm(self, test):
        """Finish the trial of the running image: True when it has been confirmed now, False when it was not on trial.

        `test`: path of a database that is there, which is opened and read (one that the program has open already has passed), an
        open database, which is read, or a function that returns a true value when all is well. If it fails, the image is rolled
        back (restarts into the old one, or raises SelfTestFailed where that returns) and its version remembered as failed.
        """
        self._settle()
        if self.slot.status()[0] == slots.VALID:
            return False
        try:
            good = test() if callable(test) else _read(test)
            reason = None
        except Exception as e:
            good = False
            reason = e
        if good:
            self.slot.confirm()
            self._settle()
            return True
        self.slot.rollback()  # the old image finds the journal's trial and notes that it failed
        raise SelfTestFailed(reason)

    def forget(self):
        """Forget which versions failed, so that they may be tried again."""
        self._journal["failed"] = []
        self._save()

    def restart(self):
        """Restart the device into the image chosen."""
        self.slot.restart()


def _read(db):
    # Self-test: open the database, count its records and read the first one.
    from microtetherdb import DBLock, MicroTetherDB

    if isinstance(db, str):
        try:
            with MicroTetherDB(db, in_memory=False) as opened:
                if not opened.stats()["live"]:  # nothing on the medium: it would only be made now
                    raise OSError(2, db)  # ENOENT
                return _read(opened)
        except DBLock:  # open in this program
            return True
    for key in db:
        db.get(key)
        break
    return len(db) >= 0
