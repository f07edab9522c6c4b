"""Whole files, as bytes."""

import gc


def contents(path):
    gc.collect()
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def restarted():
    """What was open is open no more, as after a power cut."""
    from microtetherdb.storage import places

    for place in places.open_files.values():
        places.release(place)
