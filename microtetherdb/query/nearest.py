"""What a name that is not known was meant to be, for errors."""

from .operand import bad


def distance(a, b):
    """Return how many letters must be changed, added, left out or swapped with the next one to make `b` of `a`."""
    rows = [list(range(len(b) + 1))]
    for i in range(len(a)):
        row = [i + 1]
        for j in range(len(b)):
            n = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] != b[j]))
            if i and j and a[i] == b[j - 1] and a[i - 1] == b[j]:
                n = min(n, rows[i - 1][j - 1] + 1)
            row.append(n)
        rows.append(row)
    return rows[-1][-1]


def unknown(name, known):
    """Raise `QueryError` for a name, and say which of `known` (separated by spaces, without $) is near to it."""
    best = ""
    least = 3 if len(name) > 4 else 2
    for other in known.split():
        n = distance(name.lower(), "$" + other.lower())
        if n < least:
            best, least = "; is $%s meant?" % other, n
    bad(name, "not supported" + best)
