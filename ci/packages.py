#!/usr/bin/env python3
"""packages.py GROUP...: install what is missing of the Debian packages that ci/pins.toml lists for these groups."""

import os
import shutil
import subprocess

from common import Failure, main, pins, run


def present(probe):
    """Tell whether the command that needs the package works."""
    return subprocess.call(["sh", "-c", probe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def require(*groups):
    """Install missing packages of the groups, listing them first; Failure when that cannot be done."""
    table = pins()["packages"]
    missing = [name for group in groups for name, probe in table.get(group, {}).items() if not present(probe)]
    if not missing:
        return
    names = " ".join(missing)
    if not shutil.which("apt-get"):
        raise Failure("this machine has no apt; install the equivalents of these Debian packages by hand: " + names)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and (not shutil.which("sudo") or subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL)):
        raise Failure("Debian packages are missing; run this and try again: sudo apt-get install " + names)
    print("  Debian packages to install: " + names, flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run("apt-get update", [*sudo, "apt-get", "update"], "apt-update", env=env)
    run("apt-get install", [*sudo, "apt-get", "install", "-y", "--no-install-recommends", *missing], "apt-install", env=env)


if __name__ == "__main__":
    main(lambda argv: require(*argv))
