#!/usr/bin/env python3
"""release.py [BOARD...]: build every board that can be built and complete dist/ to a release folder.

Per board: images, size.json, SHA256SUMS, bom.cdx.json (CycloneDX), LICENCES.txt, the update manifest BOARD.json, signed with the
private key whose path UPDATE_KEY gives. Over all: SHA256SUMS, index.html, a page for flashing from the browser, and a wheel of
the types. Equal commits give equal bytes. UPDATE_SECURITY (default 0) is the security version of the updates. CHANGELOG.md must
tell of the version.
"""

import datetime
import glob
import hashlib
import html
import json
import os
import re
import shutil
import string
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

import build
import changelog
import fetch
import stubs
import tools
import updates
from common import BOARDS, BUILD, DIST, ROOT, Failure, board, library_version, lock, main, micropython, pins, replace, source_date

CI = ROOT / "ci"
CHIPS = {"esp32": ("ESP32", 0x1000), "esp32s3": ("ESP32-S3", 0), "esp32c3": ("ESP32-C3", 0)}


def components(port):
    """Return what an image of `port` contains: [(name, entry of components.toml)], versions filled in."""
    with open(CI / "components.toml", "rb") as f:
        table = tomllib.load(f)
    found = []
    for name, entry in table.items():
        if port not in entry.get("ports", [port]):
            continue
        if "pin" in entry:
            entry["version"] = pins()["debian"][entry["pin"]]["version"]
            if entry["pin"] == "micropython" and micropython()[1]:
                entry["version"] = "own tree"
        elif entry["version"] == "library":
            entry["version"] = library_version()
        elif "package" in entry:
            done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", entry["package"]], capture_output=True, text=True)
            entry["version"] = done.stdout or "unknown"
        else:
            entry["version"] = os.environ.get("IDF_VERSION", "unknown")
        found.append((name, entry))
    return found


def licence_text(source):
    """Return the text that one entry of `texts` stands for."""
    source = os.path.expandvars(source)
    roots = [BUILD / "src", CI, ROOT]
    if source.startswith("micropython/"):
        roots = [micropython()[0].parent] if not micropython()[1] else [micropython()[0] / ".."]
        source = source if not micropython()[1] else micropython()[0].name + source[len("micropython") :]
    for root in roots:
        for path in sorted(glob.glob(str(root / source))):
            text = Path(path).read_text(errors="replace")
            if path.endswith((".c", ".h")):
                # the comments before the first line of code
                text = re.match(r"(?:\s*(?:/\*.*?\*/|//[^\n]*\n))*", text, re.S).group(0).strip() + "\n"
            return text
    raise Failure("the licence text %s is not on this machine; see ci/components.toml" % source)


def licences(port):
    """Return the licence texts of everything in an image of `port`, as one text."""
    parts = []
    for name, entry in components(port):
        title = "%s %s (%s)" % (name, entry["version"], entry["licence"])
        parts.append("%s\n%s\n\n%s" % (title, "=" * len(title), "\n".join(licence_text(t) for t in entry["texts"])))
    return "\n\n".join(parts)


def bom(name, spec, images):
    """Return the software bill of materials of a board as CycloneDX JSON."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.output.json import JsonV1Dot6

    def licence(text):
        if text.startswith("LicenseRef-"):
            return DisjunctiveLicense(name=text)
        return LicenseExpression(text)

    version = library_version()
    root = Component(name="MicroTetherDB firmware for " + name, type=ComponentType.FIRMWARE, version=version, bom_ref=name)
    parts = [
        Component(name=n, type=ComponentType.LIBRARY, version=e["version"], licenses=[licence(e["licence"])], bom_ref=n)
        for n, e in components(spec["port"])
    ]
    files = [
        Component(
            name=p.name, type=ComponentType.FILE, bom_ref=p.name,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(p.read_bytes()).hexdigest())],
        )
        for p in images
    ]  # fmt: skip
    b = Bom(components=[*parts, *files])
    b.metadata.component = root
    b.metadata.timestamp = datetime.datetime.fromtimestamp(source_date(), datetime.timezone.utc)
    b.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, "microtetherdb %s %s %d" % (name, version, source_date()))
    b.register_dependency(root, parts)
    return JsonV1Dot6(b).output_as_string(indent=1) + "\n"


def images(folder):
    """Return the firmware images in a board's folder."""
    return sorted(p for p in folder.iterdir() if p.suffix in (".uf2", ".bin", ".elf", ".app-bin") or p.name == "micropython")


