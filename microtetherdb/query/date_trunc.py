"""`$dateTrunc` on a date that is a number of seconds since 1970.

Bins are counted from 2000-01-01T00:00:00, weeks from the first `startOfWeek` from that day on, as MongoDB does.
"""

from micropython import const

from .operand import bad
from .value_order import MISSING
from .values import options

_2000 = const(946684800)  # 2000-01-01, a Saturday, in seconds since 1970
_OP = "$dateTrunc"
_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_SIZES = (1, 60, 3600, 86400, 604800, 1, 3, 12)  # seconds, then months

type = type  # see database.py
int = int


def _zone(text):
    # Seconds east of UTC of "+02:00", "+0200", "+02".
    digits = text[1:].replace(":", "")
    if text == "UTC":
        return 0
    if text[0] not in "+-" or not digits.isdigit() or len(digits) not in (2, 4):
        bad(_OP, "timezone: an offset as +02:00")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if text[0] == "-" else seconds


def _month(t, size, zone):
    # Days to months and back as in H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March.
    day = (t + zone) // 86400 + 719468
    era = day // 146097
    day -= era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    month = (5 * (day - (365 * year + year // 4 - year // 100)) + 2) // 153 + (year + era * 400) * 12
    month -= (month + 2 - 24000) % size
    year = month // 12
    return (year * 365 + year // 4 - year // 100 + year // 400 + (153 * (month % 12) + 2) // 5 - 719468) * 86400 - zone


def compile(scope, x):
    """Return the function of an expression. `scope`: `expression.Scope`; `x`: the operands, constants but for `date`."""
    given = options(_OP, x, {"date": MISSING, "unit": MISSING, "binSize": 1, "timezone": "UTC", "startOfWeek": "sun"})
    date = given.pop("date")
    if date is MISSING or given["unit"] is MISSING:
        bad(_OP, "takes date and unit")
    for name in given:
        given[name] = scope.constant(_OP, given[name])
    date = scope.compile(date)
    unit = given["unit"]
    size = given["binSize"]
    first = given["startOfWeek"]
    if unit is None or size is None or given["timezone"] is None or first is None and unit == "week":
        return lambda doc: None
    if unit not in _UNITS:
        bad(_OP, "unit: " + " ".join(_UNITS))
    if type(size) is not int or size < 1:
        bad(_OP, "binSize: a whole number from 1 on")
    i = _UNITS.index(unit)
    size *= _SIZES[i]
    start = zone = _zone(str(given["timezone"]) or "?")
    if i < 5:
        start = _2000 - zone
    if i == 4:
        days = ("sat", "sun", "mon", "tue", "wed", "thu", "fri")
        day = str(first).lower()[:3]
        if day not in days:
            bad(_OP, "startOfWeek: a day, as monday or mon")
        start += days.index(day) * 86400

    def other(t):
        if t is None or t is MISSING:
            return None
        if type(t) is float:
            t = int(t // 1)
        if type(t) is not int:
            bad(_OP, "date: a number of seconds since 1970")
        return t - (t - start) % size if i < 5 else _month(t, size, zone)

    if i > 4:
        return lambda doc: other(date(doc))

    def trunc(doc):  # a small frame, see predicate.py
        doc = date(doc)
        return doc - (doc - start) % size if type(doc) is int else other(doc)

    return trunc
