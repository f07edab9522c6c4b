"""SPEC 9: the release folder: checksums, bill of materials, licences, update manifests, and the flashing page in a real browser."""

import hashlib
import http.client
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))
import assets  # noqa: E402
import changelog  # noqa: E402
import fetch  # noqa: E402
import packages  # noqa: E402
import release  # noqa: E402
import updates  # noqa: E402
from common import DIST, Failure, lock, source_date  # noqa: E402

ESP32 = ("ESP32_GENERIC", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "key.pem"
    updates.keygen(path)
    return path


def _dist(folder, key, source=DIST):
    """A release folder of the real images that are built here and of stand-ins for the ESP32's, which cannot be."""
    rows = []
    for name in ("UNIX", "RPI_PICO", *ESP32):
        spec = release.board(name)
        out = folder / name
        out.mkdir(parents=True)
        if name == "UNIX":
            shutil.copy(source / "UNIX" / "micropython", out)
        elif name == "RPI_PICO":
            real = [*(source / name).glob("*.uf2"), *(source / name).glob("*.bin")]
            for path in real:
                shutil.copy(path, out)
            if not real:
                (out / "RPI_PICO-20260101-v0.1.0.uf2").write_bytes(b"stand-in")
                for letter, place in (("a", 0x10008000), ("b", 0x1008B000)):
                    head = bytes(256) + struct.pack("<II", 0x20042000, place + 0x201)
                    (out / ("RPI_PICO-20260101-v0.1.0-%s.bin" % letter)).write_bytes(head)
        else:
            app = b"\xe9" + bytes(31) + b"\x32\x54\xcd\xab" + bytes(5000)
            (out / (name + "-20260101-v0.1.0.bin")).write_bytes(bytes(4096) + app)
            (out / (name + "-20260101-v0.1.0.app-bin")).write_bytes(app)
        rows.append(release.complete(name, spec, out, key))
    with lock():
        (component,) = fetch.fetch("esp-web-tools")
    release.page(folder, rows, component)
    release.sums(folder)
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory, key):
    idf = tmp_path_factory.mktemp("idf")
    (idf / "LICENSE").write_text("stand-in for the licence text of ESP-IDF\n")
    os.environ.setdefault("IDF_PATH", str(idf))
    os.environ["SOURCE_DATE_EPOCH"] = str(source_date())
    with lock():
        fetch.fetch("mbedtls", "pico-sdk", "tinyusb")
        packages.require("rp2")
    yield _dist(tmp_path_factory.mktemp("dist"), key)
    del os.environ["SOURCE_DATE_EPOCH"]
    if os.environ["IDF_PATH"] == str(idf):
        del os.environ["IDF_PATH"]


def test_checksums_cover_every_file(dist):
    lines = (dist / "SHA256SUMS").read_text().splitlines()
    files = sorted(str(p.relative_to(dist)) for p in dist.rglob("*") if p.is_file() and p != dist / "SHA256SUMS")
    assert sorted(line[66:] for line in lines) == files
    for line in lines:
        assert hashlib.sha256((dist / line[66:]).read_bytes()).hexdigest() == line[:64]
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=dist / "UNIX", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_bill_of_materials_is_cyclonedx_and_names_what_is_inside(dist):
    from cyclonedx.model.bom import Bom

    for name, inside in (("UNIX", "MicroPython"), ("RPI_PICO", "TinyUSB"), ("ESP32_GENERIC", "ESP-IDF")):
        text = json.loads((dist / name / "bom.cdx.json").read_text())
        assert text["bomFormat"] == "CycloneDX" and text["specVersion"] == "1.6"
        names = {c.name: c for c in Bom.from_json(text).components}
        assert {inside, "MicroTetherDB", "Berkeley DB", "MicroPython"} <= set(names)
        for c in names.values():
            assert c.version and c.licenses or c.hashes
        images = [p.name for p in release.images(dist / name)]
        assert set(images) <= set(names)
    assert "TinyUSB" not in (dist / "UNIX" / "bom.cdx.json").read_text()


def test_licence_texts_of_everything_inside(dist):
    unix = (dist / "UNIX" / "LICENCES.txt").read_text()
    for words in (
        "Damien P. George",
        "Apache License",
        "Regents of the University of California",
        "Russ Cox",
        "littlefs authors",
        "Ibsen",
        "ChaN",
    ):
        assert words in unix
    assert "MicroTetherDB" in unix and "typedef" not in unix and "#define" not in unix
    pico = (dist / "RPI_PICO" / "LICENCES.txt").read_text()
    for words in ("Raspberry Pi", "tinyusb", "Apache License", "newlib", "GCC RUNTIME LIBRARY EXCEPTION", "Rich Felker", "SunPro"):
        assert words.lower() in pico.lower(), words


