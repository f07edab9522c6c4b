# Calls every method as the stubs say, for test_stubs.py, which sets FORMS in front: (method, [(parameter, its default as text or None,
# keyword only)]) for each form. Whatever a form allows is allowed, whatever it does not raises TypeError, and its defaults are the real ones.
import asyncio
import io
import json
import sys

from microtetherdb import MicroTetherDB

# A value for each parameter that is not its default, for a method or for all.
VALUES = {
    "key": "k", "data": {"a": 5}, "ttl": 60, "tags": ["t"], "_id": "k", "default": 7, "q": {"a": 1}, "changes": {"a": 2},
    "items": [("k", {"a": 3}), ("m", {"a": 4})], "ttls": [60, None], "start": "k", "end": "l", "prefix": "k",
    "sort": "-a", "skip": 1, "limit": 1, "fields": ["a"], "path": "a", "purge": True,
    "keys": True, "reverse": True, "delete_batch keys": ["k"], "backup path": "copy.db",
    "name": "c", "unique": True, "array_filters": [], "create_index path": "b",
    "pipeline": [{"$match": {"a": 1}}], "max_groups": 5,
}  # fmt: skip


def value(name, parameter):
    """What to give."""
    if parameter == "stream":
        return io.StringIO('{"_id":"n","data":{"a":1}}\n' if name.startswith("load") else "")
    return VALUES.get(name.replace("_async", "") + " " + parameter, VALUES.get(parameter))


def call(name, args, kw):
    """The result of a call on a fresh database, and what is in there then."""
    with MicroTetherDB() as db:
        db.put("k", {"a": 1, "b": 2})
        db.put("l", {"a": 1})
        result = getattr(db, name)(*args, **kw)
        if hasattr(result, "send") and name.endswith("_async"):
            result = asyncio.run(result)
        elif hasattr(result, "__next__"):
            result = list(result)
        if name == "stats":
            result = sorted(result)
        if name == "collection":
            result = result.name
        text = io.StringIO()
        db.dump(text)
        text = text.getvalue()
        if name == "put" and result not in ("k", "l"):  # a generated key
            text = text.replace(result, "generated")
            result = "generated"
        if '"ttl":' in text:
            text = [sorted(k for k in json.loads(line)) for line in text.split("\n") if line]
        return result, text


def refused(name, args, kw):
    """Whether a call raises TypeError."""
    try:
        call(name, args, kw)
    except TypeError:
        return True
    return False


def fits(form, kw):
    """Whether a form takes these arguments."""
    return {p for p, default, _ in form if default is None} <= set(kw) <= {p for p, _, _ in form}


def check(name, form):
    """Try a form of a method."""
    kw = {}
    explicit = {}
    for p, default, only in form:
        if default is None:
            kw[p] = explicit[p] = value(name, p)
        else:
            explicit[p] = eval(default)

    def fresh(d):
        return {p: (value(name, p) if p == "stream" else d[p]) for p in d}

    result = call(name, (), fresh(kw))
    assert call(name, (), fresh(explicit)) == result, "defaults"
    places = [p for p, _, only in form if not only]
    args = [fresh(explicit)[p] for p in places]
    rest = {p: explicit[p] for p, _, only in form if only}
    assert call(name, args, rest) == result, "by place"
    for p, default, _ in form:
        more = fresh(kw)
        if default is None:
            del more[p]
            if not any(fits(f, more) for n, f in FORMS if n == name):  # noqa: F821
                assert refused(name, (), more), "without " + p
        else:
            more[p] = value(name, p)
            call(name, (), more)
    more = fresh(kw)
    more["unknown"] = None
    assert refused(name, (), more), "unknown keyword"


n = 0
for name, form in FORMS:  # noqa: F821
    try:
        check(name, form)
        n += 1
    except Exception as e:
        print(name, form)
        sys.print_exception(e)
print(n)
