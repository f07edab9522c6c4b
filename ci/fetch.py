#!/usr/bin/env python3
"""fetch.py NAME...: get pinned inputs into build/src/NAME, verified by SHA-256.

Debian inputs come through apt with a private configuration under build/apt: the mirror is this machine's own, the suite the
pinned one, the signature checked with Debian's keyring. Nothing of the machine's own apt state is touched.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tarfile
import zipfile

import packages
import tools
from common import BUILD, Failure, lock, main, pins, run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror():
    """Return the URI of the Debian mirror that this machine's apt is configured for."""
    if not shutil.which("apt-get"):
        raise Failure("this machine has no apt to fetch Debian's source packages with; use Debian, or give MPY_DIR= and PICO_SDK_PATH=")
    release = platform.freedesktop_os_release()
    uris = subprocess.run(["apt-get", "update", "--print-uris"], capture_output=True, text=True).stdout
    for uri, suite in re.findall(r"^'(\S+)/dists/(\S+)/InRelease'", uris, re.M):
        if suite in (release.get("VERSION_CODENAME"), "stable", "testing", "unstable", "sid") and "debian" in uri and "security" not in uri:
            return uri
    raise Failure("apt's configuration on this machine names no Debian mirror; use Debian, or give MPY_DIR= and PICO_SDK_PATH=")


def apt():
    """Return the apt-get command with a private configuration for the pinned suite; update its lists once."""
    folder = BUILD / "apt"
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    suite = pins()["debian"]["suite"]
    text = "Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n" % (mirror(), suite, KEYRING)
    listing = folder / "pinned.sources"
    options = {
        "Dir::Etc::sourcelist": listing, "Dir::Etc::sourceparts": "-", "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache", "APT::Sandbox::User": "", "Acquire::Retries": "3", "Acquire::http::Timeout": "30",
    }  # fmt: skip
    command = ["apt-get", "-q"] + [word for name, value in options.items() for word in ("-o", "%s=%s" % (name, value))]
    if not listing.exists() or listing.read_text() != text:
        new = folder / "new.sources"
        new.write_text(text)
        update = [word.replace(str(listing), str(new)) for word in command] + ["-o", "APT::Update::Error-Mode=any", "update"]
        try:
            run("package lists of Debian " + suite, update, "fetch-lists")
        except Failure:
            raise Failure(
                "Debian's package lists could not be fetched: check the network and apt's mirror (build/log/fetch-lists.log)"
            ) from None
        new.rename(listing)
    return command


def verify(path, sha256):
    """Raise Failure and remove the file when its hash is not the pinned one."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        path.unlink()
        raise Failure(
            "%s has SHA-256 %s, but ci/pins.toml says %s: it was not used; check the network, or the pin" % (path.name, found, sha256)
        )


def download_debian(name, pin, into):
    """Fetch one file of a Debian package."""
    if "source" in pin:
        command = ["source", "--download-only", "--tar-only", pin["source"]]
    else:
        command = ["download", pin["binary"]]
    try:
        run("%s %s" % (name, pin["version"]), apt() + command, "fetch-" + name, cwd=into)
    except Failure:
        print("  the package lists may be old: fetching them again")
        (BUILD / "apt" / "pinned.sources").unlink(missing_ok=True)
        run("%s %s" % (name, pin["version"]), apt() + command, "fetch-" + name, cwd=into)
    if not (into / pin["file"]).exists():
        got = ", ".join(sorted(p.name for p in into.iterdir()))
        raise Failure("Debian no longer has %s (it gave %s); update the pin of %s in ci/pins.toml" % (pin["file"], got, name))


def download_npm(name, pin, into):
    """Fetch one npm package with the machine's npm."""
    packages.require("node")
    command = ["npm", "pack", "--cache", str(BUILD / "npm"), "%s@%s" % (name, pin["version"])]
    run("%s %s" % (name, pin["version"]), command, "fetch-" + name, cwd=into)
    shutil.rmtree(BUILD / "npm", ignore_errors=True)


def download_pypi(name, pin, into):
    """Fetch one wheel of pure Python with the pip of build/venv."""
    command = [
        tools.tools(),
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--dest",
        str(into),
        "%s==%s" % (name, pin["version"]),
    ]
    run("%s %s" % (name, pin["version"]), command, "fetch-" + name, cwd=into)


def unpack(path, into, take):
    """Unpack an archive without its single top folder; of an npm package only what the pin takes."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(into)
        return
    if path.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(path), str(into)], check=True)
        return
    with tarfile.open(path) as tar:
        if take:
            for member, name in take.items():
                (into / name).write_bytes(tar.extractfile(member).read())
            return
        tar.extractall(into, filter="tar") if hasattr(tarfile, "tar_filter") else tar.extractall(into)
    top = list(into.iterdir())
    if len(top) == 1 and (top[0] / "LICENSE.TXT").exists() | (top[0] / "LICENSE").exists() | (top[0] / "README.md").exists():
        for entry in list(top[0].iterdir()):
            entry.rename(into / entry.name)
        top[0].rmdir()


def fetch(*names):
    """Make sure that build/src/NAME holds each pinned input; return the folders."""
    table = pins()
    folders = []
    for name in names:
        kind = next((kind for kind in ("debian", "pypi") if name in table[kind]), "npm")
        if name not in table[kind]:
            raise Failure("ci/pins.toml has no input called %r" % name)
        pin = table[kind][name]
        target = BUILD / "src" / name
        stamp = target / ".sha256"
        folders.append(target)
        if stamp.exists() and stamp.read_text() == pin["sha256"]:
            continue
        into = BUILD / "download" / name
        into.mkdir(parents=True, exist_ok=True)
        path = into / pin.get("file", "%s-%s.tgz" % (name, pin.get("version")))
        if not path.exists():
            {"debian": download_debian, "npm": download_npm, "pypi": download_pypi}[kind](name, pin, into)
        verify(path, pin["sha256"])
        fresh = target.with_name(name + "~")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        unpack(path, fresh, pin.get("take"))
        (fresh / ".sha256").write_text(pin["sha256"])
        shutil.rmtree(target, ignore_errors=True)
        os.rename(fresh, target)
    return folders


def script(argv):
    with lock():
        for folder in fetch(*argv):
            print(folder)


if __name__ == "__main__":
    main(script)
