"""What a name that is not known was meant to be, for errors."""

from .operand import bad


def distance(a, b):
    """Return how many letters must be changed, added or left out to make `b` of `a`."""
    row = list(range(len(b) + 1))
    for i, c in enumerate(a):
        new = [i + 1]
        for j, d in enumerate(b):
            new.append(min(row[j + 1] + 1, new[j] + 1, row[j] + (c != d)))
        row = new
    return row[-1]


# Texts, as each is one object in flash: the filters' operators, those that MongoDB has besides, and those of updates.
_OPERATORS = "eq ne gt gte lt lte in nin exists contains all size elemMatch regex options not mod type and or nor expr limit comment"
_MONGODBS = (
    "where text jsonSchema near nearSphere geoWithin geoIntersects bitsAllSet bitsAnySet bitsAllClear bitsAnyClear sampleRate lookup"
)


def operator(op):
    """Raise `QueryError` for an operator that filters have not."""
    if op[1:] in _MONGODBS.split():
        bad(op, "not supported")
    if op[1:] in _OPERATORS.split():
        bad(op, "not here, but at the top of a filter")
    unknown(op, _OPERATORS, "unknown operator")


def unknown(name, known, what="not supported"):
    """Raise `QueryError` for a name, and say which of `known` (separated by spaces, without $) is near to it."""
    best = ""
    least = 3
    for other in known.split():
        n = distance(name.lower(), "$" + other.lower()) + (name[1:2] != other[0])
        if n < least:
            best, least = "; is $%s meant?" % other, n
    bad(name, what + best)
