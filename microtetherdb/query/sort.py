"""Sort order of results: MongoDB's order of types, arrays by their smallest or largest element."""

from ..errors import QueryError
from ..records import keys, record
from .ordered_json import loads, orderless
from .path import fields
from .value_order import encode

_EMPTY = b"\x08"  # an empty array sorts before null
_NULL = b"\x10"


def parse(spec, name="sort"):
    """Return [(steps, descending)] of a sort argument, or of another one called `name`; raises `QueryError`.

    `"name"`, `"-name"`, a list of such and of `(path, 1 | -1)`, or `{path: 1 | -1}` (an OrderedDict
    or one field, as plain dicts have no order on MicroPython).
    """
    if isinstance(spec, str):
        spec = [spec]
    elif isinstance(spec, dict):
        if orderless(spec):
            raise QueryError(name + ": a plain dict has no order on MicroPython; give a list of (path, 1 or -1)")
        spec = list(spec.items())
    elif isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], str) and not isinstance(spec[1], str):
        spec = [spec]
    if not isinstance(spec, (list, tuple)) or not 0 < len(spec) <= 32:
        spec = (None,)
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
            raise QueryError(name + ": path, or list of up to 32 (path, 1 or -1)")
        if direction is True or direction is False or direction not in (1, -1):
            raise QueryError("%s: direction is 1 or -1, not %r" % (name, direction))
        out.append((fields(s, name), direction < 0))
    return out


def of_records(spec):
    """As `parse`, of records: "_id" is the key, after which nothing else counts; and equal ones are by their keys anyway."""
    out = []
    for item in parse(spec):
        if item[0][0] != "_id":
            out.append(item)
        elif len(item[0]) == 1:  # a key has no fields
            if item[1] or not out:
                out.append(item)
            break
    return out or [(["_id"], False)]


def joint(key, todo, out):
    """Add to `out` the keys (lists of codes) that an index on the paths of a sort has for one document.

    Where they lead into one array, one key for each element. `todo`: (place in `key`, value, steps, the next of them). As path.walk
    goes, but a number leads to that element of an array and not into its documents too.
    """
    array = None
    inside = []
    for k, v, parts, i in todo:
        while i < len(parts) and isinstance(v, dict):
            v = v.get(parts[i])
            i += 1
        if not isinstance(v, list):
            key[k] = encode(v if i == len(parts) else None)
            continue
        if array is not None and v is not array:
            raise QueryError("sort: %s and another path lead into two arrays" % ".".join(parts))
        array = v
        inside.append((k, parts, i))
    if array is None:
        out.append(key)
        return
    for v in array or (None,):
        row = key.copy()
        below = []
        some = False
        for k, parts, i in inside:
            if i == len(parts):
                row[k] = encode(v) if array else _EMPTY
                some = True
            elif parts[i].isdigit() and int(parts[i]) < len(array):
                below.append((k, array[int(parts[i])], parts, i + 1))
                some = True
            else:
                below.append((k, v if isinstance(v, dict) else None, parts, i))
        if some or isinstance(v, dict):
            joint(row, below, out)


def _whole(doc, parts):
    # What is at a path, or the first array on it, encoded.
    for step in parts:
        doc = doc.get(step) if isinstance(doc, dict) else None
        if isinstance(doc, list):
            break
    return encode(doc)


class Sorter:
    """Collects records in order. Keeps the first `keep` of them only; 0 keeps all. `whole`: an array counts as such.

    Insertion by bisection: stable, and records that would not be kept cost one comparison.
    MicroPython's own sort is not stable.
    """

    def __init__(self, spec, keep, whole=False):
        self._whole = whole
        self._spec = spec
        self._keep = keep
        self._keys = []
        self.items = []

    def add(self, doc, item, tie=None):
        """Add `item`, which sorts where `doc` does, after those equal to it or, given `tie` (bytes), by this."""
        spec = self._spec
        keys = self._keys
        if self._whole:
            new = [_whole(doc, parts) for parts, _ in spec]
        else:
            new = [_NULL] * len(spec)
            rows = []
            joint(new, [(k, doc, spec[k][0], 0) for k in range(len(spec))], rows)
            if rows:
                new = rows[0]
                for row in rows:
                    if self._before(row, new):
                        new = row
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
    key = order[-1][0][0] == "_id"
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
            if key:
                if not isinstance(doc, dict):
                    doc = {}
                doc["_id"] = keys.shown(m[0])
            sorter.add(doc, (m[0], m[2]), None if by_key else m[0])
            if slices:
                yield None
    for key, raw in sorter.items:
        yield key, record.decode(raw), raw
