"""`pop_first`: a queue's next record."""

import json

from micropython import const

from .changelist import write
from .loading import module
from .ranges import limits
from .records import keys, record
from .records.encoder import check_tags
from .upkeep import count

_STEP = const(8)  # records passed over between two yields


def pop_first_steps(db, prefix=None, tags=None):
    """Remove the record with the smallest key, with generated keys the oldest, and return (key, document); None if there is none.

    `prefix`: of its key. `tags`: list of str, all of which it has. Two tasks or threads never get the same record.
    """
    low, high = limits(None, None, prefix)
    if tags is not None:
        check_tags(tags)
    n = 0
    for key, raw in _tagged(db, tags, low, high) if tags else db._store.scan(low, high):
        if not (raw[0] < 8 and record.expired(raw, db._clock)) and (not tags or _has(raw, tags)):
            found = keys.shown(key), record.decode(raw)
            write(db, key, None, raw)
            db._deletes += 1
            count(db)
            return found
        n += 1
        if n % _STEP == 0:
            yield


def _tagged(db, tags, low, high):
    # (stored key, record) by the tags' index, in which the entries of one tag are in the order of the keys.
    index = module("query.index_entries").TAGS
    head = index.prefix + module("query.value_order").entry(tags[0])[0]
    end = module("records.key_range").after(head) if high is None else head + high
    for entry, value in db._store.scan(head + low, end):
        key = entry[value[0] :]
        yield key, db._store.get(key)


def _has(raw, tags):
    # As `{"tags": {"$all": tags}}`: those given to `put`, and a document's own.
    doc = json.loads(raw[record.text_start(raw) :])
    own = doc.get("tags")
    has = (own if isinstance(own, list) else [own]) + doc.get("_tags", [])
    for tag in tags:
        if tag not in has:
            return False
    return True
