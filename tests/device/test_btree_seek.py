# boards: unix unix32 m33 rv32
# A scan from a key must not end as if there were no more keys when a page cannot be read, or there is no memory for it.
import btree

import micropython
from seekable import Seekable

if hasattr(micropython, "alloc_emergency_exception_buf"):  # else it is there from the start
    micropython.alloc_emergency_exception_buf(256)  # errors keep their number where there is no heap


class Stream(Seekable):
    def __init__(self):
        self.data = bytearray(512 * 100)
        self.size = self.pos = 0
        self.fail = self.lock = -1
        self.view = memoryview(self.data)

    def readinto(self, buf):
        self.fail -= 1
        if self.fail == -1:
            return -5
        n = min(len(buf), self.size - self.pos)
        if n > 0:
            buf[:n] = self.view[self.pos : self.pos + n]
        self.pos += n
        return n

    def write(self, buf):
        self.data[self.pos : self.pos + len(buf)] = buf
        self.pos += len(buf)
        self.size = max(self.size, self.pos)
        return len(buf)


f = Stream()
t = btree.open(f, pagesize=512)
for i in range(300):
    t[b"%05d" % i] = b"x" * 60
t.flush()
for desc in (0, btree.DESC):
    n = 0
    raised = 0
    while True:
        t = btree.open(f, pagesize=512)  # nothing in its cache
        f.fail = n
        try:
            got = len(list(t.keys(b"00200", None, desc)))
            f.fail, left = -1, f.fail
            assert got == (201 if desc else 100), "failed read %d: %d keys" % (n, got)
            if left >= 0:
                break
        except OSError as e:
            assert e.errno == 5
            raised += 1
        n += 1
    assert raised >= 3, raised

# no memory for the pages: an error, or all of them
locked = 0
for start in (b"00000", b"00150", b"00299"):
    t = btree.open(f, pagesize=512)
    it = t.keys(start)
    first = None
    micropython.heap_lock()
    try:
        first = next(it)
    except StopIteration:
        first = "end"
    except BaseException:  # whatever is said of it
        locked += 1
    micropython.heap_unlock()
    assert first is None or first == start, first
assert locked
print("OK")