@pytest.mark.parametrize("name", ["UNIX", "UNIX32", "RPI_PICO", "RPI_PICO2"])
def test_components_are_the_libraries_that_the_compiler_read(name):
    spec = release.board(name)
    folder = ROOT / "build" / name
    if spec["port"] == "unix":
        read = "".join(p.read_text() for p in folder.rglob("*.P"))
    else:
        read = subprocess.run(["ninja", "-C", folder, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found = set(re.findall(r"(?:\.\.|/src/micropython)/lib/([^/\s]+)/", read))
    found |= set(re.findall(r"/build/src/(?!micropython/)([^/\s]+)/", read)) - {"micropython"}
    listed = {
        entry["texts"][0].removeprefix("micropython/lib/").split("/")[0] for _, entry in release.components(spec["port"]) if "pin" in entry
    }
    assert {library.removesuffix("_errors") for library in found} == listed - {"micropython"}


def test_update_manifest_per_board_signed(dist, key):
    public = str(key) + ".pub"
    for name in ("UNIX", "RPI_PICO", *ESP32):
        lines, good = updates.inspect(dist / name / (name + ".json"), public)
        assert good and any("valid" in line for line in lines), lines
        m = json.loads((dist / name / (name + ".json")).read_text())
        assert m["board"] == name
        assert m["file"].endswith({"UNIX": "micropython", "RPI_PICO": "-a.bin"}.get(name, ".app-bin"))
    other = key.with_name("other.pem")
    updates.keygen(other)
    assert not updates.inspect(dist / "UNIX" / "UNIX.json", str(other) + ".pub")[1]


def test_flash_manifests_of_esp_web_tools(dist):
    for name, (family, offset) in (
        ("ESP32_GENERIC", ("ESP32", 0x1000)),
        ("ESP32_GENERIC_S3", ("ESP32-S3", 0)),
        ("ESP32_GENERIC_C3", ("ESP32-C3", 0)),
    ):
        m = json.loads((dist / name / "flash.json").read_text())
        assert m["name"] and m["version"] == release.library_version()
        (b,) = m["builds"]
        assert b["chipFamily"] == family
        (part,) = b["parts"]
        assert part["offset"] == offset and (dist / name / part["path"]).suffix == ".bin" and (dist / name / part["path"]).is_file()


def _browse(folder, profile):
    """Return the page as Chromium has it once its scripts have run, and what Chromium said."""
    s = updates.server(folder, "127.0.0.1", 0)
    threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
    try:
        done = guard.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=%s" % profile,
                "--virtual-time-budget=10000", "--dump-dom", "http://127.0.0.1:%d/index.html" % s.server_address[1],
            ],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    finally:
        s.shutdown()
        s.server_close()
    return done.stdout, done.stderr[-2000:]


def test_flashing_page_in_a_real_browser(dist, tmp_path):
    with lock():
        packages.require("browser")
    page, error = _browse(dist, tmp_path / "profile")
    assert "<h1>MicroTetherDB" in page, error
    # the component's script ran and took the elements over: it marks them so
    buttons = re.findall(r"<esp-web-install-button([^>]*)>", page)
    assert len(buttons) == 3 and all("install-supported" in b for b in buttons), buttons
    for name in ("UNIX", "RPI_PICO", *ESP32):
        assert 'id="%s"' % name in page
    assert re.search(r'href="RPI_PICO/[^"]+\.uf2"', page)
    for link in re.findall(r'(?:href|manifest)="([^"]+)"', page):
        assert (dist / link).is_file(), link
    # the browser read the manifests and found their files
    for family in ("ESP32", "ESP32-S3", "ESP32-C3"):
        assert "%s for %s, 9132 bytes" % (release.library_version(), family) in page
    # and says so when one is missing
    broken = tmp_path / "broken"
    shutil.copytree(dist, broken)
    next((broken / "ESP32_GENERIC_C3").glob("*v0.1.0.bin")).unlink()
    page, error = _browse(broken, tmp_path / "profile")
    assert page.count("Cannot be installed from here: ESP32_GENERIC_C3") == 1 and page.count("9132 bytes") == 2, error


def test_same_input_gives_the_same_release(dist, key, tmp_path):
    again = _dist(tmp_path / "again", key, dist)
    for path in sorted(p for p in dist.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again / path.relative_to(dist)).read_bytes(), path


def test_unsigned_without_a_key_and_said_so(tmp_path, capsys):
    image = tmp_path / "image"
    image.write_bytes(b"x" * 100)
    assert updates.main(["sign", str(image), "--board", "UNIX", "--version", "1"]) == 0
    assert "NOT signed" in capsys.readouterr().out
    assert "signature" not in json.loads((tmp_path / "UNIX.json").read_text())
    assert updates.main(["inspect", str(tmp_path / "UNIX.json")]) == 0
    image.write_bytes(b"y" * 100)
    assert updates.main(["inspect", str(tmp_path / "UNIX.json")]) == 1 and "DIFFERS" in capsys.readouterr().out


def test_private_key_is_never_written_into_a_repository(tmp_path, capsys):
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    inside = tmp_path / "repo" / "deep" / "key.pem"
    inside.parent.mkdir()
    (tmp_path / "link").symlink_to(inside.parent)
    for path in (inside, tmp_path / "link" / "key.pem", ROOT / "key.pem", ROOT / "build" / "key.pem"):
        assert updates.main(["keygen", str(path)]) == 1
        assert "keep private keys out of it" in capsys.readouterr().err and not path.exists()
    outside = tmp_path / "key.pem"
    assert updates.main(["keygen", str(outside)]) == 0 and outside.stat().st_mode & 0o777 == 0o600
    assert updates.main(["keygen", str(outside)]) == 1  # never overwritten


def test_full_flash_image_is_not_signed(tmp_path, capsys):
    image = tmp_path / "x.bin"
    image.write_bytes(b"\xe9" + bytes(9000))
    assert updates.main(["sign", str(image), "--board", "ESP32_GENERIC", "--version", "1"]) == 1
    assert "full-flash" in capsys.readouterr().err


def test_signatures_are_those_of_rfc_6979(tmp_path):
    ec, utils, hashes, serialization = updates._crypto()
    private = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
    der = private.sign(b"sample", ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    assert "%064x" % utils.decode_dss_signature(der)[0] == "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"


CHANGES = "# Changes\n\n## [Unreleased]\n%s\n## [1.2.0] - 2026-01-02\n\n### Added\n\n- a\n\n## [1.1.0] - 2026-01-01\n\n- b\n"


def test_the_change_log_tells_of_the_librarys_version():
    assert changelog.section(changelog.PATH.read_text(), release.library_version()).startswith("### ")


def test_a_version_that_the_change_log_does_not_tell_of_is_not_released(monkeypatch):
    monkeypatch.setattr(release, "library_version", lambda: "9.9.9")
    monkeypatch.setattr(release.build, "build", lambda name: pytest.fail("built " + name))
    with pytest.raises(Failure, match=r"CHANGELOG.md .* 9\.9\.9.*write a section '## \[9\.9\.9\] - YYYY-MM-DD'"):
        release.script(["UNIX"])
    with pytest.raises(Failure, match="1.3.0"):
        changelog.section(CHANGES % "", "1.3.0")
    with pytest.raises(Failure, match="2.0"):
        changelog.section("## [2.0]\n\n- without a date\n", "2.0")


def test_a_tag_releases_its_version_with_all_its_changes():
    assert changelog.notes(CHANGES % "", "1.2.0", "v1.2.0") == "### Added\n\n- a\n"
    with pytest.raises(Failure, match="the tag v1.2.1 is not v1.2.0"):
        changelog.notes(CHANGES % "", "1.2.0", "v1.2.1")
    for left in ("\n- more\n", "\n### Fixed\n\n- more\n"):
        with pytest.raises(Failure, match="Unreleased"):
            changelog.notes(CHANGES % left, "1.2.0", "v1.2.0")


def test_assets_of_a_release_lie_in_one_folder_with_names_of_their_own(dist, tmp_path):
    names = assets.collect(dist, tmp_path / "assets")
    assert {"UNIX-micropython", "UNIX-bom.cdx.json", "ESP32_GENERIC-bom.cdx.json", "RPI_PICO-LICENCES.txt"} <= set(names)
    assert len([n for n in names if n.startswith("RPI_PICO-") and n.endswith((".uf2", ".bin"))]) >= 3
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "assets", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "assets" / "SHA256SUMS").read_text().splitlines()) == len(names)
    with pytest.raises(Failure, match="make release"):
        assets.collect(tmp_path / "none", tmp_path / "nothing")


