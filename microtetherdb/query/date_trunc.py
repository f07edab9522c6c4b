"""`$dateTrunc`, MongoDB's operands on a date that is a number of seconds since 1970.

Bins are counted from 2000-01-01T00:00:00, weeks from the first `startOfWeek` from that day on, as MongoDB does.
"""

from micropython import const

from .expression import named, whole
from .operand import bad
from .value_order import MISSING

type = type  # see database.py
int = int

_2000 = const(946684800)  # 2000-01-01, a Saturday, in seconds since 1970
_DAYS = "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday"


def _seconds(unit):
    return 1 if unit == "second" else 60 if unit == "minute" else 3600 if unit == "hour" else 86400 if unit == "day" else 604800


def _zone(text):
    # Seconds east of UTC.
    if text in ("UTC", "GMT", "Z"):
        return 0
    if isinstance(text, str) and text[:1] in ("+", "-"):
        digits = text[1:3] + text[4:] if text[3:4] == ":" else text[1:]
        if len(digits) in (2, 4) and digits.isdigit():
            seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
            return -seconds if text[0] == "-" else seconds
    bad("$dateTrunc", 'timezone is an offset as "+02:00", not %r' % (text,))


def _bins(unit, size, zone, first):
    # (unit's seconds or 0, size in these or in months, where they begin)
    size = whole("$dateTrunc", size, "binSize")
    if size < 1:
        bad("$dateTrunc", "binSize is at least 1")
    if unit in ("month", "quarter", "year"):
        return 0, size * (1 if unit == "month" else 3 if unit == "quarter" else 12), zone
    if unit not in ("second", "minute", "hour", "day", "week"):
        bad("$dateTrunc", "unit is second, minute, hour, day, week, month, quarter or year, not %r" % (unit,))
    start = _2000
    if unit == "week":
        days = _DAYS.split()
        day = first.lower() if isinstance(first, str) else first
        if day not in days:
            bad("$dateTrunc", "startOfWeek is a day, as monday or mon, not %r" % (first,))
        start += (days.index(day) % 7 - 5) % 7 * 86400
    return 1, size * _seconds(unit), start - zone


def _truncated(t, fixed, size, start):
    if type(t) is float and t - t == 0:
        t = int(t // 1)
    if type(t) is not int:
        bad("$dateTrunc", "date is a number of seconds since 1970, not " + named(t))
    if fixed:
        return t - (t - start) % size
    # Months: days to date and back as in H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". `start`: of the zone.
    z = (t + start) // 86400 + 719468
    era = z // 146097
    day = z - era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    month = (5 * (day - (365 * year + year // 4 - year // 100)) + 2) // 153  # 0: March
    month += (year + era * 400) * 12 + 2 - 24000
    month -= month % size
    month += 24000 - 2
    year = month // 12
    month = month % 12
    return (year * 365 + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 - 719468) * 86400 - start


def compile(scope, x):
    """Return the function of an expression. `scope`: `expression.Scope`; `x`: the operands."""
    if not isinstance(x, dict):
        bad("$dateTrunc", "takes a document: date, unit, binSize, timezone, startOfWeek")
    for name in x:
        if name not in ("date", "unit", "binSize", "timezone", "startOfWeek"):
            bad("$dateTrunc", "has date, unit, binSize, timezone and startOfWeek, not %s" % name)
    if "date" not in x or "unit" not in x:
        bad("$dateTrunc", "takes date and unit")
    date = scope.compile(x["date"])
    unit, a = scope.constant(x["unit"])
    size, b = scope.constant(x.get("binSize", 1))
    zone, c = scope.constant(x.get("timezone", "UTC"))
    first, d = scope.constant(x.get("startOfWeek", "sun"))
    missing = MISSING

    def bins(doc):
        u = unit(doc)
        n = size(doc)
        z = zone(doc)
        w = first(doc)
        for v in (u, n, z, w if u == "week" else 0):
            if v is None or v is missing:
                return None
        return _bins(u, n, _zone(z), w)

    if not (a and b and c and d):

        def varied(doc):
            t = date(doc)
            found = bins(doc)
            return None if t is None or t is missing or found is None else _truncated(t, *found)

        return varied
    found = bins(None)
    if found is None:
        return lambda doc: None
    fixed, step, start = found

    def other(t):
        return None if t is None or t is missing else _truncated(t, fixed, step, start)

    if not fixed:
        return lambda doc: other(date(doc))

    def trunc(doc):  # a small frame, see predicate.py
        doc = date(doc)
        return doc - (doc - start) % step if type(doc) is int else other(doc)

    return trunc
