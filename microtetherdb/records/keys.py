"""Key limits, generated keys, and the tree's key space (docs/architecture.md)."""

from micropython import const

from ..loading import module

_MAX_KEY = 128  # bytes of UTF-8

META = b"\x00m"  # state of the database, where no commit has it yet (docs/format.md)
EXPIRY = b"\x00e"
USER = b"\x01"  # first byte of the user keys' range

_SESSION = const(0xFFFFFF)  # generated keys of one session, six hexadecimal digits


def stored(key):
    """Return a user key as the tree takes it: str, or bytes where one had to be put before it.

    Raises `TypeError` for anything but str, `ValueError` for an empty or too long key.
    """
    if key.__class__ is str and len(key) <= 32 and key >= "\x02":
        return key  # the usual ones
    if not isinstance(key, str):
        raise TypeError("key: str, not " + type(key).__name__)
    raw = key.encode()
    n = len(raw)
    if n == 0:
        raise ValueError("key: empty")
    if n > _MAX_KEY:
        raise ValueError("key: %d bytes, at most %d" % (n, _MAX_KEY))
    if raw[0] < 2:  # 0x00 is ours
        return USER + raw
    return key


def shown(raw):
    """Return the user key (str) of a stored key."""
    if raw[0] == 1:
        raw = raw[1:]
    return raw.decode()


def generated(db):
    """Return a new key, with the lock held: six digits of session and six of counter, so that keys
    sort in order of insertion. Persistent databases count sessions in the tree, so that a key is
    never made twice; RAM databases draw one.
    """
    n = db._keys_made = db._keys_made + 1
    if n > _SESSION or not db._session:
        db._session = module("records.session").begin(db)
        n = db._keys_made = 0
    key = "%s%06x" % (db._session, n)
    if db._store.get(key) is None:
        return key
    db._keys_made = _SESSION  # somebody has put a record under a key of this session, by load() for example: on to the next
    return generated(db)
