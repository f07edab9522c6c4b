# What an image has, for test_stubs.py: its names, where the code of each is, the defaults. As JSON.
import json
import sys

import microtetherdb
from microtetherdb import ota

_NO = object()


def home(thing, name):
    """The modules that have a class or function under this name: that which defines it, and those that import it."""
    return [n for n in sys.modules if n.startswith("microtetherdb") and sys.modules[n].__dict__.get(name, _NO) is thing]


def constant(name):
    """A constant of whichever module of the package has it."""
    return next(m.__dict__[name] for n, m in sys.modules.items() if n.startswith("microtetherdb") and name in m.__dict__)


def public(thing):
    """The names of what is not a module."""
    return [n for n in dir(thing) if n[0] != "_" and type(getattr(thing, n)) is not type(sys)]


def bases(thing):
    """The errors of a module, with what they are derived from."""
    found = [(n, getattr(thing, n)) for n in dir(thing)]
    return {n: e.__bases__[0].__name__ for n, e in found if isinstance(e, type) and issubclass(e, Exception)}


db = microtetherdb.MicroTetherDB()
cursor = db.find()
chunks = db.dump_chunks()
db.put({}, ttl=None, tags=None)  # loads the module that knows the arguments of put()
where = {}
for module, names in constant("_WHERE"):
    for name in names:
        microtetherdb.preload(name)
        where[name] = [n for n in sys.modules if n.startswith("microtetherdb.") and n.endswith("." + module)][0]
out = {
    "where": where,
    "async": constant("_ASYNC"),
    "put": constant("_ALL"),
    "home": {
        "MicroTetherDB": home(type(db), "MicroTetherDB"),
        "Cursor": home(type(cursor), "Cursor"),
        "Chunks": home(type(chunks), "Chunks"),
        "Defaults": home(type(microtetherdb.defaults), "Defaults"),
        "preload": home(microtetherdb.preload, "preload"),
        "on_warning": home(microtetherdb.on_warning, "on_warning"),
        "Updater": home(ota.Updater, "Updater"),
        "confirm": home(ota.confirm, "confirm"),
        "status": home(ota.status, "status"),
        "Source": home(constant("Source"), "Source"),
    },
    "defaults": [(n, repr(microtetherdb.defaults[n])) for n in microtetherdb.defaults],
    "methods": {"MicroTetherDB": public(db), "Cursor": public(cursor), "Chunks": public(chunks), "Defaults": public(microtetherdb.defaults), "Updater": public(ota.Updater)},
    "bases": [bases(microtetherdb), bases(ota)],
    "names": [public(microtetherdb), public(ota)],
}  # fmt: skip
print(json.dumps(out))
