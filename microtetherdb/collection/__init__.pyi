"""Collections: pymongo's names over key ranges of a database. `db.collection(name)` gives one; here is what `bulk_write` takes, too."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, type_check_only

from typing_extensions import Self, TypeAlias

from .. import Cursor

_Document: TypeAlias = Any
_Filter: TypeAlias = Mapping[str, Any] | str  # a str is JSON text
_Update: TypeAlias = Mapping[str, Any] | str
_ArrayFilters: TypeAlias = Sequence[Mapping[str, Any]] | None
_Projection: TypeAlias = Sequence[str] | Mapping[str, Any] | None
_Sort: TypeAlias = str | Sequence[str | tuple[str, int]] | Mapping[str, int] | None
_Tags: TypeAlias = list[str] | tuple[str, ...] | None
_Index: TypeAlias = str | Sequence[str | tuple[str, int]] | Mapping[str, int]

class ReturnDocument:
    """For `find_one_and_update` and `find_one_and_replace`: the document before the change, or after it."""

    BEFORE: bool
    AFTER: bool

class InsertOne:
    """Insert a document; its key is its `_id`, or a generated one. `ttl` and `tags` as for `put`."""

    def __init__(self, document: Mapping[str, Any], ttl: float | None = None, tags: _Tags = None) -> None: ...

class UpdateOne:
    """Change the first match by update operators, or with `upsert` insert what the filter says and they make of it."""

    def __init__(
        self, filter: _Filter, update: _Update, upsert: bool = False, array_filters: _ArrayFilters = None, sort: _Sort = None
    ) -> None: ...

class UpdateMany:
    """Change all matches."""

    def __init__(self, filter: _Filter, update: _Update, upsert: bool = False, array_filters: _ArrayFilters = None) -> None: ...

class ReplaceOne:
    """Replace the first match, which keeps its `_id`, its TTL and, unless the replacement has some, its tags."""

    def __init__(self, filter: _Filter, replacement: Mapping[str, Any], upsert: bool = False, sort: _Sort = None) -> None: ...

class DeleteOne:
    """Delete the first match."""

    def __init__(self, filter: _Filter, sort: _Sort = None) -> None: ...

class DeleteMany:
    """Delete all matches."""

    def __init__(self, filter: _Filter, sort: _Sort = None) -> None: ...

@type_check_only
class InsertOneResult(NamedTuple):
    """What `insert_one` returns."""

    inserted_id: str
    acknowledged: bool

@type_check_only
class InsertManyResult(NamedTuple):
    """What `insert_many` returns."""

    inserted_ids: list[str]
    acknowledged: bool

@type_check_only
class UpdateResult(NamedTuple):
    """What `update_one`, `update_many` and `replace_one` return."""

    matched_count: int
    modified_count: int
    upserted_id: str | None
    acknowledged: bool

@type_check_only
class DeleteResult(NamedTuple):
    """What `delete_one` and `delete_many` return."""

    deleted_count: int
    acknowledged: bool

@type_check_only
class BulkWriteResult(NamedTuple):
    """What `bulk_write` returns; `upserted_ids`: number of the operation -> `_id`."""

    inserted_count: int
    matched_count: int
    modified_count: int
    deleted_count: int
    upserted_count: int
    upserted_ids: dict[int, str]
    acknowledged: bool

@type_check_only
class CollectionCursor(Iterator[_Document], AsyncIterator[_Document]):
    """What a collection's `find` returns: documents one at a time, for `for` and `async for`, in steps that leave the event loop free.

    `sort`, `skip` and `limit` may be called until the first document is asked for; they return the cursor.
    """

    def sort(self, key_or_list: _Sort, direction: int | None = None) -> Self:
        """Order by a path and 1 or -1, or by a list of (path, 1 or -1)."""
    def skip(self, n: int) -> Self:
        """Leave out the first `n`."""
    def limit(self, n: int) -> Self:
        """Give at most `n`; 0: all."""
    def __iter__(self) -> Iterator[_Document]: ...  # type: ignore[override]
    def __next__(self) -> _Document: ...
    def next(self) -> _Document: ...
    def __aiter__(self) -> AsyncIterator[_Document]: ...  # type: ignore[override]
    async def __anext__(self) -> _Document: ...
    def to_list(self, length: int | None = None) -> list[_Document]:
        """Return the list of the next `length` documents, or of all that are left."""
    def explain(self) -> dict[str, Any]:
        """Run it and tell how: see `explain` of the database."""
    def close(self) -> None:
        """End early and free what the cursor holds."""

@type_check_only
class Collection:
    """A collection of a database, made with the first write to it. Documents have their key as `_id`, a str."""

    database: Any
    name: str

    def find(
        self, filter: _Filter | None = None, projection: _Projection = None, skip: int = 0, limit: int = 0, sort: _Sort = None
    ) -> CollectionCursor:
        """Return a `CollectionCursor` over the documents that match."""
    def find_one(
        self, filter: _Filter | None = None, projection: _Projection = None, skip: int = 0, sort: _Sort = None
    ) -> _Document | None:
        """Return the first document that matches, or None. A str instead of a filter is an `_id`."""
    def count_documents(self, filter: _Filter, skip: int = 0, limit: int = 0) -> int:
        """Return the number of documents that match."""
    async def count_documents_async(self, filter: _Filter, skip: int = 0, limit: int = 0) -> int: ...
    def estimated_document_count(self) -> int:
        """Return the number of documents."""
    def distinct(self, key: str, filter: _Filter | None = None) -> list[Any]:
        """Return the different values at a path, the elements of an array one by one."""
    async def distinct_async(self, key: str, filter: _Filter | None = None) -> list[Any]: ...
    def aggregate(self, pipeline: Sequence[Mapping[str, Any]] | str, max_groups: int = 1000) -> Cursor[_Document]:
        """Return a `Cursor` over what a pipeline gives, as `MicroTetherDB.aggregate`."""
    async def aggregate_async(self, pipeline: Sequence[Mapping[str, Any]] | str, max_groups: int = 1000) -> list[_Document]: ...
    def insert_one(self, document: Mapping[str, Any], ttl: float | None = None, tags: _Tags = None) -> InsertOneResult:
        """Insert a document; `ttl` (seconds) and `tags` as for `put`. The caller's document gets no `_id`, unlike with pymongo.

        Raises `DuplicateKeyError` when there is one with its `_id`, `TypeError`, `ValueError`, `DBFull`.
        """
    def insert_many(
        self, documents: Sequence[Mapping[str, Any]], ordered: bool = True, ttl: float | None = None, tags: _Tags = None
    ) -> InsertManyResult:
        """Insert documents, all or none."""
    def bulk_write(
        self, requests: Iterable[InsertOne | UpdateOne | UpdateMany | ReplaceOne | DeleteOne | DeleteMany], ordered: bool = True
    ) -> BulkWriteResult:
        """Run operations in order, all or, with an error, none. Each sees what those before it did."""
    def update_one(
        self, filter: _Filter, update: _Update, upsert: bool = False, array_filters: _ArrayFilters = None, sort: _Sort = None
    ) -> UpdateResult:
        """Change the first match by update operators; `upsert`: insert a document when there is none."""
    def update_many(self, filter: _Filter, update: _Update, upsert: bool = False, array_filters: _ArrayFilters = None) -> UpdateResult:
        """Change all matches, each by itself."""
    async def update_many_async(
        self, filter: _Filter, update: _Update, upsert: bool = False, array_filters: _ArrayFilters = None
    ) -> UpdateResult: ...
    def replace_one(self, filter: _Filter, replacement: Mapping[str, Any], upsert: bool = False, sort: _Sort = None) -> UpdateResult:
        """Replace the first match, which keeps its `_id`, TTL and tags, or with `upsert` insert."""
    def delete_one(self, filter: _Filter) -> DeleteResult:
        """Delete the first match."""
    def delete_many(self, filter: _Filter) -> DeleteResult:
        """Delete all matches, one at a time."""
    async def delete_many_async(self, filter: _Filter) -> DeleteResult: ...
    def find_one_and_update(
        self,
        filter: _Filter,
        update: _Update,
        projection: _Projection = None,
        sort: _Sort = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: _ArrayFilters = None,
    ) -> _Document | None:
        """As `update_one`, but returns the document as it was, or with `ReturnDocument.AFTER` as it is now; None if there is none."""
    def find_one_and_replace(
        self,
        filter: _Filter,
        replacement: Mapping[str, Any],
        projection: _Projection = None,
        sort: _Sort = None,
        upsert: bool = False,
        return_document: bool = False,
    ) -> _Document | None:
        """As `replace_one`, and returns a document as `find_one_and_update` does."""
    def find_one_and_delete(self, filter: _Filter, projection: _Projection = None, sort: _Sort = None) -> _Document | None:
        """Delete the first match and return it, or None."""
    def ttl(self, _id: str) -> float | None:
        """Return the seconds (float) that a document has left, or None."""
    def expire(self, _id: str, ttl: float | None) -> int:
        """Give a document `ttl` seconds from now, or with None or 0 no end. Returns 1, or 0 if there is none."""
    def create_index(self, keys: _Index, unique: bool = False) -> str:
        """Index a path, or several with 1 or -1; returns MongoDB's name of it, such as "room_1_time_-1"."""
    async def create_index_async(self, keys: _Index, unique: bool = False) -> str: ...
    def drop_index(self, index_or_name: _Index) -> bool:
        """Remove an index; returns whether there was one."""
    async def drop_index_async(self, index_or_name: _Index) -> bool: ...
    def index_information(self) -> dict[str, dict[str, Any]]:
        """Return {name: {"key": [(path, 1 or -1)], ...}} of the indexes, with `"unique": True` where that is so."""
    def drop(self) -> None:
        """Remove the collection with its indexes: at once for all who look, its documents in bounded steps."""
    async def drop_async(self) -> None: ...
