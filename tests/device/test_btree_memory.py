# boards: unix unix32 m33 rv32
# A long value that there was no memory to read must not leave the next read of a shorter one without a buffer: that was a crash.
import btree
import io

import micropython

if hasattr(micropython, "alloc_emergency_exception_buf"):  # else it is there from the start
    micropython.alloc_emergency_exception_buf(256)  # errors keep their number where there is no heap

SIZES = (300, 900, 2000, 9000)
KEYS = [b"%04d" % n for n in SIZES]


def read(t, key):
    try:
        return t[key]
    except OSError as e:
        return e.errno
    except MemoryError:
        return "no memory"


def main():
    for first in KEYS:
        for long in KEYS:
            t = btree.open(io.BytesIO(), pagesize=512, cachesize=1 << 16)
            for n in SIZES:
                t[b"%04d" % n] = bytes([n & 255]) * n
            assert len(read(t, first)) == int(first)
            micropython.heap_lock()
            got = read(t, long)
            micropython.heap_unlock()
            assert got == (12 if long > first else "no memory"), got
            for n in SIZES:
                assert read(t, b"%04d" % n) == bytes([n & 255]) * n, (first, long, n)


main()
print("OK")
