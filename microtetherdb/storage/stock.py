"""What stock firmware's B-tree needs that our own images have mended in ports/btree."""

_END = b"\xff"  # behind every key: none of ours, and no text in UTF-8, begins so


class Tree:
    """A `btree` object whose deletes and scans are safe.

    Berkeley DB's bt_fast() goes on taking the page of the last put for the first one, after keys in descending order, also
    when a delete has emptied and freed that page. A put at the other end makes it forget; it comes before the delete, while
    there is no such page yet.
    """

    def __init__(self, tree):
        self._tree = tree
        self.get = tree.get
        self.flush = tree.flush
        self.close = tree.close

    # A scan that has no memory for a page on its way to the first key ends as if there were none. A look-up, which takes the
    # same way, raises then; after it these pages are in the cache, or it is full and takes no more memory.

    def keys(self, start=None, *args):
        """Return the iterable of keys."""
        return self._from(start).keys(start, *args)

    def values(self, start=None, *args):
        """Return the iterable of values."""
        return self._from(start).values(start, *args)

    def items(self, start=None, *args):
        """Return the iterable of (key, value)."""
        return self._from(start).items(start, *args)

    def _from(self, start):
        tree = self._tree
        if start is not None:
            start in tree
        return tree

    def __setitem__(self, key, value):
        self._tree[key] = value

    def __contains__(self, key):
        return key in self._tree

    def __delitem__(self, key):
        tree = self._tree
        tree[_END] = b""
        try:
            del tree[key]
        except KeyError:
            del tree[_END]
            raise
        del tree[_END]  # not after another error: the tree may be in pieces, and is recovered first

    def clean(self):
        """Remove what a delete that broke off may have left."""
        if _END in self._tree:
            del self._tree[_END]
