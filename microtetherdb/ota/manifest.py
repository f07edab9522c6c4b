"""The update manifest: a JSON object that says what an image is, signed.

The second version adds `slots`, an image for each slot of boards that need one each, and a signature of its own over all.

What is signed is not the JSON text but `canonical(m)`: one line a field in the order of `FIELDS` after a line that names
the format, so that white space, order and additional members of the JSON do not matter. `docs/update.md` has the table.
"""

import json

from .errors import BadManifest, BadSignature

FORMAT = "mtdb-update-1"
FORMAT_SLOTS = "mtdb-update-2"
LIMIT = 2048  # bytes of the JSON text
FIELDS = ("board", "variant", "version", "security", "size", "sha256", "updater")


def whole(text):
    """Return the dict that `text` (JSON, str or UTF-8) is. Raises ValueError.

    MicroPython's json takes a text whose last bracket is missing for whole; then the 0 behind it lands in the dict.
    """
    found, _ = json.loads("[%s,0]" % (text if isinstance(text, str) else str(text, "utf-8")))
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def parse(raw):
    """Return the manifest in `raw` (JSON text, bytes or a dict) with `file` and every signed field checked for type and range.

    `variant`, `security` and `updater` default to "", 0 and 1. Raises BadManifest.
    """
    try:
        if not isinstance(raw, dict):
            if len(raw) > LIMIT:
                raise BadManifest("longer than %d bytes" % LIMIT)
            raw = whole(raw)
        m = dict(raw)
    except (ValueError, TypeError):
        raise BadManifest("not a JSON object")
    m.setdefault("variant", "")
    m.setdefault("security", 0)
    m.setdefault("updater", 1)
    for name in FIELDS:
        value = m.get(name)
        if name in ("security", "size", "updater"):
            good = type(value) is int and 0 <= value < 1 << 30
        else:
            good = isinstance(value, str) and len(value) <= 64 and "\n" not in value and (value or name == "variant")
        if not good:
            raise BadManifest(name)
    _image(m)
    slots = m.get("slots")
    if slots is not None:
        if not isinstance(slots, list) or len(slots) != 2:
            raise BadManifest("slots")
        for image in slots:
            if not isinstance(image, dict) or type(image.get("size")) is not int or not isinstance(image.get("sha256"), str):
                raise BadManifest("slots")
            _image(image)
    return m


def _image(m):
    file = m.get("file", "")
    if not isinstance(file, str) or file and min(file) < " ":  # a line end in it would end the request's line
        raise BadManifest("file")
    if not 0 < m["size"] < 1 << 30 or len(m["sha256"]) != 64 or "\n" in m["sha256"]:
        raise BadManifest("size or sha256")


def canonical(m, slots=False):
    """Return the bytes that are signed; `slots`: those of the second signature."""
    lines = [FORMAT_SLOTS if slots else FORMAT] + [str(m[name]) for name in FIELDS]
    for image in m["slots"] if slots else ():
        lines += [str(image["size"]), image["sha256"]]
    return ("\n".join(lines) + "\n").encode()


async def verify(m, key, slots=False):
    """Check a signature of `m` against the public `key` (128 hex digits); `slots`: the second one. Raises BadSignature."""
    from binascii import unhexlify

    from .ecdsa import verify

    try:
        good = await verify(unhexlify(key), canonical(m, slots), unhexlify(m.get("slots_signature" if slots else "signature") or ""))
    except (ValueError, TypeError):
        good = False
    if not good:
        raise BadSignature("signature")