def update_images(found):
    """Return the images that an update over the air installs: one, or one for each slot."""
    slots = [path for path in found if path.name.endswith(("-a.bin", "-b.bin"))]
    if len(slots) == 2:
        return slots
    for kind in (".app-bin", ".bin", ""):
        for path in found:
            if path.suffix == kind:
                return [path]
    return []


def sums(folder):
    """Write SHA256SUMS of all files below `folder`."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / "SHA256SUMS" and not path.name.endswith("~"):
            lines.append("%s  %s\n" % (hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(folder)))
    replace(folder / "SHA256SUMS", "".join(lines))


def complete(name, spec, folder, key=None, security=0):
    """Add to a board's images what belongs to a release of them. Return its row of the page."""
    found = images(folder)
    if not found:
        raise Failure("%s holds no image" % folder)
    replace(folder / "bom.cdx.json", bom(name, spec, found))
    replace(folder / "LICENCES.txt", licences(spec["port"]))
    try:
        first, *second = update_images(found)
        updates.linked(name, [first, *second])
        m = updates.make(first, name, library_version(), security=security, key=key, second=second[0] if second else None)
    except updates.Refused as e:
        raise Failure(str(e)) from None
    updates.write(m, folder)
    kind, values = "program", {}
    uf2 = [p.name for p in found if p.suffix == ".uf2"]
    whole = [p.name for p in found if p.suffix == ".bin"]
    if uf2:
        kind, values = "uf2", {"uf2": uf2[0]}
    elif spec["mcu"] in CHIPS and whole:
        kind = "esp32"
        family, offset = CHIPS[spec["mcu"]]
        flash = {
            "name": "MicroTetherDB for " + name,
            "version": library_version(),
            "new_install_prompt_erase": True,
            "builds": [{"chipFamily": family, "parts": [{"path": whole[0], "offset": offset}]}],
        }
        replace(folder / "flash.json", json.dumps(flash, indent=1) + "\n")
    sums(folder)
    names = [p.name for p in found] + ["SHA256SUMS", "LICENCES.txt", "bom.cdx.json", "size.json", name + ".json"]
    links = "<br>".join('<a href="%s/%s">%s</a>' % (name, n, n) for n in names if (folder / n).exists())
    row = string.Template((CI / "flashpage" / (kind + ".html")).read_text())
    return row.substitute(values, board=name, product=html.escape(spec.get("product", "")), files=links)


def page(dist, rows, component):
    """Write the flashing page into `dist`; `component`: the unpacked package esp-web-tools."""
    text = string.Template((CI / "flashpage" / "index.html").read_text())
    replace(dist / "index.html", text.substitute(version=library_version(), rows="\n".join(rows)))
    shutil.rmtree(dist / "esp-web-tools", ignore_errors=True)
    shutil.copytree(component / "dist" / "web", dist / "esp-web-tools")
    shutil.copy(component / "LICENSE", dist / "esp-web-tools" / "LICENSE")


def script(argv):
    """Build and complete the boards named, or all."""
    changelog.section(changelog.PATH.read_text(), library_version())
    if Path(sys.prefix) != BUILD / "venv":  # cyclonedx and cryptography are there
        with lock():
            python = tools.tools()
        os.execv(python, [str(python), __file__, *argv])
    key = os.environ.get("UPDATE_KEY")
    if key and not os.path.isfile(key):
        raise Failure("UPDATE_KEY=%s is not a file; make a key with: python3 ci/updates.py keygen FILE" % key)
    security = int(os.environ.get("UPDATE_SECURITY", "0"))
    names = argv or sorted(p.parent.name for p in BOARDS.glob("*/board.json"))
    rows = []
    with lock():
        for name in names:
            spec = board(name)
            if spec["port"] == "esp32" and not os.environ.get("IDF_PATH"):
                print("  %s not built: IDF_PATH does not say where ESP-IDF is" % name)
                continue
            build.build(name)
            rows.append(complete(name, spec, DIST / name, key, security))
        page(DIST, rows, *fetch.fetch("esp-web-tools"))
        stubs.wheel(DIST)
    sums(DIST)
    print("  dist/: %d boards, update manifests %s" % (len(rows), "signed" if key else "NOT signed (UPDATE_KEY names no key)"))


if __name__ == "__main__":
    main(script)
