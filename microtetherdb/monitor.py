"""What a database tells about itself: `stats()` and `repr`."""

from .lifecycle import threshold
from .lock import hold


def stats(db):
    """Return counts as a dict: operations, flushes, records, TTLs, RAM or flash (docs/api.md)."""
    from . import ranges

    with hold(db):
        records = ranges.counted(db)
        store = db._store
        out = {
            "name": db._name,
            "records": records,
            "ttls": len(db._expiry) if db._expiry is not None else 0,
            "puts": db._made - db._deletes,
            "gets": db._gets,
            "deletes": db._deletes - db._expired,
            "queries": db._queries,
            "expired": db._expired,
            "flushes": db._flushes,
            "flush_threshold": threshold(db),
            "operations": db._made + db._gets + db._queries,
        }
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
        db._name, len(db), db._made + db._gets + db._queries, threshold(db),
    )
