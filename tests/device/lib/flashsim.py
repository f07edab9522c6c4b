"""NOR flash for tests: counts, wear, power cuts, torn programs, failures, flipped bits.

Like `rp2.Flash`: programs are whole pages of 256 bytes at aligned offsets, erases whole blocks.
Also a block device for `vfs.VfsLfs2` and `vfs.VfsFat`. A program may only clear bits.
"""

import gc

PROGRAM = 256
_ONES = b"\xff" * PROGRAM


class PowerCut(BaseException):
    """The power went. Nothing works until `restore()`.

    Not an `Exception`, so that no handler for errors takes it for one.
    """


class Flash:
    """`blocks` erase blocks of `block` bytes.

    `cut_at`: which program or erase (counted from `ops` 0) the power fails in; `tear`: how
    ("none": not begun; "all": done; "prefix", "bits": partly; "byte": but for one byte). `watch`: called as
    `watch(flash, n)` in front of the n-th one; it may take `copies()`. `atomic`: whole blocks are
    written or not, as on an SD card.
    """

    def __init__(self, blocks=64, block=4096, strict=True, atomic=False):
        self.atomic = atomic
        self.watch = None
        self.blocks = blocks
        self.block = block
        self.strict = strict
        # Block by block, shared with copies until it is written to.
        self.data = [b"\xff" * block] * blocks
        self.own = bytearray(blocks)
        self.wear = [0] * blocks
        self.seed = 1
        self.cut_at = -1
        self.tear = "prefix"
        self.dead = False
        self.ops = 0
        self.fail_reads = self.fail_programs = self.fail_erases = 0  # transient: how many fail
        self.bad = set()  # blocks that never erase
        self.bad_programs = set()  # blocks whose programs come out wrong
        self.clear_counts()

    def clear_counts(self):
        self.programs = self.erases = self.reads = self.bytes_read = self.bytes_programmed = 0

    def restore(self):
        """Power is back."""
        self.dead = False
        self.cut_at = -1

    def _rand(self, n):
        # a generator of our own: repeatable, and not disturbed by the code under test
        self.seed = (self.seed * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.seed >> 8) % n

    def copy(self):
        """Return a second device with the same content."""
        other = Flash(self.blocks, self.block, self.strict, self.atomic)
        other.data = self.data[:]
        self.own = bytearray(self.blocks)
        other.seed = self.seed + self.ops
        return other

    def _owned(self, n):
        if not self.own[n]:
            self.data[n] = bytearray(self.data[n])
            self.own[n] = 1
        return self.data[n]

    def size(self):
        return self.blocks * self.block

    def flip(self, pos, bit):
        """Flip one bit, as a failing cell does."""
        self._owned(pos // self.block)[pos % self.block] ^= 1 << bit

    def copies(self, tears):
        """Yield copies in which the operation that is about to begin was cut, torn in each way."""
        call, args = self._doing
        for tear in tears:
            other = self.copy()
            other.cut_at = 0
            other.tear = tear
            try:
                call(other, *args)
            except PowerCut:
                pass
            other.restore()
            other.ops = 0
            yield other, tear

    def _op(self, call, *args):
        if self.dead:
            raise PowerCut()
        n = self.ops
        self.ops = n + 1
        if self.watch is not None:
            self._doing = call, args
            self.watch(self, n)
        if n == self.cut_at:
            self.dead = True
            return True
        return False

    def readblocks(self, n, buf, off=0):
        if self.dead:
            raise PowerCut()
        if self.fail_reads:
            self.fail_reads -= 1
            raise OSError(5)
        size = len(buf)
        self.reads += 1
        self.bytes_read += size
        n += off // self.block
        off %= self.block
        if off + size <= self.block:
            buf[:] = memoryview(self.data[n])[off : off + size]
            return
        i = 0
        buf = memoryview(buf)
        while i < size:
            m = min(size - i, self.block - off)
            buf[i : i + m] = memoryview(self.data[n])[off : off + m]
            i += m
            n += 1
            off = 0

    def writeblocks(self, n, buf, off=None):
        if off is None:
            # plain block protocol (FAT): the block is erased first
            if self.atomic:
                for i in range(0, len(buf), self.block):
                    self._write_block(n + i // self.block, memoryview(buf)[i : i + self.block])
                return
            self._erase(n)
            for off in range(0, len(buf), PROGRAM):
                self._program(n, memoryview(buf)[off : off + PROGRAM], off)
            return
        assert off % PROGRAM == 0 and len(buf) % PROGRAM == 0, "unaligned program"
        for i in range(0, len(buf), PROGRAM):
            self._program(n, memoryview(buf)[i : i + PROGRAM], off + i)

    def _write_block(self, n, buf):
        cut = self._op(Flash._write_block, n, buf)
        if not cut or self.tear == "all":
            self.data[n] = bytes(buf)
            self.own[n] = 0
            self.erases += 1
        if cut:
            raise PowerCut()

    def _program(self, n, buf, off):
        cut = self._op(Flash._program, n, buf, off)
        if self.fail_programs and not cut:
            self.fail_programs -= 1
            raise OSError(5)
        n += off // self.block
        off %= self.block
        block = self._owned(n)
        old = bytes(memoryview(block)[off : off + PROGRAM])
        new = bytearray(buf)
        if old != _ONES:
            for i in range(PROGRAM):
                if new[i] == 0xFF:
                    new[i] = old[i]  # ones leave a cell as it is
                elif self.strict and new[i] & ~old[i]:
                    raise AssertionError("program sets bits at %d of block %d" % (off + i, n))
                else:
                    new[i] &= old[i]
        if cut:
            if self.tear == "none":
                raise PowerCut()
            if self.tear == "prefix":
                i = self._rand(PROGRAM)
                new[i:] = old[i:]
            elif self.tear == "bits":
                for i in range(PROGRAM):
                    new[i] |= old[i] & self._rand(256)
        if cut and self.tear == "byte" or n in self.bad_programs:
            # one of the bytes that were to be programmed does not take it
            i = self._rand(PROGRAM)
            for _ in range(PROGRAM):
                if new[i] != old[i]:
                    new[i] = old[i]
                    break
                i = (i + 1) % PROGRAM
        block[off : off + PROGRAM] = new
        if cut:
            raise PowerCut()
        self.programs += 1
        self.bytes_programmed += PROGRAM

    def _erase(self, n):
        cut = self._op(Flash._erase, n)
        if not cut:
            if self.fail_erases:
                self.fail_erases -= 1
                raise OSError(5)
            if n in self.bad:
                raise OSError(5)
        if cut:
            if self.tear == "none":
                raise PowerCut()
            if self.tear != "all":
                block = self._owned(n)
                for i in range(0, self.block, 2):
                    r = self._rand(65536)
                    block[i] = r & 255
                    block[i + 1] = r >> 8
                raise PowerCut()
        self.data[n] = b"\xff" * self.block
        self.own[n] = 0
        self.wear[n] += 1
        self.erases += 1
        if cut:
            raise PowerCut()

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return self.block
        if op == 6:
            self._erase(arg)
            return 0
        if self.dead:
            raise PowerCut()
        return 0


def cuts(work, numbers):
    """Yield a copy of what the power left on a device of 64 blocks that was cut in operation n of `work(flash)`, for each n of `numbers`."""
    kept = []  # so that no other device gets the id of one whose database is still open
    for n in numbers:
        gc.collect()
        flash = Flash(64)
        flash.seed = n + 1
        flash.cut_at = n
        try:
            work(flash)
        except PowerCut:
            pass
        yield flash.copy()
        flash.data = None
        kept.append(flash)
