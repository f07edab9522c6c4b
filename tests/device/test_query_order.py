# boards: unix unix32 m33
# SPEC section 4: what is compared keeps its order of fields; the encoding is the same on every board.
import json
import random
from collections import OrderedDict

from microtetherdb.query import ordered_json, value_order as order

random.seed(2)
LETTERS = ("{", "}", "[", "]", ",", ":", '"', "\\", "a", " ", "\n", "\u20ac")


def text():
    return "".join(random.choice(LETTERS) for _ in range(random.randrange(6)))


def value(depth):
    r = random.random()
    if depth < 3 and r < 0.3:
        return OrderedDict([(text(), value(depth + 1)) for _ in range(random.randrange(4))])
    if depth < 3 and r < 0.5:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    return random.choice((text(), text(), 1, -2, True, None, {}, []))


for _ in range(300):
    v = value(0)
    s = json.dumps(v, separators=(",", ":"))
    assert json.dumps(ordered_json.loads(s), separators=(",", ":")) == s, s
    assert order.encode(ordered_json.loads(s)) == order.encode(v), s

# one order of types, and the very bytes that docs/format.md promises
EXAMPLES = (
    ([], "08"), (None, "10"), (-1.5, "20bffe7f"), (0, "21"), (0.0, "21"), (0.5, "22400000"), (1, "22400100"), (1.0, "22400100"), (5, "22400340"),
    (70, "22400718"), (1000000, "224014e924"), ("", "300000"), ("a", "30610000"), ("a\0", "306100ff0000"), (False, "50"), (True, "51"),
)  # fmt: skip
last = b""
for v, code in EXAMPLES:
    got = order.entry(v)[0]
    assert got.hex() == code, (v, got.hex())
    assert got >= last, v
    last = got
print("OK")
