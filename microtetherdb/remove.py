"""`MicroTetherDB.remove()`."""

import os

from .storage import places


def remove(filename):
    """Remove the files of a database that is not open; see `MicroTetherDB.remove`."""
    if not isinstance(filename, str):
        raise TypeError("filename: a path, not " + type(filename).__name__)
    if not filename or filename == "flash:":
        raise ValueError("filename: %r is no file" % filename)
    name = places.canonical(filename)
    place = [False]
    there = False
    try:
        places.claim(name, place)
        found = places._stat(name)
        if found is not None and found[0] & 0x4000:  # littlefs would remove an empty folder
            raise OSError(21, name)
        # The second file first: the first one alone is a database still, whatever comes between.
        for end in (".part.new", ".part", ".new", ""):
            try:
                os.remove(name + end)
                there = True
            except OSError as e:
                if e.args[0] != 2:  # ENOENT
                    raise OSError(e.args[0], name + end)
    finally:
        places.release(place)
    return there
