"""Whole files: their bytes, and their end."""

import gc
import os


def contents(path):
    gc.collect()
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def remove(*paths):
    """Remove files, those that are there."""
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            pass


def restarted():
    """What was open is open no more, as after a power cut."""
    from microtetherdb.storage import places

    for place in places.open_files.values():
        places.release(place)
