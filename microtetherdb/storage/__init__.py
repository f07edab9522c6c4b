"""Ordered bytes -> bytes: the tree, the page log under it, and the media that it lies on."""
