# boards: unix unix32 m33
# SPEC section 9: the signature check. Vectors: RFC 6979, A.2.5 (P-256, SHA-256).
import asyncio
import gc
import hashlib
import sys
import time
from binascii import unhexlify

from microtetherdb.ota import ecdsa
from nightly import FEW

KEY = unhexlify(
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
SAMPLE = unhexlify(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)
TEST = unhexlify(
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
)


def verify(*args):
    return asyncio.run(ecdsa.verify(*args))


pauses = []


async def ticker():
    last = time.ticks_us()
    while True:
        await asyncio.sleep(0)
        now = time.ticks_us()
        pauses.append(time.ticks_diff(now, last))
        last = now


async def beside():
    task = asyncio.create_task(ticker())
    assert await ecdsa.verify(KEY, b"sample", SAMPLE)
    task.cancel()


gc.collect()
start = time.ticks_ms()
asyncio.run(beside())
print("one verification: %d ms" % time.ticks_diff(time.ticks_ms(), start))
print("the loop turned %d times, the longest pause was %d us" % (len(pauses), max(pauses)))
assert len(pauses) > 500  # each bit and each division
if sys.platform == "rp2":
    assert max(pauses) < 15000  # 5 ms of arithmetic, 7 ms of garbage collection (the emulator's clock repeats exactly)
assert not verify(KEY, b"sample", SAMPLE[:32] + bytes(32))
if sys.platform != "rp2":  # in the emulator one verification takes 20 s
    assert not verify(KEY, b"Sample", SAMPLE)
    assert verify(KEY, b"test", TEST)
    assert not verify(KEY, b"sample", TEST)
    for i in range(0, 64, 9 if FEW else 1):  # every byte of the signature counts
        bad = bytearray(SAMPLE)
        bad[i] ^= 1 << (i & 7)
        assert not verify(KEY, b"sample", bytes(bad)), i
    for key in (KEY[:63], bytes(64), KEY[32:] + KEY[:32], b"\xff" * 64):
        assert not verify(key, b"sample", SAMPLE)
    n = ecdsa._N.to_bytes(32, "big")
    one = (1).to_bytes(32, "big")
    for r in (bytes(32), n, b"\xff" * 32):
        assert not verify(KEY, b"sample", r + SAMPLE[32:])
        assert not verify(KEY, b"sample", SAMPLE[:32] + r)
    for raw in (b"", SAMPLE[:63], SAMPLE + b"\0"):
        assert not verify(KEY, b"sample", raw)
    # keys G and -G meet the special cases of the addition; private key 1: s = e + r with nonce 1, where r is G's x
    x, y, _ = ecdsa._G
    e = int.from_bytes(hashlib.sha256(b"m").digest(), "big")
    for d in (1, -1):
        key = x.to_bytes(32, "big") + (y * d % ecdsa._P).to_bytes(32, "big")
        s = (e + d * x) % ecdsa._N
        assert verify(key, b"m", x.to_bytes(32, "big") + s.to_bytes(32, "big"))
        # e G + r Q is the point at infinity: no signature
        assert not verify(key, b"m", (-e * d % ecdsa._N).to_bytes(32, "big") + one)
print("OK")
