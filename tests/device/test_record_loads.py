# boards: unix unix32 m33
# heap: 1m
# qemu heap: 1m
# SPEC section 2: the reader of records in C (ports/record/loads.c) gives what json.loads gives, for what it takes itself and for the rest.
import gc
import json
import random
import sys

from _mtdb_record import loads
from microtetherdb.records.encoder import encode


def outcome(read, text):
    try:
        return read(text)
    except Exception as e:
        return type(e), str(e)


def same(a, b):
    if type(a) is not type(b):
        return False
    if type(a) is dict:
        return len(a) == len(b) and all(k in b and type(k) is str and same(v, b[k]) for k, v in a.items())
    if type(a) is list:
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b or a != a and b != b


def check(text):
    a = outcome(loads, text)
    b = outcome(json.loads, text)
    assert repr(a) == repr(b) or same(a, b), (text, a, b)


FIXED = [
    "", " ", "{", "}", "[", "]", "{}", "[]", "[[]]", "[{}]", '{"":1}', '{"a":1}', '{"a":1} ', '{"a":1}  x', ' {"a":1}', '{"a": 1}', '{"a":1,}',
    '{"a":1 ,"b":2}', "[1,2,]", "[1,,2]", "[1 2]", '{"a"}', '{"a":}', "{1:2}", '{"a":1,"a":2}', '"a', '"a"', '""', '"\\n"', '"\\u00e4"', '"\\ud83d"',
    '"\xe4"', '{"\xe4":1}', '{"\\n":1}', "true", "tru", "truex", "false", "fal", "null", "nul", "nullnull", "-", "-0", "0", "01", "1.", "-1.5", ".5", "1e5",
    "1E+5", "1e", "1-2", "--1", "1.5.5", "123456789", "1234567890", "-123456789", "-1234567890", "536870911", "536870912", "1073741823",
    "1073741824", "-1073741824", "-1073741825", "99999999999999999", "999999999999999999", "1000000000000000000", "-999999999999999999",
    "4611686018427387903", "4611686018427387904", "9223372036854775807", "9" * 40, "1e38", "1e400", "21.53", "0.1", "1013.25", "5e-324",
    "[" * 5 + "1" + "]" * 5, "[" * 7 + "1" + "]" * 7, "[" * 30 + "1" + "]" * 30, '{"a":' * 8 + "1" + "}" * 8, "[" * 20, "1,2", "{},{}", '"a""b"', "\x01", '"\x01"', "NaN",
    '{"k":[1,2,3,4,5,6,7]}', "[1,2,3,4,5,6,7,8]", "[1,2,3,4,5,6,7,8,9]", "[" + ",".join(str(i) for i in range(100)) + "]",
]  # fmt: skip
FIXED += ["{" + ",".join('"k%d":%d' % (i, i) for i in range(n)) + "}" for n in (6, 7, 8, 9, 15, 16, 17, 40)]
for text in FIXED:
    check(text)
    check(text.encode())
for text in FIXED:  # cut anywhere
    raw = text.encode()
    for i in range(min(len(raw), 30)):
        check(raw[:i])
for wrong in (None, 5, [], {}):
    assert type(outcome(loads, wrong)) is tuple
assert outcome(loads, b'{"a":"\xff\xff"}') == outcome(json.loads, b'{"a":"\xff\xff"}')

random.seed(3)
NAMES = [
    "a",
    "b",
    "n",
    "temp",
    "name",
    "put",
    "k" * 40,
    "ü",
    '"',
    "x1",
    "x2",
    "x3",
    "x4",
    "x5",
    "x6",
    "x7",
    "x8",
    "append",
    "_tags",
    "tags",
]


def value(depth):
    kind = random.randrange(10 if depth < 5 else 7)
    if kind == 0:
        return random.choice((None, True, False, 0, -1))
    if kind == 1:
        return (random.getrandbits(30) << 40 | random.getrandbits(30) << 15) * random.choice((1, -1)) >> random.randrange(70)
    if kind < 4:
        return random.randrange(-100000, 100000) / 10 ** random.randrange(6)
    if kind < 7:
        return random.choice(NAMES) * random.randrange(3)
    if kind == 7:
        return [value(depth + 1) for _ in range(random.randrange(12))]
    return {random.choice(NAMES): value(depth + 1) for _ in range(random.randrange(14))}


for i in range(4000 if sys.platform == "linux" else 300):
    try:
        raw = encode(value(0))
    except (ValueError, TypeError):
        continue
    check(raw)
    raw = bytearray(raw)
    raw[random.randrange(len(raw))] = random.choice(b'",:[]{}0-.e x\\')  # what is no JSON any more, mostly
    check(bytes(raw))

# A document has the room that it needs, and takes more members.
d = loads(b'{"a":1,"b":2,"c":3}')
for i in range(50):
    d["m%d" % i] = i
assert len(d) == 53 and d["b"] == 2 and d["m49"] == 49
gc.collect()
print("OK")
