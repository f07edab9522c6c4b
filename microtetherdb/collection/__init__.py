"""Collections: pymongo's names over key ranges of a database. `db.collection(name)` gives one; here is what `bulk_write` takes, too."""

from ..loading import module


class ReturnDocument:
    """For `find_one_and_update` and `find_one_and_replace`: the document before the change, or after it."""

    BEFORE = False
    AFTER = True


def __getattr__(name):
    if name in ("InsertOne", "UpdateOne", "UpdateMany", "ReplaceOne", "DeleteOne", "DeleteMany"):
        return getattr(module("collection.writing"), name)
    raise AttributeError(name)
