"""Key limits, generated keys, and the tree's key space (docs/architecture.md)."""

from micropython import const

MAX_KEY = 128  # bytes of UTF-8

META = b"\x00m"  # state of the database, where no commit has it yet (docs/format.md)
EXPIRY = b"\x00e"
USER = b"\x01"  # first byte of the user keys' range

_SESSION = const(0xFFFFFF)  # generated keys of one session, six hexadecimal digits


def stored(key):
    """Return a user key as the tree takes it: str, or bytes where one had to be put before it.

    Raises `TypeError` for anything but str, `ValueError` for an empty or too long key.
    """
    if not isinstance(key, str):
        raise TypeError("key: str, not " + type(key).__name__)
    raw = key.encode()
    n = len(raw)
    if n == 0:
        raise ValueError("key: empty")
    if n > MAX_KEY:
        raise ValueError("key: %d bytes, at most %d" % (n, MAX_KEY))
    if raw[0] < 2:  # 0x00 is ours
        return USER + raw
    return key


def bound(key, name):
    """Return a range's end as stored; unlike a key it may be empty or long. `name`: of the argument, for errors."""
    if not isinstance(key, str):
        raise TypeError("%s: str, not %s" % (name, type(key).__name__))
    raw = key.encode()
    if not raw:
        return USER
    if raw[0] < 2:
        return USER + raw
    return raw


def shown(raw):
    """Return the user key (str) of a stored key."""
    if raw[0] == 1:
        raw = raw[1:]
    return raw.decode()


def after(prefix):
    """Return the smallest stored key above all that begin with `prefix` (bytes), or None."""
    n = len(prefix)
    while n:
        n -= 1
        if prefix[n] < 255:
            return prefix[:n] + bytes([prefix[n] + 1])
    return None


def generated(db):
    """Return a new key, with the lock held: six digits of session and six of counter, so that keys
    sort in order of insertion. Persistent databases count sessions in the tree, so that a key is
    never made twice; RAM databases draw one.
    """
    n = db._keys_made = db._keys_made + 1
    if n > _SESSION or not db._session:
        from . import session

        db._session = session.begin(db)
        n = db._keys_made = 0
    return "%s%06x" % (db._session, n)


def several(db, n):
    """Return a list of n new keys, with the lock held."""
    out = []
    while len(out) < n:
        out.append(generated(db))  # begins a session when one is needed
        session = db._session
        first = db._keys_made + 1
        db._keys_made = min(_SESSION, first - 1 + n - len(out))
        for i in range(first, db._keys_made + 1):
            out.append("%s%06x" % (session, i))
    return out
