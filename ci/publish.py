"""Release folders: images by the ecosystem's file names, SHA256SUMS, size.json."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time

from common import DIST, library_version, replace, source_date


def publish(name, files, size):
    """Put images into dist/NAME with SHA256SUMS and size.json."""
    out = DIST / name
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        if old.is_file() and old.name not in files and old.name.startswith((name, "micropython")):
            old.unlink()
    sums = ""
    for target in sorted(files):
        data = files[target].read_bytes()
        new = out / (target + "~")
        if not (out / target).exists() or (out / target).read_bytes() != data:
            new.write_bytes(data)
            shutil.copymode(files[target], new)
            os.replace(new, out / target)
        sums += "%s  %s\n" % (hashlib.sha256(data).hexdigest(), target)
    replace(out / "SHA256SUMS", sums)
    replace(out / "size.json", json.dumps(size, indent=2) + "\n")


def release_name(name):
    """Return the ecosystem's file name without its ending: BOARD-YYYYMMDD-vSEMVER."""
    return "%s-%s-v%s" % (name, time.strftime("%Y%m%d", time.gmtime(source_date())), library_version())


def size_report(elf, prefix=""):
    """Return text, data and bss in bytes, and what the frozen library and the btree module take of text and data.

    The library is the sum of its symbols in the frozen content (interned strings are shared and not counted), btree the sum of
    the sections that the linker's map file gives its object files. `elf` must not be stripped; its map lies beside it.
    """
    out = subprocess.run([prefix + "size", elf], check=True, capture_output=True, text=True).stdout
    text, data, bss = (int(word) for word in out.splitlines()[1].split()[:3])
    symbols = subprocess.run([prefix + "nm", "-S", elf], check=True, capture_output=True, text=True).stdout
    library = sum(int(line.split()[1], 16) for line in symbols.splitlines() if "microtetherdb" in line and len(line.split()) == 4)
    linker_map = elf.with_name(elf.name + ".map").read_text(errors="replace")
    used = linker_map[linker_map.index("Linker script and memory map") :]
    sections = re.findall(r"^ \.(?:text|rodata|data)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)", used, re.M)
    btree = sum(int(n, 16) for n, path in sections if re.search(r"/db1-compat/|/ports/btree/|/btree/glue|/modbtree\.", path))
    return {"text": text, "data": data, "bss": bss, "frozen_library": library, "btree": btree}
