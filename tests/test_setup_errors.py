"""Errors that users meet while building end in one sentence that says what to do."""

import os
import re
import shutil
import sys
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path):
    """A checkout of its own without anything built, so that errors cannot harm the real build folder."""
    for name in ("ci", "boards", "Makefile", "manifest.py"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (tmp_path / "microtetherdb").mkdir()
    shutil.copy(ROOT / "microtetherdb" / "__init__.py", tmp_path / "microtetherdb")
    return tmp_path


def fails(command, cwd, **env):
    """Run a command that must fail; return its last `error:` line."""
    environ = {k: v for k, v in os.environ.items() if k not in ("MPY_DIR", "PICO_SDK_PATH", "IDF_PATH", "BOARD")}
    done = guard.run(command, cwd=cwd, env=dict(environ, **env), capture_output=True, text=True, timeout=100)
    assert done.returncode, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")][-1]


def path_without(tmp_path, *missing):
    """Return a PATH on which everything but the missing programs is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for place in ["/usr/bin", "/bin"]:
        for name in os.listdir(place):
            if name not in missing and not (folder / name).exists():
                (folder / name).symlink_to(Path(place) / name)
    return str(folder)


def test_wrong_board_name_lists_the_boards(copy):
    message = fails(["make", "firmware", "BOARD=RPI_PICCO"], copy)
    assert "no board 'RPI_PICCO'" in message and "RPI_PICO" in message and "UNIX" in message


def test_wrong_hash_stops_and_the_file_is_not_used(copy):
    # What a download left behind is verified like a fresh one.
    name = "db1-compat_2.1.3.orig.tar.gz"
    folder = copy / "build" / "download" / "db1-compat"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"not what was pinned")
    message = fails([sys.executable, "ci/fetch.py", "db1-compat"], copy)
    assert name in message and "ci/pins.toml says b01f560f" in message
    assert not (folder / name).exists() and not (copy / "build" / "src").exists()


def test_wrong_hash_of_a_python_tool_installs_nothing(copy):
    pins = (copy / "ci" / "pins.toml").read_text()
    head, tools = pins.split("[python]")
    iniconfig = re.search(r'"iniconfig==[^\n]*', tools).group(0)
    (copy / "ci" / "pins.toml").write_text(head + "[python]\n" + re.sub(r'\["\w{8}', '["00000000', iniconfig) + "\n")
    message = fails([sys.executable, "ci/tools.py"], copy)
    assert "does not have the SHA-256" in message


def test_no_apt_names_the_packages_to_install(copy, tmp_path):
    path = path_without(tmp_path, "apt-get", "arm-none-eabi-gcc", "arm-none-eabi-g++")
    message = fails([sys.executable, "ci/packages.py", "rp2"], copy, PATH=path)
    assert "no apt" in message and "gcc-arm-none-eabi" in message


def test_no_network_says_so(copy, tmp_path):
    # A mirror that refuses connections stands for a machine without a network.
    env = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    message = fails([sys.executable, "ci/fetch.py", "db1-compat"], copy, **env)
    assert "check the network" in message


def test_an_own_tree_that_is_none(copy, tmp_path):
    message = fails(["make", "firmware", "BOARD=UNIX", "MPY_DIR=%s" % tmp_path], copy)
    assert "is not a MicroPython source tree" in message


def idf(folder, major, minor):
    """Make what looks like an ESP-IDF of this version; return its path."""
    (folder / "tools" / "cmake").mkdir(parents=True)
    text = "set(IDF_VERSION_MAJOR %d)\nset(IDF_VERSION_MINOR %d)\nset(IDF_VERSION_PATCH 1)\n" % (major, minor)
    (folder / "tools" / "cmake" / "version.cmake").write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    "version, words",
    [
        (None, ["ESP32 boards need ESP-IDF 5.2 to 5.4", "run . export.sh", "IDF_PATH", "ci/esp32/Containerfile"]),
        ((), ["is not an ESP-IDF", "ESP-IDF 5.2 to 5.4"]),
        ((5, 1), ["is ESP-IDF 5.1: the ESP32 boards need 5.2 to 5.4"]),
        ((5, 10), ["is ESP-IDF 5.10: the ESP32 boards need 5.2 to 5.4"]),
        ((5, 4), ["idf.py is not on the PATH", "export.sh"]),
    ],
)
def test_esp_idf_is_asked_for_before_anything_is_fetched(copy, tmp_path, version, words):
    env = {}
    if version is not None:
        env["IDF_PATH"] = idf(tmp_path / "idf", *version) if version else str(tmp_path)
    message = fails(["make", "firmware", "BOARD=ESP32_GENERIC"], copy, **env)
    for word in words:
        assert word in message
    assert sorted(p.name for p in (copy / "build").iterdir()) == [".lock"]


def test_full_disk_says_so(copy):
    import common

    code = "import sys; sys.path.insert(0, 'ci'); import common\ndef full(argv):\n    raise OSError(28, 'x')\ncommon.main(full)"
    assert "disk is full" in fails([sys.executable, "-c", code], copy)
    assert common  # the real module is importable too


def test_flash_without_a_device(copy):
    (copy / "dist" / "RPI_PICO").mkdir(parents=True)
    (copy / "dist" / "RPI_PICO" / "RPI_PICO-x.uf2").write_bytes(b"")
    if list(Path("/dev").glob("ttyACM*")) + list(Path("/dev").glob("ttyUSB*")):
        pytest.skip("a serial device is connected")
    message = fails([sys.executable, "ci/flash.py", "RPI_PICO"], copy)
    assert "BOOTSEL" in message and "run this again" in message


def test_flash_of_an_esp32_calls_the_pinned_esptool(copy):
    (copy / "dist" / "ESP32_GENERIC").mkdir(parents=True)
    (copy / "dist" / "ESP32_GENERIC" / "ESP32_GENERIC-x.bin").write_bytes(b"\xe9")
    port = copy / "no-serial-port"
    port.write_bytes(b"")
    done = guard.run([sys.executable, "ci/flash.py", "ESP32_GENERIC", port], cwd=copy, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and "esptool v5" in done.stdout, done.stdout + done.stderr
    assert str(port) in done.stdout + done.stderr and "Usage" not in done.stdout
