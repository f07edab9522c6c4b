"""Indexes on several paths: their entries, what a filter and a sort can use of them; and what is unique in an index.

A code is the encoded values one behind the other, each the complement of its bytes where the order is descending; what is
longer than 56 bytes is cut, and the record is looked at. Paths that lead into one array have an entry for each element, as
sort keys have.
"""

from micropython import const

from ..errors import DuplicateKeyError, QueryError
from ..loading import module
from ..records import record
from ..records.key_range import after
from .value_order import encode, kind

_MULTI = const(1)  # see index_entries.py
_SHORT = const(2)
_MAX = const(56)  # bytes of a code
_POINTS = const(64)  # combinations of values that are looked up
_FEW = const(20)  # changes that are looked through each time

_LOW = {2: b"\x20", 3: b"\x30", 8: b"\x50"}
_HIGH = {2: b"\x23", 3: b"\x31", 8: b"\x52"}


def rows(spec, doc):
    """Return the list of whole codes of a document for [(path, descending)]. Raises `QueryError` for two arrays."""
    key = [b"\x10"] * len(spec)
    found = []
    if isinstance(doc, dict):
        todo = [(i, doc, spec[i][0].split("."), 0) for i in range(len(spec))]
        try:
            module("query.sort").joint(key, todo, found)
        except QueryError as e:
            raise QueryError(str(e).replace("sort:", "index:"))
    out = []
    for row in found or (key,):
        for i in range(len(spec)):
            if spec[i][1]:
                row[i] = _down(row[i])
        row = b"".join(row)
        if row not in out:
            out.append(row)
    return out


def entries(index, doc):
    """Return the codes (a set of bytes) of a document, adding to the flags of the index."""
    out = set()
    for code in rows(index.spec, doc):
        if len(code) > _MAX:
            index.flags |= _SHORT
            code = code[:_MAX]
        out.add(code)
    if len(out) > 1:
        index.flags |= _MULTI
    return out


def _down(code):
    return bytes(255 - c for c in code)


def _values(path, sargs):
    # The fewest values that a path is to have one of, or None.
    best = None
    for p, op, x in sargs:
        if p == path and (op == "$eq" or op == "$in"):
            x = (x,) if op == "$eq" else x
            if all(kind(v) in (1, 2, 3, 8) for v in x) and (best is None or len(x) < len(best)):
                best = x
    return best


def _bounds(path, sargs, multi):
    # (low, high, number of conditions) in codes, the high one excluded; None when there are none.
    found = None
    n = 0
    for p, op, x in sargs:
        if p != path or op not in ("$gt", "$gte", "$lt", "$lte") or kind(x) not in _LOW or n and multi:
            continue
        k = kind(x)
        low = _LOW[k]
        high = _HIGH[k]
        code = encode(x)
        if op == "$gt":
            low = after(code)
        elif op == "$gte":
            low = code
        elif op == "$lt":
            high = code
        else:
            high = after(code)
        found = (low, high) if found is None else (max(low, found[0]), min(high, found[1]))
        n += 1
    return found and found + (n,)


def candidate(index, sargs, order):
    """Return (cost, ranges, conditions used, whether they are exact, one value, gives the order, downwards) for a query, or None."""
    multi = index.flags & _MULTI
    bases = [b""]
    exact = True
    used = fixed = 0
    bounds = None
    single = True
    firsts = set()
    for path, down in index.spec:
        first = path.split(".")[0]
        if multi and first in firsts:
            break  # each condition may be met by another element
        firsts.add(first)
        values = _values(path, sargs)
        if values is None:
            bounds = _bounds(path, sargs, multi)
            if bounds is not None:
                used += bounds[2]
                if down:
                    bounds = (after(_down(bounds[1])), after(_down(bounds[0])))
            break
        codes = set()
        for v in values:
            if v is None:
                exact = False
            codes.add(_down(encode(v)) if down else encode(v))
        if len(bases) * len(codes) > _POINTS:
            break
        bases = [base + code for base in bases for code in codes]
        single = single and len(codes) == 1
        used += 1
        fixed += 1
    bases.sort()
    ranges = []
    for base in bases:
        low = high = base
        if bounds is not None:
            low = base + bounds[0]
            high = base + bounds[1]
            if low >= high:
                continue
        if len(low) > _MAX or len(high) > _MAX:
            exact = False
        high = high[:_MAX] if bounds is not None and len(high) <= _MAX else after(high[:_MAX])
        ranges.append((index.prefix + low[:_MAX], index.prefix + high if high else after(index.prefix)))
    for i in range(len(ranges) - 1, 0, -1):
        if ranges[i][0] < ranges[i - 1][1]:  # cut to the same
            ranges[i - 1] = ranges[i - 1][0], max(ranges[i - 1][1], ranges.pop(i)[1])
            exact = False
    ordered = upside = False
    if order is not None and single and not index.flags & (_MULTI | _SHORT):
        done = [path for path, _ in index.spec[:fixed]]
        wanted = [(".".join(parts), down) for parts, down in order if ".".join(parts) not in done]
        rest = index.spec[fixed:]
        if [w[0] for w in wanted] == [r[0] for r in rest]:
            ways = set(wanted[i][1] != rest[i][1] for i in range(len(rest)))
            if len(ways) < 2:
                ordered = True
                upside = True in ways
    if fixed:
        cost = len(bases) * (1.11 - 0.1 * fixed) - (0.05 if bounds is not None else 0) - (0.06 if ordered else 0)
    elif bounds is not None:
        cost = 20 if used > 1 else 30
    elif ordered:
        cost = 1000
    else:
        return None
    return cost, ranges, used, exact, single and fixed == len(index.spec), ordered, upside


# Unique indexes


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
