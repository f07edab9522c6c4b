"""Queries: filters compiled to predicates, planned, run by a scan of the table or of an index."""
