"""The query methods of `MicroTetherDB`; see `query.py`."""

from .query import count, create_index, delete_many, drop_index, explain, find, indexes, query, update_many
