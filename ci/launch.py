#!/usr/bin/env python3
"""Boot loader for update slots on a host: `launch.py SLOTS [ARG...]` starts the image of the chosen slot with these arguments.

SLOTS is a directory with the images `a` and `b` and the file `state` (see microtetherdb/ota/slot_file.py). An image that was
activated is started once on trial; unless it confirms itself, the next start gives it up for the other slot. An image that
ends with status 3 asks for a restart; one that cannot be started or crashes on trial gets one.
"""

import json
import os
import subprocess
import sys

RESTART = 3


def choose(slots):
    """Do what a boot loader does at reset; return the slot to start and whether it is on trial."""
    path = os.path.join(slots, "state")
    state = {"boot": 0, "states": ["valid", "empty"]}
    for name in (path, path + "~"):
        try:
            with open(name) as f:
                found = json.load(f)
            found["states"][found["boot"]] + found["states"][1 - found["boot"]]
            state = found
            break
        except (OSError, ValueError, LookupError, TypeError):  # a cut while the first state was written, or damage
            pass
    boot = state["boot"]
    old = state["states"][boot]
    if old in ("new", "pending"):
        state["states"][boot] = "pending" if old == "new" else "aborted"
        if old == "pending":
            boot = state["boot"] = 1 - boot
        with open(path + "~", "w") as f:
            json.dump(state, f)
            f.flush()
            os.fsync(f.fileno())
        os.replace(path + "~", path)
    return boot, old == "new"


def main(slots, *args):
    """Start images until one ends without asking for a restart; return its exit status."""
    while True:
        boot, trial = choose(slots)
        image = os.path.join(slots, "ab"[boot])
        environ = dict(os.environ, MTDB_SLOTS=slots, MTDB_SLOT=str(boot))
        try:
            os.chmod(image, 0o755)
            status = subprocess.call([image, *args], env=environ)
        except OSError as e:
            print("launch: %s" % e, file=sys.stderr)
            status = -1
        if status != RESTART and not (trial and status < 0):
            return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
