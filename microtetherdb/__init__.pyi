"""MicroTetherDB: a document database for microcontrollers.

Aliases and the classes marked `type_check_only` are for annotations: a program imports them in `if TYPE_CHECKING:`.
`ci/apidoc.py` copies the docstrings from the code.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar, overload, type_check_only

from typing_extensions import NotRequired, Self, TypeAlias, TypedDict

from . import ota as ota
from .collection import Collection

_T_co = TypeVar("_T_co", covariant=True)

Json: TypeAlias = None | bool | float | str | list[Any] | tuple[Json, ...] | Mapping[str, Json]  # what can be stored
Document: TypeAlias = Any  # what was stored
Filter: TypeAlias = Mapping[str, Any] | str  # a str is JSON text
Changes: TypeAlias = Mapping[str, Any] | str
Sort: TypeAlias = str | tuple[str, int] | Sequence[str | tuple[str, int]] | Mapping[str, int]  # 1 or -1
Fields: TypeAlias = Sequence[str] | Mapping[str, Any]  # 1, 0, {"$slice": ...} or {"$elemMatch": ...}
Index: TypeAlias = str | Sequence[str | tuple[str, int]] | Mapping[str, int]  # a path, or several with 1 or -1
Pipeline: TypeAlias = Sequence[Mapping[str, Any]] | str  # stages; a str is JSON text
Tags: TypeAlias = list[str] | tuple[str, ...]

__version__: str
on_warning: Callable[[str], object]

def preload(*names: str) -> None:
    """Load what methods of `MicroTetherDB` need, for example `preload("query", "put_batch")`, instead of with their first call.

    That call is then as quick as the next ones and takes no more stack than they. Raises `ValueError` for an unknown name.
    """

@type_check_only
class Defaults:
    """The defaults in force. `defaults["ttl_check_interval"]` is a value, `repr` shows all with their source."""

    def __getitem__(self, name: str) -> Any: ...
    def __iter__(self) -> Iterator[str]: ...
    def source(self, name: str) -> str:
        """Return "built in" or the name of the board that set the default of `name`."""

defaults: Defaults

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

@type_check_only
class BlockDevice(Protocol):
    """A block device with the extended interface, as `vfs.AbstractBlockDev` describes it."""

    def readblocks(self, block_num: int, buf: Any, offset: int, /) -> Any: ...
    def writeblocks(self, block_num: int, buf: Any, offset: int, /) -> Any: ...
    def ioctl(self, op: int, arg: int, /) -> Any: ...

@type_check_only
class EventLoop(Protocol):
    """What `asyncio.get_event_loop()` returns."""

    def create_task(self, coro: Any, /) -> Any: ...

@type_check_only
class Writer(Protocol):
    """A text stream to write to."""

    def write(self, text: str, /) -> object: ...

@type_check_only
class Reader(Protocol):
    """A text stream to read from."""

    def readline(self) -> str: ...

@type_check_only
class Stats(TypedDict):
    """What `stats` returns; the last group in RAM only, or in a file or region only."""

    name: str
    records: int
    collections: int
    ttls: int
    puts: int
    gets: int
    deletes: int
    queries: int
    expired: int
    operations: int
    flushes: int
    flush_threshold: int
    ram_used: NotRequired[int]
    quota: NotRequired[int]
    pages_read: NotRequired[int]
    pages_written: NotRequired[int]
    bytes_written: NotRequired[int]
    programs: NotRequired[int]
    erases: NotRequired[int]
    live: NotRequired[int]
    size: NotRequired[int]
    free: NotRequired[int]
    bad: NotRequired[int]

@type_check_only
class Report(TypedDict):
    """What `check` returns."""

    ok: bool
    problems: list[str]
    found: int
    pages: int
    records: int
    expiries: int
    entries: int

@type_check_only
class Explanation(TypedDict):
    """What `explain` returns; `ranges` unless it was a scan: of the index or of keys, or keys looked up. `sort`: where the order came from."""

    plan: Literal["scan", "key", "key range", "index"]
    index: str | None
    ranges: NotRequired[int]
    prefilter: list[list[str]]
    sort: Literal["index", "key", "memory"] | None
    examined: int
    returned: int

@type_check_only
class Cursor(Iterator[_T_co], AsyncIterator[_T_co], Generic[_T_co]):
    """What `find` returns: gives documents, or with `keys=True` (key, document), one at a time.

    For `for` and, letting the event loop run at least every 10 ms of work on a Pico, `async for`.
    The database may be changed meanwhile. Raises `DBClosed` when it was closed.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> _T_co: ...
    def close(self) -> None:
        """End the query early and free what it holds."""

