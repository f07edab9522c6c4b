"""The part of a stream under `btree.open()` that is the same for every test: where it stands and how long it is."""

import io
import uctypes

_SEEK = {"offset": uctypes.INT64, "whence": uctypes.INT32 | 8}  # struct mp_stream_seek_t of the unix ports


class Seekable(io.IOBase):
    """Keeps `pos` and uses `size`, both in bytes; `readinto` and `write` are the test's."""

    def ioctl(self, op, arg):
        if op == 2:
            s = uctypes.struct(arg, _SEEK)
            self.pos = s.offset + (0, self.pos, self.size)[s.whence]
            s.offset = self.pos
        return 0
