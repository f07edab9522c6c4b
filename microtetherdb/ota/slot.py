"""The slot interface between the updater and a board's boot loader, and the small files both keep.

A board has two slots: one runs, the other takes the next image. A backend gives:

- `running`, `target`: names of the two slots (str or int); `capacity`: bytes the target holds. `linked`: True where each slot has
  images of its own, the manifest's `slots[target]`; may be missing.
- `status()` -> `(running, target)`, each one of the states below.
- `check(head)`: raise BadImage unless the image that starts with `head` (its first 4096 bytes or all of it) can run here.
- `begin(size)`: make the target ready to be written from offset 0 (raises TooLarge); `write(offset, buf)`: in order, `offset` a
  multiple of 4096, `len(buf)` 4096 except at the end; `readinto(offset, buf)`: read the target back; `finish()`: all that was
  written is durable.
- `activate()`: boot the target next, once and on trial. One atomic write: before it the old image boots, after it the new one.
- `confirm()`: the running image is good for ever. `rollback()`: it is not; boot the other from now on (may restart at once).
- `restart()`: does not return.

The boot loader turns NEW into PENDING when it starts an image, and PENDING, found at the next start, into ABORTED: it then boots
the other slot. That is ESP-IDF's scheme; `docs/update.md` has the state table.
"""

import json
import os
from binascii import crc32

from .errors import BadState
from .manifest import whole

EMPTY, NEW, PENDING, VALID, ABORTED = "empty", "new", "pending", "valid", "aborted"


def load(path):
    """Return the dict kept in `path` by `save`; an empty one when there is none. Raises BadState when it cannot be read."""
    damage = None
    for name in (path, path + "~"):
        try:
            with open(name, "rb") as f:
                text = f.read()
            if text[-10:-9] == text[-1:] == b"\n":
                if text[-10:] != _check(text[:-10]):
                    raise ValueError("checksum")
                text = text[:-10]
            return whole(text)
        except (OSError, ValueError) as e:
            # no such file (ENOENT), or a second one torn by a cut: the first write never came to its end
            if name == path and e.args[:1] != (2,):
                damage = e
    if damage:
        raise BadState(path, damage)
    return {}


def _check(text):
    # What follows the text: a release without it reads the JSON before it, and writes none.
    return b"\n%08x\n" % crc32(text)


def save(path, state, check=False):
    """Replace the contents of `path` by `state`: after a power cut either the old or the new is there. `check`: with a checksum."""
    new = path + "~"
    with open(new, "wb") as f:
        json.dump(state, f)
        if check:
            f.write(_check(json.dumps(state).encode()))
        f.flush()
    os.rename(new, path)  # on FAT it removes the old one first: load() then finds the new one under its first name
