"""The part of a stream under `btree.open()` that is the same for every test: where it stands and how long it is."""

import io
import sys
import uctypes

# struct mp_stream_seek_t: an mp_off_t, which has 64 bits on the unix ports, and an int
_WIDE = sys.platform == "linux"
_SEEK = {"offset": uctypes.INT64 if _WIDE else uctypes.INT32, "whence": uctypes.INT32 | (8 if _WIDE else 4)}


class Seekable(io.IOBase):
    """Keeps `pos` and uses `size`, both in bytes; `readinto` and `write` are the test's."""

    def ioctl(self, op, arg):
        if op == 2:
            s = uctypes.struct(arg, _SEEK)
            self.pos = s.offset + (0, self.pos, self.size)[s.whence]
            s.offset = self.pos
        return 0
