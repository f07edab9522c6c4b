"""Random documents and filters for the query tests: few names and values, so that they often meet."""

import random

SCALARS = (
    None, True, False, 0, 1, 1.0, -1, 2, 7, 71, 70, 5.5, -5.5, 0.1, 1000000, 1000000.0, 12345678, 1e20, 1e-7, 16777217, 9007199254740992,
    9007199254740993, -0.0, "", "a", "ab", "7", "n", "a\"b", "back\\slash", "line\nfeed", "\u00e9\u20ac", "{\"n\":7}", "n\":7", "null", "x" * 60,
    "x" * 60 + "y", "a\0b",
)  # fmt: skip
_COMMON = (7, 1, 70, 5.5, 1000000, True, "a")
NAMES = ("n", "s", "a", "b", 'x"n', "tags")
PATHS = ("n", "s", "a", "b", "a.n", "a.b", "b.n", "a.0", "a.1.n", "n.0", 'x"n', "tags", "a.tags")


def value(depth=0):
    r = random.random()
    if r < 0.2:
        return random.choice(_COMMON)
    if depth < 2 and r < 0.4:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    if depth < 2 and r < 0.5:
        return document(depth + 1)
    return random.choice(SCALARS)


def document(depth=0):
    d = {}
    for _ in range(random.randrange(4 if depth else 6)):
        d[random.choice(NAMES)] = value(depth)
    return d


def _operand():
    # No dict with several fields: its order is not the author's on MicroPython.
    v = value(1)
    while isinstance(v, dict) and len(v) > 1 or isinstance(v, list) and any(isinstance(e, dict) for e in v):
        v = value(1)
    return v


def condition():
    r = random.randrange(14)
    if r < 3:
        return _operand()
    if r < 7:
        c = {random.choice(("$gt", "$gte", "$lt", "$lte", "$eq")): _operand()}
        if random.random() < 0.4:
            c[random.choice(("$gt", "$gte", "$lt", "$lte"))] = _operand()
        return c
    if r == 7:
        return {random.choice(("$in", "$nin")): [_operand() for _ in range(random.randrange(4))]}
    if r == 8:
        return {"$ne": _operand()}
    if r == 9:
        return {"$exists": random.random() < 0.5}
    if r == 10:
        return {"$all": [_operand() for _ in range(random.randrange(1, 3))]}
    if r == 11:
        return {"$regex": random.choice(("^a", "b", "^x{3}", "x+y", 'n"', "^$", "^null|7", "e\\\\s"))}
    if r == 12:
        return {"$contains": random.choice(SCALARS)}
    return {"$not": {"$gt": _number()}}


def _number():
    return random.choice((0, 1, 5.5, 70, 12345678))


def filter():
    q = {}
    for _ in range(random.randrange(1, 3)):
        q[random.choice(PATHS)] = condition()
    r = random.random()
    if r < 0.1:
        q["$or"] = [{random.choice(PATHS): condition()} for _ in range(2)]
    elif r < 0.2:
        q = {"$and": [q, {random.choice(PATHS): condition()}]}
    return q


def tags():
    return [random.choice("abxy") for _ in range(random.randrange(1, 3))] if random.random() < 0.4 else None
