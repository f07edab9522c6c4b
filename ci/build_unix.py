"""Build of the unix port's boards, with make."""

import subprocess

import host
import publish
from common import BOARDS, BUILD, JOBS, ROOT, micropython, replace, run


def build_image(name, variant, extra=()):
    """Run make in ports/unix; return the path of the program."""
    tree, _ = micropython()
    if not any(word == "MICROPY_PY_SSL=0" for word in extra):
        host.submodules("mbedtls")
    folder = BUILD / name
    cross = host.mpy_cross()
    command = [
        "make", "-C", tree / "ports" / "unix", "-j" + JOBS,
        "VARIANT_DIR=%s" % variant,
        "BUILD=%s" % folder,
        "USER_C_MODULES=%s" % (ROOT / "ports"),
        "MTDB_DB1_DIR=%s" % (BUILD / "src" / "db1-compat" / "db"),
        "MPY_LIB_DIR=%s" % host.micropython_lib(),
        "MICROPY_MPYCROSS=%s" % cross,
        "MICROPY_MPYCROSS_DEPENDENCY=",
        "STRIP=",  # the published copy is stripped
        *extra,
    ]  # fmt: skip
    env = dict(host.environment(), PYTHONPATH="")
    run("firmware " + name, command, "firmware-" + name, env=env, cwd=ROOT)
    return folder / "micropython"


def build(name, spec):
    """Build `dist/NAME/micropython`, or under build/ one of the tests' interpreters."""
    if not spec.get("frozen", True):
        manifest = BUILD / name / "manifest.py"
        replace(manifest, 'include("$(MPY_DIR)/extmod/asyncio")\n')
        build_image(name, BOARDS / "UNIX", ["MTDB_BTREE_STOCK=1", "MICROPY_PY_SSL=0", "FROZEN_MANIFEST=%s" % manifest])
        return
    if "faults" in spec:
        variant = BOARDS / spec["faults"]
        build_image(name, variant, ["MTDB_FAULTS=1", "MICROPY_PY_SSL=0", "FROZEN_MANIFEST=%s" % (variant / "manifest.py")])
        return
    program = build_image(name, BOARDS / name, ["FROZEN_MANIFEST=%s" % (BOARDS / name / "manifest.py")])
    stripped = program.with_name("micropython.stripped")
    # The build id hashes the debug information, which names this folder: without it equal sources give equal bytes anywhere.
    subprocess.run(["strip", "-R", ".note.gnu.build-id", "-o", stripped, program], check=True)
    publish.publish(name, {"micropython": stripped}, publish.size_report(program))
