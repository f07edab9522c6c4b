"""GC heap that importing the package costs: frozen, as .mpy and as .py, on each image.

Run: build/venv/bin/python bench/import_cost.py        (after make test or make firmware and make mip)
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import guard  # noqa: E402
import measure  # noqa: E402

CODE = """
import gc, sys
%s
gc.collect()
a = gc.mem_alloc()
import microtetherdb
gc.collect()
b = gc.mem_alloc()
db = microtetherdb.MicroTetherDB()
db.put("k", {"v": 1})
db.query({"v": 1})
db.close()
del db
gc.collect()
print(b - a, gc.mem_alloc() - a)
"""
FORMS = ("frozen", "mpy", "py")


def measure_unix(program, form):
    """Return (bytes after import, bytes after use) on a unix image; all paths relative, since they lie on the heap."""
    places = {"mpy": ROOT / "dist" / "mip", "py": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "script.py").write_text(CODE % "")
        if form in places:
            if not (places[form] / "microtetherdb").exists():
                raise RuntimeError("%s: no package there; run: make mip" % places[form])
            (Path(folder) / form).symlink_to(places[form])
        command = [*measure.fixed_addresses(), program, "-m", "script"]
        env = {"MICROPYPATH": ":%s.frozen" % (form + ":" if form in places else "")}
        out = guard.run(command, env=env, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout
    return tuple(map(int, out.split()))


def measure_rp2(form):
    """Return the same on the emulated RPI_PICO image, the package lying on its littlefs."""
    import emulator

    files = {}
    for path in sorted({"mpy": ROOT / "dist" / "mip", "py": ROOT, "frozen": ROOT / "none"}[form].glob("microtetherdb/*." + form)):
        files["lib/microtetherdb/" + path.name] = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        out = emulator.run(
            CODE % 'sys.path.insert(0, "/lib")' if files else CODE % "", Path(folder) / "flash.bin", files=files, timeout=300
        )
    return tuple(map(int, out.split()))


def imports():
    """Return {image: {form: (import, use)}}."""
    result = {}
    for name in ("UNIX", "UNIX32"):
        result[name] = {form: measure_unix(ROOT / "dist" / name / "micropython", form) for form in FORMS}
    result["RPI_PICO"] = {form: measure_rp2(form) for form in FORMS}
    return result


if __name__ == "__main__":
    print("| image | frozen | .mpy | .py |\n|---|---|---|---|")
    for name, forms in imports().items():
        print("| %s | %s |" % (name, " | ".join("%d (%d)" % forms[form] for form in FORMS)))
