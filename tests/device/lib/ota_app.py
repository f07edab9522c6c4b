"""What a device's main.py does about updates, as a program for the slots of `ci/launch.py`. tests/test_ota.py drives it.

Arguments: manifest URL or path, self-test ("good", "bad", or the path of a database), public key or "-", step to cut at (0: none).
MTDB_CA: file of the certificate (DER) that an https server must have been signed with.
"""

import asyncio
import os
import sys

import microtetherdb.ota as ota
from microtetherdb.ota.slot_file import FileSlot

where, test, key, cut = sys.argv[1:5]
root = os.getenv("MTDB_SLOTS")
cut = int(cut)
fs = None
if cut:
    import vfs

    from cutfs import CutFS

    fs = CutFS(root, cut)
    vfs.mount(fs, "/cut")
    root = "/cut"
options = {"slot": FileSlot(root), "journal": root + "/ota.json", "board": "UNIX", "pause": 0.01, "timeout": 60}
if key == "-":
    options["allow_unsigned"] = True
else:
    options["key"] = key
if os.getenv("MTDB_CA"):
    import tls

    options["ssl"] = context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    with open(os.getenv("MTDB_CA"), "rb") as f:
        context.load_verify_locations(f.read())
up = ota.Updater(**options)
print("BOOT", up.status())
tests = {"good": lambda: True, "bad": lambda: False, "crash": lambda: os.system("kill -9 $PPID")}
try:
    if up.confirm(tests.get(test, test)):
        print("CONFIRMED")
    elif where != "-":
        done = []
        m = asyncio.run(up.check(where))
        if m["version"] == up.status()["version"]:
            print("UP TO DATE")
            sys.exit()
        asyncio.run(up.update(m, progress=lambda *a: done.append(a)))
        print("UPDATED", m["version"], "from", done[0][0])
        if fs:
            print("STEPS", fs.steps)
        up.restart()
except ota.SelfTestFailed as e:
    print("FAILED", e)
    up.restart()
except ota.OTAError as e:
    print("REFUSED", type(e).__name__, e)
if fs:
    print("STEPS", fs.steps)
