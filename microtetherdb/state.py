"""What a persistent database keeps of itself, in commits of its log (docs/format.md, "State")."""

from . import keys
from .loading import module


def restore(db, store):
    """Find out which entries besides records the tree has; the state tells when there are none, before any page is read."""
    log = store.log
    if not log.state or log.state[-1]:
        if store.first(b"\0c") is not None:
            module("index").load(db, store)
        if store.first(keys.EXPIRY) is not None:
            module("lifecycle").begin_expiry(db, store)
        db._linked = bool(db._indexes or db._expiry) or store.first(b"\0x") is not None
    log.owner = lambda log, must: kept(db, db._clock, log.state, must)


def kept(db, clock, newest, must):
    """Return the state (bytes) for a commit that `must` keep it, or may be the first one with entries besides records; else b"".

    It is that of `clock`, and whether the tree may have such entries. `newest`: the state that the log has.
    """
    if must or db._linked and not (newest and newest[-1]):
        return clock.save() + (b"\1" if db._linked else b"\0")
    return b""
