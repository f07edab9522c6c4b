"""`explain`: runs a query and tells how."""

from ..locking import hold
from ..records import record
from .prefilter import needles
from .run import Query, too_deep


def explain(db, q=None, sort=None, skip=0, limit=0):
    """Run a query and return how: plan, index, records examined and returned, and where the order came from."""
    compiled = Query(q, sort, skip, limit)
    try:
        with hold(db):
            plan = compiled.plan(db)
            counts = [0]
            returned = 0
            out = {"plan": "scan", "index": None, "prefilter": [], "sort": None}
            if compiled.order is not None:
                out["sort"] = "memory" if plan is None or not plan.ordered else "key" if plan.index is None else "index"
            if plan is None or plan.index is None and plan.keys is None:
                out["prefilter"] = [[bytes(s).decode() for s in some] for some in needles(compiled.filter)]
            if plan is not None:
                out.update(plan.describe())
                for _ in compiled.run(db, counts=counts):
                    returned += 1
            else:
                examined = _Examined(db)
                for m in compiled.run(examined):
                    returned += 1
                counts[0] = examined.count
            out["examined"] = counts[0]
            out["returned"] = returned
            return out
    except RuntimeError as e:
        too_deep(e)


class _Examined:
    # Stands for a database whose store counts the records that a scan reads.

    def __init__(self, db):
        self._clock = db._clock
        self._indexes = db._indexes
        self._store = self
        self._real = db._store
        self.count = 0

    def scan(self, start):
        """As the store's."""
        for item in self._real.scan(start):
            if not (item[1][0] < 8 and record.expired(item[1], self._clock)):
                self.count += 1
            yield item
