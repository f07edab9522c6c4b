"""ECDSA signature verification on P-256 with SHA-256 (FIPS 186-5, section 6.4.2; curve: SP 800-186, section 3.2.1.3).

Chosen over Ed25519 by measurement, see `docs/update.md`: hashlib has SHA-256 in C but no SHA-512, so this is smaller and
faster. Verification handles public data only, so nothing here runs in constant time. Signing is left to the host.
"""

import asyncio

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)


def _double(p):
    # Jacobian coordinates, a = -3 ("dbl-2001-b" of the Explicit-Formulas Database). None is the point at infinity.
    if not p:
        return p
    x, y, z = p
    m = _P
    d = z * z % m
    g = y * y % m
    b = x * g % m
    a = 3 * (x - d) * (x + d) % m
    x = (a * a - 8 * b) % m
    return x, (a * (4 * b - x) - 8 * g * g) % m, ((y + z) ** 2 - g - d) % m


def _add(p, q):
    # p + q where q has z = 1.
    if not p or not q:
        return p or q
    x, y, z = p
    u, v, _ = q
    m = _P
    d = z * z % m
    h = (u * d - x) % m
    r = (v * z % m * d - y) % m
    if not h:
        return None if r else _double(p)
    b = h * h % m
    t = x * b % m
    b = b * h % m
    x = (r * r - b - 2 * t) % m
    return x, (r * (t - x) - y * b) % m, z * h % m


async def _inverse(a, m):
    # Extended Euclid, `m` prime: some 150 divisions, less work than the power of m - 2, and it can yield.
    n = m
    x = 0
    y = 1
    while a:
        q = n // a
        n, a, x, y = a, n - q * a, y, x - q * y
        await asyncio.sleep(0)
    return x % m


async def verify(key, message, signature):
    """Return whether `signature` (r and s, 64 bytes) is one of `message` by the owner of the public `key` (x and y, 64 bytes).

    Yields to the loop every few milliseconds of work.
    """
    import hashlib

    if len(key) != 64 or len(signature) != 64:
        return False
    x, y, r, s, e = [
        int.from_bytes(raw, "big") for raw in (key[:32], key[32:], signature[:32], signature[32:], hashlib.sha256(message).digest())
    ]
    m = _P
    if x >= m or y >= m or (x * (x * x - 3) + _B - y * y) % m or not 0 < r < _N or not 0 < s < _N:
        return False
    w = await _inverse(s, _N)
    e = e * w % _N
    w = w * r % _N
    q = (x, y, 1)
    both = _add(_G, q)
    if both:
        x, y, z = both
        z = await _inverse(z, m)
        both = (x * z * z % m, y * z * z * z % m, 1)
    # e G + w Q in one pass (Shamir's trick)
    p = None
    for i in range(255, -1, -1):
        p = _double(p)
        if e >> i & 1:
            p = _add(p, both if w >> i & 1 else _G)
        elif w >> i & 1:
            p = _add(p, q)
        await asyncio.sleep(0)
    if not p:
        return False
    x, _, z = p
    z = z * z % m
    # x / z^2 mod p is compared mod n
    return (x - r * z) % m == 0 or r + _N < m and (x - (r + _N) * z) % m == 0
