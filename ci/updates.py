#!/usr/bin/env python3
"""Updates over the air, on the host: create keys, sign images, inspect manifests, serve them to devices.

updates.py keygen FILE                      private key (PEM), and FILE.pub for the board's OTA_KEY
updates.py sign IMAGE [IMAGE_B] --board B --version V [--security N] [--key FILE]   writes B.json beside the image
    (a Pico's release has an image for each slot: ...-a.bin ...-b.bin)
updates.py inspect MANIFEST [--public FILE|HEX]
updates.py serve DIRECTORY [--bind ADDRESS] [--port N]
"""

import argparse
import hashlib
import http.server
import json
import os
import sys
import types
import urllib.parse
from pathlib import Path

sys.modules.setdefault("micropython", types.SimpleNamespace(const=lambda value: value))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

sys.path.insert(0, str(Path(__file__).resolve().parent))

import common  # noqa: E402
import layout  # noqa: E402
import slots  # noqa: E402

from microtetherdb.ota import manifest  # noqa: E402
from microtetherdb.ota.errors import BadManifest  # noqa: E402


SIGNATURES = (("signature", False), ("slots_signature", True))  # and whether it is over the images of both slots


class Refused(Exception):
    """Something the user has to change; its text says what."""


def _crypto():
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, utils
    except ImportError:
        venv = Path(__file__).resolve().parent.parent / "build" / "venv"
        own = Path(sys.argv[0]).resolve() == Path(__file__).resolve()
        if own and Path(sys.prefix) != venv and (venv / "bin" / "python").exists():
            os.execv(venv / "bin" / "python", ["python", *sys.argv])
        raise Refused("the Python package 'cryptography' is missing; run: make tools") from None
    return ec, utils, hashes, serialization


def public_hex(private):
    """Return the device's form of the public key: x and y, 128 hex digits."""
    numbers = private.public_key().public_numbers()
    return "%064x%064x" % (numbers.x, numbers.y)


def load_key(path):
    """Return the private key in the PEM file `path`."""
    _, _, _, serialization = _crypto()
    try:
        return serialization.load_pem_private_key(Path(path).read_bytes(), None)
    except (OSError, ValueError, TypeError) as e:
        raise Refused("cannot read the private key %s: %s" % (path, e)) from None


def keygen(path):
    """Write a new private key to `path` and its public half to `path`.pub; return the latter."""
    ec, _, _, serialization = _crypto()
    path = Path(path).resolve()
    for folder in path.parents:
        if (folder / ".git").exists():
            raise Refused("%s is inside the git repository %s: keep private keys out of it" % (path, folder))
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise Refused("cannot create %s: %s" % (path, e.strerror)) from None
    with open(file, "wb") as f:
        f.write(pem)
    public = public_hex(private)
    Path(str(path) + ".pub").write_text(public + "\n")
    return public


def _image(path):
    """Return what a manifest says of the image in the file `path`."""
    data = path.read_bytes()
    if path.suffix.lower() == ".uf2" or data[:4] == b"UF2\n":
        raise Refused("%s is for copying by USB: sign the plain image (.bin)" % path)
    if data[:1] == b"\xe9" and data[32:36] != b"\x32\x54\xcd\xab":
        raise Refused("%s is a full-flash image: sign the .app-bin" % path)
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "file": urllib.parse.quote(path.name, safe="")}


def linked(name, paths):
    """Raise Refused unless the board takes that many images, and each is linked for its slot."""
    spec = common.board(name)
    if spec["port"] != "rp2":
        if len(paths) != 1:
            raise Refused("%s: one image serves both slots" % name)
        return
    if len(paths) != 2:
        raise Refused("%s has an image for each slot: give the -a.bin and the -b.bin" % name)
    regions = layout.layout(name, spec["mcu"])
    for letter, path in zip("AB", paths):
        data = Path(path).read_bytes()
        try:
            layout.check_image(name, len(data), regions)
            slots.check(data, spec["mcu"], regions["slot " + letter], "slot " + letter)
        except common.Failure as e:
            raise Refused(str(e)) from None


