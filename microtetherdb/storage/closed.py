"""What stands for the store of a closed database."""

from ..errors import DBClosed


class Closed:
    """Whatever is asked of it raises `DBClosed`."""

    def __getattr__(self, name):
        raise DBClosed("the database is closed")