class MicroTetherDB:
    """A document database in RAM or on flash.

    The board may set other defaults: `microtetherdb.defaults` tells.

    - `filename`: path (str), `"flash:"` (the board's database region) or a block device. Not used in RAM.
    - `in_memory`: bool. True: in RAM, gone at power-off. False: in `filename`.
    - `ram_percentage`: 1 to 90. Part of the RAM free at opening that a database in RAM may take; the rest is the application's.
    - `max_retries` (0 to 100), `retry_delay` (seconds): of an operation on the medium that fails with an OSError.
    - `lock_timeout`: seconds that a call waits while another thread works, then `DBLock`.
    - `cleanup_interval`: seconds between two sweeps of what changed TTLs and deletes left behind.
    - `ttl_check_interval`: seconds between two looks for expired records to remove.
    - `btree_cachesize`: bytes of page cache, at least five pages. More: fewer reads of flash, less RAM.
    - `btree_pagesize`: 512, 1024, 2048 or 4096 bytes, for a new database; an existing one keeps its own.
    - `adaptive_threshold`: bool. True: flush every 10 operations at first, then every 15, beyond 1,000 every 20. False: every 10. In RAM: 5.
    - `event_loop`: the loop that carries the background task; None: the one that runs, if any.
    - `flush_threshold`: 1 to 1000 operations between two flushes; 1: each is durable when it returns. None: as above.

    Raises `TypeError` and `ValueError` naming the argument, `DBLock` when the file is open
    already, `DBCorrupt` when it is not a database that this release can read, OSError with the path, for example where its
    folder does not exist, ImportError on firmware without `btree`.
    """

    def __init__(
        self,
        filename: str | BlockDevice = "microtether.db",
        in_memory: bool = True,
        ram_percentage: float = 15,
        max_retries: int = 3,
        retry_delay: float = 0.1,
        lock_timeout: float = 5.0,
        cleanup_interval: float = 3600,
        ttl_check_interval: float = 60,
        btree_cachesize: int = 32,
        btree_pagesize: Literal[512, 1024, 2048, 4096] = 512,
        adaptive_threshold: bool = True,
        event_loop: EventLoop | None = None,
        flush_threshold: int | None = None,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    def __contains__(self, key: str) -> bool: ...
    def __getitem__(self, key: str) -> Document: ...
    def __setitem__(self, key: str, data: Json) -> None: ...
    def __delitem__(self, key: str) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def close(self) -> None:
        """Flush, end the background task, close the file. May be called twice."""
    @overload
    def put(self, data: Json, ttl: float | None = None, tags: Tags | None = None, _id: str | None = None) -> str:
        """Store a document: `put(data, ttl=None, tags=None, _id=None)` or `put(key, data, ttl=None, tags=None)`.

        `ttl`: seconds (int or float), None or 0 for ever. `tags`: list of str, given back as the document's `_tags`; a document that
        has `_tags` keeps them. Returns the key; if none is given a generated one, never that of a record that is there, and such keys
        sort in the order in which they were made. A str before another argument is a key: a text with a TTL is `put(text, ttl=60)`.
        A put replaces the record with its TTL and tags; `update` keeps them. Raises `TypeError`, `ValueError`, `DBFull`.
        """
    @overload
    def put(self, key: str, data: Json, ttl: float | None = None, tags: Tags | None = None) -> str: ...
    def put_batch(
        self,
        items: list[Any] | tuple[Json, ...],
        ttls: float | Sequence[float | None] | None = None,
        tags: Tags | Sequence[Tags | None] | None = None,
    ) -> list[str]:
        """Store many documents at once, all or none; returns their keys.

        An item is a document, or a tuple (key, document); TTLs and tags do not go into it. `ttls`, `tags`: one for all, or a
        list with one for each. Raises as `put` does, naming the item, and stores nothing then.
        """
    def update(self, key: str, changes: Changes, array_filters: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Change fields of a document: plain fields are set, MongoDB's update operators applied.

        `array_filters`: list of filters for `$[name]` in paths. TTL and tags stay. Returns 1, or 0 if there is no such record. Raises
        `QueryError` for a malformed change, `TypeError`, `ValueError`, `DBFull`; the record is unchanged then.
        """
    @overload
    def delete(self, key: str) -> int:
        """Delete a record: returns 1, or 0 if there is none. `purge=True` deletes all: returns how many."""
    @overload
    def delete(self, *, purge: Literal[True]) -> int: ...
    def delete_batch(self, keys: Iterable[str]) -> int:
        """Delete many records at once, all or none; returns how many there were."""
    def get(self, key: str, default: Any = None) -> Document:
        """Return the document stored under `key`, or `default`."""
    def keys(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None, reverse: bool = False, limit: int = 0
    ) -> Iterator[str]:
        """Iterate over keys from `start` (included) to `end` (excluded), or with a `prefix`; `reverse=True`: the last one first.

        `limit`: the most it gives, 0 for all. `reverse=True, limit=10` reads no more than the ten records that are the newest by generated keys.
        The database may be changed meanwhile; what is put behind the place that was reached is given too. For `async for` there is `find`.
        """
    def values(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None, reverse: bool = False, limit: int = 0
    ) -> Iterator[Document]:
        """Iterate over documents, as `keys` does, by `reverse` and `limit` too."""
    def items(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None, reverse: bool = False, limit: int = 0
    ) -> Iterator[tuple[str, Document]]:
        """Iterate over (key, document), as `keys` does, by `reverse` and `limit` too."""
    def ttl(self, key: str) -> float | None:
        """Return the seconds (float) that a record has left, or None if it has no TTL or is not there."""
    def expire(self, key: str, ttl: float | None) -> int:
        """Give a record `ttl` seconds from now, or with None or 0 no end. Returns 1, or 0 if there is none."""
    def cleanup(self) -> int:
        """Remove every expired record now; returns how many."""
    async def cleanup_async(self) -> int:
        """As `cleanup`, sharing the event loop."""
    @overload
    def query(
        self,
        q: Filter | None = None,
        *,
        keys: Literal[True],
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        fields: Fields | None = None,
    ) -> list[tuple[str, Document]]:
        """Return the list of matching documents, with `keys=True` of (key, document)."""
    @overload
    def query(
        self,
        q: Filter | None = None,
        keys: bool = False,
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        fields: Fields | None = None,
    ) -> list[Document]: ...
    @overload
    async def query_async(
        self,
        q: Filter | None = None,
        *,
        keys: Literal[True],
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        fields: Fields | None = None,
    ) -> list[tuple[str, Document]]:
        """As `query`, sharing the event loop."""
    @overload
    async def query_async(
        self,
        q: Filter | None = None,
        keys: bool = False,
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        fields: Fields | None = None,
    ) -> list[Document]: ...
    @overload
    def find(
        self,
        q: Filter | None = None,
        *,
        keys: Literal[True],
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        fields: Fields | None = None,
    ) -> Cursor[tuple[str, Document]]:
        """Return a `Cursor` over the matches."""
    @overload
    def find(
        self,
        q: Filter | None = None,
        keys: bool = False,
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        fields: Fields | None = None,
    ) -> Cursor[Document]: ...
    def count(self, q: Filter | None = None) -> int:
        """Return the number of matching documents. An index that decides the filter alone is counted without reading records."""
    async def count_async(self, q: Filter | None = None) -> int:
        """As `count`, sharing the event loop."""
    def aggregate(self, pipeline: Pipeline, max_groups: int = 1000) -> Cursor[Document]:
        """Return a `Cursor` over what a pipeline gives: a list of stages as MongoDB has them, or its JSON text.

        Every document of it has its key as `_id`. At most `max_groups` groups are kept in RAM at a time. Raises `QueryError`
        naming the stage or the operator, before any record is read unless it is for what is in a document.
        """

        pass
    async def aggregate_async(self, pipeline: Pipeline, max_groups: int = 1000) -> list[Document]:
        """As `aggregate`, sharing the event loop."""

        pass
    def explain(self, q: Filter | None = None, sort: Sort | None = None, skip: int = 0, limit: int = 0) -> Explanation:
        """Run a query and return how: plan, index, records examined and returned, and where the order came from."""
    def delete_many(self, q: Filter) -> int:
        """Delete all matches, one at a time; returns how many."""
    async def delete_many_async(self, q: Filter) -> int:
        """As `delete_many`, sharing the event loop."""
    def update_many(self, q: Filter, changes: Changes, array_filters: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Apply `changes` to all matches, each one atomically; returns how many.

        `$` in a path is the element that the filter found, `$[name]` those of `array_filters`. Raises `QueryError` for malformed
        changes before any record is read. An error in one document leaves this one as it was and those before it changed.
        """
    def distinct(self, path: str, q: Filter | None = None) -> list[Any]:
        """Return the list of different values at a path in all matches, the elements of an array one by one, in the order of finding."""
    async def distinct_async(self, path: str, q: Filter | None = None) -> list[Any]:
        """As `distinct`, sharing the event loop."""
    def collection(self, name: str) -> Collection:
        """Return the `Collection` of that name: documents of the same file or region, in a key range of their own. It is made with the first write."""
    def collections(self) -> list[str]:
        """Return the sorted list of the collections' names."""
    async def update_many_async(self, q: Filter, changes: Changes, array_filters: Sequence[Mapping[str, Any]] | None = None) -> int:
        """As `update_many`, sharing the event loop."""
    def create_index(self, path: Index, unique: bool = False) -> str:
        """Index a path ("address.city"), or several ([("room", 1), ("time", -1)]): existing records in bounded steps, new ones as they come.

        `unique`: no two records may have the same value there; what has none has null. Returns the name that `drop_index` takes.
        The index is used once it is complete; a build that was cut off is begun again. Two calls for one path build it together;
        `drop_index` ends them.
        Raises `QueryError` for a path that cannot be indexed, `DuplicateKeyError`, `DBFull`.
        """
    async def create_index_async(self, path: Index, unique: bool = False) -> str:
        """As `create_index`, sharing the event loop."""
    def drop_index(self, path: Index) -> bool:
        """Remove an index in bounded steps; returns whether there was one. `path`: as for `create_index`, or its name.

        `create_index` of the path meanwhile makes it anew.
        """
    async def drop_index_async(self, path: Index) -> bool:
        """As `drop_index`, sharing the event loop."""
    def indexes(self) -> list[str]:
        """Return the sorted list of indexed paths, of several the name ("room_1_time_-1"); tags, always indexed, are not in it."""
    def flush(self) -> None:
        """Make every acknowledged operation durable."""
    def check(self) -> Report:
        """Verify the database; returns a dict.

        `ok`: bool; `problems`: the first 20 in words; `found`: how many there were; `pages`,
        `records`, `expiries`, `entries`: how many were verified. Changes nothing.
        """
    async def check_async(self) -> Report:
        """As `check`, sharing the event loop."""
    def backup(self, path: str) -> int:
        """Write a copy of the database to the file `path`, replacing an older one when it is complete.

        Changes made meanwhile are in the copy, up to its end; when the database is emptied, the copy is begun anew. Returns the
        number of records. What fails for the copy fails this call, never a change; nothing is left of it then.
        Raises `DBLock` when `path` is open as a database or another backup of this one is going on, `ValueError`, `DBFull`,
        OSError.
        """
    async def backup_async(self, path: str) -> int:
        """As `backup`, sharing the event loop."""
    def dump(self, stream: Writer) -> int:
        """Write all records to a text stream as JSON lines, `{"_id":..., "data":..., "ttl":...}`; returns how many."""
    async def dump_async(self, stream: Writer) -> int:
        """As `dump`, sharing the event loop."""
    def load(self, stream: Reader) -> int:
        """Put the records of `dump()` from a text stream; returns how many.

        Raises `ValueError` naming the record that is malformed, not UTF-8 or longer than 32768 characters; those before it are stored.
        """
    async def load_async(self, stream: Reader) -> int:
        """As `load`, sharing the event loop."""
    def stats(self) -> Stats:
        """Return counts as a dict; all but the sizes are since opening.

        - `name`: "RAM", the path, or "flash:"; `records`, those in collections too; `collections`; `ttls`: records that have a TTL.
        - `puts`, `gets`, `deletes`, `queries`: calls, records of a batch one by one; `operations`: all of these and `expired`: records
          that clean-up removed.
        - `flushes`; `flush_threshold`: operations from one to the next.
        - In RAM: `ram_used`, `quota` (bytes).
        - In a file or region: `pages_read`, `pages_written`; `bytes_written`; `programs`: writes (region) or syncs (file); `erases`: of a
          region (a file: 0); `live`: bytes that a copy would take; `size`, `free`: bytes of the file or region, and what it can grow by or has free;
          `bad`: sectors of a region that are not used any more.
        """
