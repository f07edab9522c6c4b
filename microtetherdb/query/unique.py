"""Unique indexes: whether another record has one of the values of a record that is to be stored."""

from micropython import const

from ..errors import DuplicateKeyError
from ..records import record
from ..records.key_range import after
from .compound import rows

_SHORT = const(2)  # see index_entries.py
_FEW = const(20)  # changes that are looked through each time


def check(db, index, key, codes, doc, out, document_of):
    """Raise `DuplicateKeyError` when a record but `key` has one of `codes`, in the tree or in the change list `out`, and not expired.

    `document_of(raw)`: the document of a record.
    """
    pending, gone = _pending(index, out)
    for code in codes:
        head = index.prefix + code
        for other in list(pending.get(head, ())):
            if other != key and _same(db, index, other, doc, out, document_of):
                _duplicate(index, doc)
        n = len(head)
        for entry in db._store.scan(head, after(head), 1):
            if entry[n:] != key and entry not in gone and _same(db, index, entry[n:], doc, out, document_of):
                _duplicate(index, doc)


def _duplicate(index, doc):
    raise DuplicateKeyError("unique index %s: another record has the same value" % index.name())


def _pending(index, out):
    # What a change list does to the index: ({head: [user keys]}, entries removed). It grows; what is new of it is taken in.
    state = index.pending
    if state is None or state[0] is not out:
        state = [out, 0, {}, set()]
        if len(out) > _FEW:  # a batch
            index.pending = state
    _, at, added, gone = state
    prefix = index.prefix
    for k in range(at, len(out)):
        entry, head = out[k]
        if not entry.startswith(prefix):
            continue
        if head is None:
            gone.add(entry)
            for some in added:
                if entry.startswith(some) and entry[len(some) :] in added[some]:
                    added[some].remove(entry[len(some) :])
        else:
            gone.discard(entry)
            added.setdefault(entry[: head[0]], []).append(entry[head[0] :])
    state[1] = len(out)
    return added, gone


def _same(db, index, other, doc, out, document_of):
    # Whether the other record is there, and equal where the index has only the beginning of a value.
    raw = None
    for k in range(len(out) - 1, -1, -1):
        if out[k][0] == other:
            raw = out[k][1]
            break
    else:
        raw = db._store.get(other)
    if raw is None or raw[0] < 8 and record.expired(raw, db._clock):
        return False
    if not index.flags & _SHORT:
        return True
    spec = index.spec or [(index.path, False)]
    mine = rows(spec, doc)
    for row in rows(spec, document_of(raw)):
        if row in mine:
            return True
    return False