nightly = pytest.mark.skipif(os.environ.get("MTDB_NIGHTLY") != "1", reason="builds whole images: nightly")


@nightly
def test_make_release_builds_what_can_be_built_and_says_what_cannot(tmp_path, key):
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    (folder / "build").mkdir()
    for name in ("src", "download", "apt"):
        shutil.copytree(ROOT / "build" / name, folder / "build" / name, symlinks=True)
    env = {name: value for name, value in os.environ.items() if name != "IDF_PATH"}
    done = guard.run(["make", "release"], cwd=folder, env=dict(env, UPDATE_KEY=str(key)), capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ESP32_GENERIC not built: IDF_PATH" in done.stdout and "manifests signed" in done.stdout
    for name in ("UNIX", "UNIX32", "RPI_PICO", "RPI_PICO2"):
        assert updates.inspect(folder / "dist" / name / (name + ".json"), str(key) + ".pub")[1]
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder / "dist").returncode == 0
    assert subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True).stdout == b""


@nightly
@pytest.mark.parametrize("board", ["UNIX", "RPI_PICO"])
def test_two_builds_of_one_commit_in_different_folders_give_the_same_bytes(tmp_path, board):
    found = []
    origin = ROOT
    for folder in (tmp_path / "a", tmp_path / "another" / "and-longer"):
        subprocess.run(["git", "clone", "-q", str(origin), str(folder)], check=True)
        origin = folder
        (folder / "build").mkdir()
        for name in ("src", "download"):
            shutil.copytree(ROOT / "build" / name, folder / "build" / name, symlinks=True)
        done = guard.run([sys.executable, "ci/build.py", board], cwd=folder, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        found.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in release.images(folder / "dist" / board)})
    # the .elf holds the paths of its sources for the debugger
    for name, digest in found[0].items():
        assert name.endswith(".elf") or found[1][name] == digest, name


