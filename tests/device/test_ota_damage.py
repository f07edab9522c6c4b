# boards: unix unix32
# SPEC section 9: journal, boot state and manifest of any shape are read, a fresh start or an OTAError; what the journal said of
# the lowest security version is never forgotten silently.
import asyncio
import json
import os

from microtetherdb import ota
from microtetherdb.ota import manifest
from microtetherdb.ota.slot import load, save
from microtetherdb.ota.slot_file import FileSlot

ROOT = "/tmp/mtdb-ota-damage-%d" % id(ota)
os.mkdir(ROOT)
JOURNAL = ROOT + "/ota.json"
FULL = {"download": ["ab" * 32, 65536], "trial": ["3}", 5, 0, True], "failed": ["1}", '2"}'], "version": "2", "security": 4}
STATE = '{"boot": 0, "states": ["valid", "empty"]}'


def put(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def clear():
    for name in os.listdir(ROOT):
        os.remove(ROOT + "/" + name)


def updater():
    return ota.Updater(FileSlot(ROOT), board="UNIX", journal=JOURNAL, allow_unsigned=True)


def look():
    # every call that reads them: the lowest security version accepted, or the error
    try:
        updater().confirm(lambda: True)
        s = updater().status()
        try:
            asyncio.run(updater().check({"board": "UNIX", "version": "9", "size": 1, "sha256": "0" * 64, "security": 1 << 29}))
        except (ota.Unconfirmed, ota.FailedBefore):
            pass
        return s["security"]
    except ota.OTAError as e:
        return e


# the first write of either, torn anywhere: a fresh start, which can be written to
for name, text in (("state", STATE), ("ota.json", json.dumps({"trial": None, "version": "1}", "security": 4}))):
    for i in range(len(text)):
        clear()
        put(ROOT + "/" + name + "~", text[:i])
        assert look() == 0, (name, i)
        save(ROOT + "/" + name, json.loads(text))
        assert load(ROOT + "/" + name) == json.loads(text)

# the only copy torn, a byte lost, added or changed: an error, and nothing written
clear()
save(JOURNAL, FULL, True)
with open(JOURNAL, "rb") as f:
    whole = f.read()
old = whole[:-10]  # as a release without the checksum wrote it: torn is seen, a changed digit cannot be
assert json.loads(old) == FULL
found = look()
assert found == 5, found  # the trial of the running slot: confirmed


def damages():
    for i in range(len(whole)):
        yield whole[:i]
        for c in (0, 1, 2, 4, 8, 16, 32, 64, 128):
            yield whole[:i] + bytes([whole[i] ^ c if c else 0]) + whole[i + 1 :]
        yield whole[:i] + whole[i + 1 :]
        yield whole[:i] + b"1" + whole[i:]


seen = 0
for text in damages():
    if text.strip() == old or text == whole:
        continue
    # alone; beside a torn one; now and then (each writes to the disk) beside the one that was about to replace it
    for spare in (None, text[:50]) if seen & 15 else (None, text[:50], whole):
        clear()
        put(JOURNAL, text)
        if spare:
            put(JOURNAL + "~", spare)
        found = look()
        if spare == whole:
            assert found == 5, text
        else:
            assert isinstance(found, ota.BadState) and found.args[0] == JOURNAL, (text, found)
            with open(JOURNAL, "rb") as f:
                assert f.read() == text
        seen += 1
print(seen, "damaged journals")
assert seen > 3000

# wrong types, whole texts: an error or what it says
ODD = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    [],
    [1],
    {},
    {"a": 1},
    ["x"],
    ["x", "y"],
    [None, None],
    ["x", -1, 0, True],
    ["x", "y", 0, 1],
    [[], {}],
    1 << 40,
)
for name in FULL:
    for odd in ODD:
        clear()
        save(JOURNAL, dict(list(FULL.items()) + [(name, odd)]))
        found = look()
        assert isinstance(found, (ota.BadState, ota.OldSecurity)) or found >= 4, (name, odd, found)
for text in (
    "null",
    "[]",
    "5",
    '"x"',
    "[[]]",
    "[{}]",
    '[["failed", []]]',
    "",
    " ",
    "\xff",
    "{",
    "}",
    "{}{}",
    "{} {}",
    "{},{}",
    "{}]",
    "nan",
):
    clear()
    put(JOURNAL, text.encode() if text != "\xff" else b"\xff")
    assert isinstance(look(), ota.BadState), text
os.remove(JOURNAL)
os.mkdir(JOURNAL)  # cannot be read
assert isinstance(look(), ota.BadState)
os.rmdir(JOURNAL)
for state in (
    [],
    {"boot": 0},
    {"states": ["valid", "empty"]},
    {"boot": 2, "states": ["valid", "empty"]},
    {"boot": -1, "states": ["valid", "empty"]},
    {"boot": True, "states": ["valid", "empty"]},
    {"boot": "0", "states": ["valid", "empty"]},
    {"boot": 0, "states": ["valid"]},
    {"boot": 0, "states": ["valid", "odd"]},
    {"boot": 0, "states": "ab"},
    {"boot": 0, "states": {"0": 1, "1": 2}},
    {"boot": 0, "states": [[], None]},
):
    clear()
    put(ROOT + "/state", json.dumps(state))
    assert isinstance(look(), ota.BadState), state
clear()

# the manifest: every prefix, and every type in every member
M = {
    "board": "UNIX",
    "variant": "",
    "version": "1}",
    "security": 4,
    "size": 9,
    "sha256": "0" * 64,
    "updater": 1,
    "file": "i}",
    "signature": "}",
}
text = json.dumps(M)


def check(where):
    try:
        return asyncio.run(updater().check(where))
    except ota.OTAError as e:
        return e


assert check(text and dict(M))["version"] == "1}"
for i in range(len(text)):
    put(ROOT + "/m.json", text[:i])
    assert isinstance(check(ROOT + "/m.json"), ota.BadManifest), text[:i]
for name in M:
    for odd in ODD + ("a\r\nb", "\0", "\t"):
        m = dict(M)
        m[name] = odd
        put(ROOT + "/m.json", json.dumps(m))
        found = check(ROOT + "/m.json")
        # unsigned here: the signature is not looked at
        assert (
            isinstance(found, (ota.BadManifest, ota.WrongBoard, ota.UpdaterTooOld, ota.TooLarge)) or name != "file" or odd in ("", "x")
        ), (m, found)
        if name in ("file", "sha256") and odd not in ("", "x"):
            assert isinstance(found, ota.BadManifest), (name, odd)
        up = ota.Updater(FileSlot(ROOT), board="UNIX", journal=JOURNAL, key="00" * 64)
        try:
            asyncio.run(up.check(ROOT + "/m.json"))
            raise AssertionError
        except (ota.BadManifest, ota.BadSignature):
            pass
for size, good in ((manifest.LIMIT - 1, True), (manifest.LIMIT, True), (manifest.LIMIT + 1, False), (3 * manifest.LIMIT, False)):
    put(ROOT + "/m.json", text + " " * (size - len(text)))
    found = check(ROOT + "/m.json")
    assert found["image"] == ROOT + "/i}" if good else isinstance(found, ota.BadManifest) and "2048" in str(found), (size, found)
# no image named: said, not KeyError
del M["file"]
for where in (M, ROOT + "/m.json"):
    put(ROOT + "/m.json", json.dumps(M))
    try:
        asyncio.run(updater().update(where))
        raise AssertionError
    except ota.BadManifest as e:
        assert e.args == ("file",)
clear()
os.rmdir(ROOT)
print("OK")
