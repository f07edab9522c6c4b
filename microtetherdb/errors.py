"""Errors that the database raises besides `TypeError` and `ValueError`."""


class DBError(Exception):
    """Base of all errors of the database."""


class DBLock(DBError):
    """The lock was not free within `lock_timeout`, or the file is open already."""


class DBFull(DBError):
    """Out of RAM quota or of flash space; nothing was changed."""


class DBCorrupt(DBError):
    """Not a database, of a newer format, or damaged beyond recovery; left as it was."""


class DBClosed(DBError):
    """The database is closed."""


class DuplicateKeyError(DBError):
    """There is a document with this `_id`, or with these values in a unique index; nothing was changed."""


class QueryError(DBError):
    """A filter or an update has an unknown operator or a malformed operand."""
