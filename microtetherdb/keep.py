"""`KEEP`, in a module of its own: `dir(microtetherdb)` asks for it."""


class Keep:
    """What `KEEP` is."""

    def __repr__(self):
        return "KEEP"


KEEP = Keep()  # a TTL: that of the record which is replaced
