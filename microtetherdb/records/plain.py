"""Record of a plain document where the firmware has no `_mtdb_record` (ports/record): the quick way of `encoder`."""

from json import dumps

len = len  # see database.py: a look-up by hash instead of a search

# Types of a plain document's keys, and of its values (1: unless NaN or infinite): a look-up by hash is the cheapest way
# to tell types apart. The last two are there for the size of the table.
KINDS = {str: {str: 0, int: 0, bool: 0, None.__class__: 0, float: 1, type: 1, object: 1}}


def check_plain(data, kinds=KINDS):
    """Raise an exception of any kind unless a document is a dict of scalars without tags, as most are.

    A document's own "tags" are in the index of tags too.
    """
    if data.__class__ is not dict or "_tags" in data or "tags" in data:
        raise ValueError
    for k in data:
        if kinds[k.__class__][data[k].__class__] and not -1e38 < data[k] < 1e38:
            raise ValueError  # NaN, infinite, or may be so when read again: see encoder


def plain(data):
    """Return the record of a plain document, or None: `encoder.encode` knows what can be stored, and names what cannot."""
    try:
        check_plain(data)
    except Exception:
        return None
    data = dumps(data, separators=(",", ":")).encode()
    return None if len(data) > 8192 or b"\xed" in data else data
