# tests/test_ota.py runs this with a heap of 40 KB: SPEC section 9, an image of 1 MB in bounded RAM, with the loop kept free.
import asyncio
import gc
import hashlib
import os
from binascii import hexlify

from microtetherdb import ota
from microtetherdb.ota.slot_file import FileSlot

SIZE = 1 << 20
FILL = memoryview(b"\x5a" * 1460)


class Stream:
    """An image that nobody has to hold; ends early when told so."""

    def __init__(self, end=SIZE):
        self.left = end

    def readinto(self, buf):
        n = min(len(buf), self.left, 1460)
        buf[:n] = FILL[:n]
        self.left -= n
        return n


h = hashlib.sha256()
piece = b"\x5a" * 1024
for i in range(SIZE // 1024):
    h.update(piece)
os.mkdir("slots")
M = {"board": "UNIX", "version": "2", "size": SIZE, "sha256": hexlify(h.digest()).decode()}
up = ota.Updater(FileSlot("slots"), board="UNIX", key=None, allow_unsigned=True)
up._key = None
turns = 0
calls = []


async def ticker():
    global turns
    while True:
        turns += 1
        await asyncio.sleep(0)


def progress(done, size):
    if len(calls) == 2:
        calls[1] = done
    else:
        calls.append(done)


async def main():
    t = asyncio.create_task(ticker())
    # cancelled in the middle, it goes on from there
    u = asyncio.create_task(up.update(M, Stream(), progress))
    while not u.done() and (not calls or calls[-1] < SIZE // 2):
        await asyncio.sleep(0)
    # one at a time: there is one slot to write to
    try:
        await ota.Updater(FileSlot("slots"), board="UNIX", allow_unsigned=True).update(M, Stream())
        raise AssertionError
    except ota.Unconfirmed:
        pass
    u.cancel()
    try:
        await u
    except asyncio.CancelledError:
        pass
    kept = up.status()["download"]
    assert SIZE // 2 <= kept < SIZE, kept
    # the link ends: Truncated, and what came is kept
    del calls[:]
    try:
        await up.update(M, Stream(SIZE - 5000), progress)
        raise AssertionError
    except ota.Truncated:
        pass
    assert calls[0] == kept + 4096, calls
    before = turns
    await up.update(M, Stream(), progress)
    assert calls[-1] == SIZE
    assert turns - before > SIZE // 4096, turns  # reading back yields too
    t.cancel()


gc.collect()
asyncio.run(main())
assert up.status()["target"] == "new"
print("OK")