def make(image, board, version, variant="", security=0, updater=None, key=None, second=None):
    """Return the manifest (dict) of the file `image`, signed when `key` names a private key.

    `second`: the image for slot B of a board that has one for each slot; then `image` is slot A's. `updater`: by default the lowest
    client that can install it. Signatures are deterministic (RFC 6979): the same image, fields and key give the same manifest.
    """
    images = [_image(Path(path)) for path in (image, second) if path]
    m = {"board": board, "variant": variant, "version": version, "security": security, **images[0]}
    m["updater"] = len(images) if updater is None else updater
    if m["updater"] < len(images):
        raise Refused("updater: at least %d for %d images" % (len(images), len(images)))
    if second:
        m["slots"] = images
    try:
        m = manifest.parse(m)
    except BadManifest as e:
        raise Refused("%s: missing, wrong type or out of range" % e) from None
    if key:
        ec, utils, hashes, _ = _crypto()
        private = load_key(key)
        for name, several in SIGNATURES[: len(images)]:
            der = private.sign(manifest.canonical(m, several), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
            m[name] = "%064x%064x" % utils.decode_dss_signature(der)
    return m


def boards():
    """Return the names of the boards that exist."""
    return sorted(path.parent.name for path in Path(__file__).resolve().parent.parent.glob("boards/*/board.json"))


def write(m, folder):
    """Write the manifest `m` to its file in `folder`; return the path."""
    name = m["board"] + ("-" + m["variant"] if m["variant"] else "") + ".json"
    path = Path(folder) / name
    text = json.dumps(m, indent=1, sort_keys=True) + "\n"
    if len(text) > manifest.LIMIT:
        raise Refused("%s: longer than %d bytes, give the image a shorter name" % (path, manifest.LIMIT))
    path.write_text(text)
    return path


def signed_by(m, public):
    """Return whether `m` carries a signature of the owner of the `public` key (hex)."""
    ec, utils, hashes, _ = _crypto()
    from cryptography.exceptions import InvalidSignature

    try:
        key = ec.EllipticCurvePublicNumbers(int(public[:64], 16), int(public[64:], 16), ec.SECP256R1()).public_key()
        for name, several in SIGNATURES[: 2 if "slots" in m else 1]:
            s = m.get(name, "")
            der = utils.encode_dss_signature(int(s[:64], 16), int(s[64:], 16))
            key.verify(der, manifest.canonical(m, several), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def inspect(path, public=None):
    """Return lines that tell what the manifest at `path` holds, and whether all of it is right."""
    path = Path(path)
    try:
        m = manifest.parse(path.read_bytes())
    except (OSError, BadManifest) as e:
        raise Refused("%s: %s" % (path, e)) from None
    lines = ["%-10s %s" % (name, m[name]) for name in manifest.FIELDS]
    good = True
    for what in m.get("slots", [m]):
        image = path.parent / urllib.parse.unquote(what.get("file", ""))
        if image.is_file():
            data = image.read_bytes()
            same = len(data) == what["size"] and hashlib.sha256(data).hexdigest() == what["sha256"]
            good = good and same
            lines.append("image      %s: %s" % (image.name, "size and SHA-256 match" if same else "DIFFERS from the manifest"))
        else:
            lines.append("image      %s: not here" % image.name)
    if "signature" not in m:
        lines.append("signature  none: devices with a key refuse it")
    elif not public:
        lines.append("signature  there, not checked (give --public)")
    else:
        if os.path.exists(public):
            public = Path(public).read_text().strip()
        valid = signed_by(m, public)
        good = good and valid
        lines.append("signature  " + ("valid" if valid else "NOT VALID for this key"))
    return lines, good


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with `Range: bytes=N-`, which the standard handler lacks; the log shows who asks."""

    def log_request(self, code="-", size="-"):
        """Log the request with its X- headers: the device and its version."""
        headers = getattr(self, "headers", {})  # a request that cannot be read has none
        said = ["%s: %s" % item for item in headers.items() if item[0].lower().startswith("x-")]
        self.log_message('"%s" %s %s', self.requestline, int(code), ", ".join(said) or "-")

    def send_head(self):
        """Answer the header; return the file at the place to send from."""
        value = self.headers.get("Range", "")
        path = self.translate_path(self.path)
        if not value.startswith("bytes=") or not value[6:-1].isdecimal() or value[-1:] != "-" or not os.path.isfile(path):
            return super().send_head()
        start, size = int(value[6:-1]), os.path.getsize(path)
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", "bytes */%d" % size)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        file = open(path, "rb")
        file.seek(start)
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Range", "bytes %d-%d/%d" % (start, size - 1, size))
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        return file


def server(folder, bind="", port=0, handler=Handler):
    """Return an HTTP server (not yet serving) for the files of `folder`."""
    return http.server.ThreadingHTTPServer((bind, port), lambda *args: handler(*args, directory=str(folder)))


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("keygen")
    p.add_argument("file")
    p = commands.add_parser("sign")
    p.add_argument("image")
    p.add_argument("second", nargs="?", metavar="IMAGE_B")
    p.add_argument("--board", required=True)
    p.add_argument("--version", required=True)
    p.add_argument("--variant", default="")
    p.add_argument("--security", type=int, default=0)
    p.add_argument("--updater", type=int)
    p.add_argument("--key")
    p = commands.add_parser("inspect")
    p.add_argument("manifest")
    p.add_argument("--public")
    p = commands.add_parser("serve")
    p.add_argument("directory")
    p.add_argument("--bind", default="0.0.0.0")
    p.add_argument("--port", type=int, default=8080)
    args = vars(parser.parse_args(argv))
    command = args.pop("command")
    try:
        if args.get("board", boards()[0]) not in boards():
            raise Refused("--board %s: there are %s" % (args["board"], ", ".join(boards())))
        if command == "keygen":
            print("OTA_KEY = %r" % keygen(args["file"]))
        elif command == "sign":
            m = make(**args)
            linked(args["board"], [path for path in (args["image"], args["second"]) if path])
            path = write(m, Path(args["image"]).parent)
            print("%s: %s" % (path, "signed" if args["key"] else "NOT signed (no --key)"))
        elif command == "inspect":
            lines, good = inspect(args["manifest"], args["public"])
            print("\n".join(lines))
            return 0 if good else 1
        else:
            with server(args["directory"], args["bind"], args["port"]) as s:
                print("serving %s on port %d, end with Ctrl-C" % (args["directory"], s.server_address[1]), flush=True)
                s.serve_forever()
    except KeyboardInterrupt:
        return 0
    except (Refused, OSError) as e:
        print("updates: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
