"""Reading a page log without a change of the medium: what recovery would mend is left as it is, what would be written is refused."""

import os

from ..errors import DBError
from .log_store import LogStore


def guard(medium):
    """Keep recovery from changing a medium that was just opened."""
    if hasattr(medium, "_erase"):
        medium._erase = lambda sector: False
        return
    do = medium._do
    medium._do = lambda call, *args: None if call is os.remove else do(call, *args)
    medium._replace = lambda: None  # the second file keeps its name


class ReadOnlyStore(LogStore):
    """A store that only reads."""

    frozen = True

    def __init__(self, log, cachesize):
        log.step = lambda: False
        super().__init__(log, cachesize)

    def put(self, *_):
        """Refuse a change."""
        raise DBError("the database is open with read_only=True")

    apply = delete = clear = put

    def commit(self, force=False):
        """Do nothing."""

    def close(self, force=False):
        """Let go of the tree and its stream."""
        self.discard()
