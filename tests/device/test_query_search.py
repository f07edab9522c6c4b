# boards: unix unix32 m33 rv32
# SPEC section 4: the search in raw bytes that queries rest on, which ports/find makes faster, finds what is there.
import random

random.seed(1)


def naive(text, part, start):
    for i in range(start, len(text) - len(part) + 1):
        if text[i : i + len(part)] == part:
            return i
    return -1


found = missed = 0
for _ in range(400):
    text = bytes(random.choice(b'ab"') for _ in range(random.randrange(12)))
    part = bytes(random.choice(b'ab"') for _ in range(random.randrange(4)))
    start = random.randrange(3)
    at = naive(text, part, start) if start <= len(text) else -1
    if at >= 0:
        found += 1
    else:
        missed += 1
    if part:
        assert text.find(part, start) == at, (text, part, start)
        assert text.decode().find(part.decode(), start) == at
        assert b"x".join(text.split(part)) == text.replace(part, b"x"), (text, part)
        assert (b"x" in text.replace(part, b"x")) == (part in text)
    assert (part in text) == (part.decode() in text.decode()) == (naive(text, part, 0) >= 0)
    last = -1
    for i in range(len(text)):
        if part and text[i:].startswith(part):
            last = i
    if part:
        assert text.rfind(part) == last and text.count(part) <= len(text)
assert found > 50 and missed > 50
print("OK")
