"""Running a query without an index: every record, most of them by a look at their raw bytes only."""

from ..loading import module
from ..records import keys, record
from ..records.record import loads
from .prefilter import needles, prefilter, probe

NO = object()
TICK = 2  # records between two chances to let others run
IDLE = 60  # a look at the raw bytes that rejects less than one record in four costs more than it saves: it is left out


def acceptor(db, f, exact=False):
    """Return `g(raw)`: the document of a record that matches, or NO. `exact`: it is known to match, if it has not expired."""
    test = f.test
    fields = f.fields and not exact
    if f.blind and not fields:
        return lambda raw: NO if raw[0] < 8 and record.expired(raw, db._clock) else None
    if f.ordered:
        in_order = module("query.ordered_json").loads

    def special(raw):
        if raw[0] < 8:
            if record.expired(raw, db._clock):
                return NO
            if raw[0] & 2:  # not a document but a value with tags: only these can be asked for
                if not exact and not (f.only_tags and test(loads(raw[record.text_start(raw) :]))):
                    return NO
                return record.decode(raw)
            raw = raw[record.text_start(raw) :]
        doc = loads(raw)
        if fields and (type(doc) is not dict or not test(in_order(raw) if f.ordered else doc)):
            return NO
        return doc

    if f.keys is not None and not exact:
        may = f.keys.may(f)
        if f.only_key():
            fields = 0  # that is all, and it may be no document
        return lambda raw: special(raw) if may(None) else NO  # the key is known before the document
    if f.ordered or not fields:
        return special

    def accept(raw):  # a small frame, see predicate.py
        if raw[0] < 8:
            return special(raw)
        raw = loads(raw)
        return raw if type(raw) is dict and test(raw) else NO

    return accept


def literals(f, limit=0):
    """Return (one, two, three, may): alternatives to be looked for right in the loop, where the time goes, and what else must hold."""
    found = needles(f)
    number = None
    if (not found or len(found[0]) > 3 or found[0][0][-1] == 58) and not 0 < limit < 30:
        # Nothing telling to look for: then the number behind a key is worth reading. (Not for a few records.)
        number = probe(f)
        if number is not None:
            found = [some for some in found if some[0] != number[0]]
    one = b""
    two = three = None
    if found and len(found[0]) <= 3:
        one, two, three = (found[0] + [None, None])[:3]
        found = found[1:]
    return one, two, three, prefilter(found, number) if found or number else None


def scan(db, f, slices, records=None, exact=False):
    """Yield (stored key, document, raw) for every match, in key order; with `slices` also None now and then.

    `records`: (stored key, raw) of those that may match, None for all; `exact`: they all do.
    """
    one, two, three, may = literals(f)
    accept = acceptor(db, f, exact)
    idle = n = 0
    for key, raw in records or db._store.scan(keys.USER):
        if slices:
            n += 1
            if n > TICK:
                n = 1
                yield None
        if one not in raw and (two is None or two not in raw and (three is None or three not in raw)):
            continue
        if may is not None:
            if not may(raw):
                idle -= 3
                continue
            idle += 1
            if idle == IDLE:
                may = None
        doc = accept(raw)
        if doc is not NO:
            yield key, doc, raw


def gather(db, f, limit):
    """Return the list of matching documents, with the lock held from first to last: the same scan at its fastest."""
    return db._store.at_once(lambda tree: _gather(db, f, limit, tree))


def _gather(db, f, limit, tree):
    one, two, three, may = literals(f, limit)
    idle = 0
    accept = None
    test = f.test if f.fields and not f.ordered else None
    out = []
    append = out.append  # locals are found at once
    parse = loads
    of = type
    document = dict
    for raw in _holding(tree.values(keys.USER), one, two, three):
        if may is not None:
            if not may(raw):
                idle -= 3
                continue
            idle += 1
            if idle == IDLE:
                may = None
        if test is not None and raw[0] >= 8:
            doc = parse(raw)
            if of(doc) is not document or not test(doc):
                continue
        else:
            if accept is None:
                accept = acceptor(db, f)
            doc = accept(raw)
            if doc is NO:
                continue
        append(doc)
        if limit and len(out) == limit:
            break
    return out


def _holding(raws, one, two, three):
    # Those records that hold one of the literals.
    if one == b"":
        return raws
    if two is None:
        return (raw for raw in raws if one in raw)
    if three is None:
        return (raw for raw in raws if one in raw or two in raw)
    return (raw for raw in raws if one in raw or two in raw or three in raw)