def test_components_are_those_of_third_party_md():
    text = (ROOT / "docs" / "third-party.md").read_text()
    for port in ("unix", "rp2", "esp32"):
        for name, _ in release.components(port):
            assert name == "MicroTetherDB" or "| " + name in text, name


def test_only_images_for_boards_that_exist_are_signed(tmp_path, capsys):
    image = tmp_path / "image.bin"
    image.write_bytes(b"x" * 100)
    for board in ("UNIX64", "unix", "RPI_PICO_", "", "../UNIX", "README.md"):
        assert updates.main(["sign", str(image), "--board", board, "--version", "1"]) == 1
        said = capsys.readouterr().err
        assert "--board" in said and "RPI_PICO2" in said, said
    uf2 = b"UF2\n\x57\x51\x5d\x9e" + bytes(504)
    for name, data in (("x.uf2", uf2), ("x.UF2", uf2), ("x.bin", uf2), ("y.uf2", b"x" * 100)):
        (tmp_path / name).write_bytes(data)
        assert updates.main(["sign", str(tmp_path / name), "--board", "RPI_PICO", "--version", "1"]) == 1
        assert name in capsys.readouterr().err
    long = tmp_path / ("\U0001f600" * 60)
    long.write_bytes(b"x")
    assert updates.main(["sign", str(long), "--board", "UNIX", "--version", "1" * 64]) == 0  # the longest that a file system takes
    assert sorted(p.name for p in tmp_path.glob("*.json")) == ["UNIX.json"]


def test_server_of_updates_shows_who_asks_and_survives_odd_ranges(tmp_path, capsys):
    (tmp_path / "x").write_bytes(b"0123456789")
    with updates.server(tmp_path, "127.0.0.1") as s:
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()

        def ask(value, **headers):
            c = http.client.HTTPConnection(*s.server_address)
            c.request("GET", "/x", headers=dict(headers, Range=value))
            r = c.getresponse()
            return r.status, r.getheader("Content-Range"), r.read()

        assert ask("bytes=4-", **{"X-Device": "d1", "X-Version": "2"}) == (206, "bytes 4-9/10", b"456789")
        assert ask("bytes=10-") == (416, "bytes */10", b"")
        for odd in ("bytes=-4-", "bytes=x-", "bytes=", "bytes=-", "bytes=4-5", "lines=4-", "bytes=\xb2-"):
            assert ask(odd) == (200, None, b"0123456789"), odd
        s.shutdown()
    assert '"GET /x HTTP/1.1" 206 X-Device: d1, X-Version: 2' in capsys.readouterr().err
