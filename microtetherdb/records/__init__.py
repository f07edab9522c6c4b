"""Bytes of one record: codec, keys, clock, and what expires next."""
