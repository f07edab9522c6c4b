"""What a database tells about itself: `stats()` and `repr`."""

from .flushing import threshold
from .loading import module
from .locking import hold


def stats(db):
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
    with hold(db):
        records = module("ranges").counted(db)
        store = db._store
        parts = module("parts").every(db) if store.first(b"\0d") is not None else ()
        out = {
            "name": db._name,
            "records": records + sum(part.records() for part in parts),
            "collections": len(parts),
            "ttls": len(db._expiry) if db._expiry is not None else 0,
            "puts": db._made - db._deletes,
            "gets": db._gets,
            "deletes": db._deletes - db._expired,
            "queries": db._queries + sum(part._queries for part in parts),
            "expired": db._expired,
            "flushes": db._flushes,
            "flush_threshold": threshold(db),
            "operations": db._made + db._gets + db._queries,
        }
        out["operations"] += out["queries"] - db._queries
        if store.ram:
            out["quota"] = store.quota
            out["ram_used"] = store.data_bytes()
        else:
            out.update(store.log.stats())
        return out


def line(db):
    """Return one line that names the database and its state."""
    if not db._open:
        return "<MicroTetherDB closed>"
    return "<MicroTetherDB %s, %d records, %d operations, flush every %d>" % (
        db._name,
        len(db),
        db._made + db._gets + db._queries,
        threshold(db),
    )
