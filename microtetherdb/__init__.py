"""MicroTetherDB: a document database for microcontrollers.

>>> from microtetherdb import MicroTetherDB
>>> with MicroTetherDB() as db:
...     key = db.put({"room": "kitchen", "temp": 21.5}, ttl=3600, tags=["sensor"])
...     db.query({"temp": {"$gt": 20}})
"""

from . import loading
from .database import MicroTetherDB

__version__ = "0.1.0"


def on_warning(message):
    """Called with one line of text when the database does something you did not ask for.

    Replace it: `microtetherdb.on_warning = my_function`. The default writes to stderr.
    """
    import sys

    sys.stderr.write("microtetherdb: " + message + "\n")


def __getattr__(name):
    # What is not needed by every program is loaded on first use.
    if name == "defaults":
        return loading.module("config").Defaults()
    if name == "preload":
        return loading.module("methods").preload
    if name in ("QueryError", "DuplicateKeyError") or name.startswith("DB"):
        return getattr(loading.module("errors"), name)
    if name == "ota":
        return loading.module(name)  # no other module: `dir()` asks for every name that there is, and would load them all
    raise AttributeError(name)
