"""Sort order of results: MongoDB's order of types, arrays by their smallest or largest element."""

from . import record
from .errors import QueryError
from .order import encode, loads
from .path import split

_EMPTY = b"\x08"  # an empty array sorts before null


def parse(spec):
    """Return [(steps, descending)] of a sort argument; raises `QueryError`.

    `"name"`, `"-name"`, a list of such and of `(path, 1 | -1)`, or `{path: 1 | -1}` (an OrderedDict
    or one field, as plain dicts have no order on MicroPython).
    """
    if isinstance(spec, str):
        spec = [spec]
    elif isinstance(spec, dict):
        from .order import orderless

        if orderless(spec):
            raise QueryError("sort: a plain dict has no order on MicroPython; give a list of (path, 1 or -1)")
        spec = list(spec.items())
    elif isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], str) and not isinstance(spec[1], str):
        spec = [spec]
    if not isinstance(spec, (list, tuple)) or not spec or len(spec) > 32:
        raise QueryError("sort: path, or list of up to 32 (path, 1 or -1)")
    out = []
    for s in spec:
        direction = 1
        if isinstance(s, str):
            if s.startswith("-"):
                s = s[1:]
                direction = -1
        elif isinstance(s, (list, tuple)) and len(s) == 2:
            s, direction = s
        else:
            raise QueryError("sort: path, or list of (path, 1 or -1)")
        if direction is True or direction is False or direction not in (1, -1):
            raise QueryError("sort: direction is 1 or -1, not %r" % (direction,))
        try:
            out.append((split(s), direction < 0))
        except QueryError as e:
            raise QueryError("sort: %s" % e)
    return out


def _key(doc, parts, descending):
    # The smallest or largest value at a path, encoded.
    if not isinstance(doc, dict):
        return encode(None)
    if len(parts) == 1:
        v = doc.get(parts[0])
        if not isinstance(v, list):
            return encode(v)
    codes = []
    _collect(doc, parts, 0, codes)
    if not codes:
        return encode(None)
    return max(codes) if descending else min(codes)


def _collect(value, parts, i, codes):
    # As path.walk goes, but a number leads to that element of an array and not into its documents too.
    while i < len(parts):
        step = parts[i]
        if isinstance(value, dict):
            value = value.get(step)
        elif not isinstance(value, list):
            value = None
        elif step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            for v in value:
                if isinstance(v, dict):
                    _collect(v, parts, i, codes)
            return
        i += 1
    if not isinstance(value, list):
        codes.append(encode(value))
    elif value:
        codes.extend(encode(v) for v in value)
    else:
        codes.append(_EMPTY)


class Sorter:
    """Collects records in order. Keeps the first `keep` of them only; 0 keeps all.

    Insertion by bisection: stable, and records that would not be kept cost one comparison.
    MicroPython's own sort is not stable.
    """

    def __init__(self, spec, keep):
        self._spec = spec
        self._keep = keep
        self._keys = []
        self.items = []

    def add(self, doc, item, tie=None):
        """Add `item`, which sorts where `doc` does, after those equal to it or, given `tie` (bytes), by this."""
        spec = self._spec
        keys = self._keys
        new = [_key(doc, parts, desc) for parts, desc in spec]
        if tie is not None:
            new.append(tie)
        low = 0
        high = len(keys)
        if high and not self._before(new, keys[-1]):
            if high == self._keep:
                return
            low = high
        while low < high:
            middle = (low + high) >> 1
            if self._before(new, keys[middle]):
                high = middle
            else:
                low = middle + 1
        keys.insert(low, new)
        self.items.insert(low, item)
        if self._keep and len(keys) > self._keep:
            keys.pop()
            self.items.pop()

    def _before(self, a, b):
        for i in range(len(a)):
            if a[i] != b[i]:
                return (a[i] < b[i]) != (i < len(self._spec) and self._spec[i][1])
        return False


def arranged(matches, order, keep, by_key, slices):
    """Yield matches (key, document, raw) in order, equal ones by their keys. `by_key`: they come so; `slices`: None between."""
    sorter = Sorter(order, keep)
    for m in matches:
        if m is None:
            yield None
        else:
            doc = m[1]
            if isinstance(doc, dict):
                for parts, _ in order:
                    if isinstance(doc.get(parts[0]), (dict, list)):  # then the order of fields may count
                        doc = loads(m[2][record.text_start(m[2]) :])
                        break
            sorter.add(doc, (m[0], m[2]), None if by_key else m[0])
            if slices:
                yield None
    for key, raw in sorter.items:
        yield key, record.decode(raw), raw
