"""SPEC 9: an update over https, on the UNIX image with its Mbed TLS, from a server with a self-made certificate."""

import datetime
import json
import re
import ssl
import threading
from pathlib import Path

import launch
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_ota import ROOT, _flip, device, key, script, serve, updates  # noqa: F401

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)


def _certificate(name, issuer=None, start=NOW - DAY):
    """Return (certificate, private key) for the host `name`, signed by `issuer` (another such pair), or a CA's own."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(issuer[0].subject if issuer else subject, subject, private.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + 30 * DAY)
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    else:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return builder.sign(issuer[1] if issuer else private, hashes.SHA256()), private


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """A certificate authority: (certificate, private key), and the file that devices get."""
    pair = _certificate("our CA")
    path = tmp_path_factory.mktemp("ca") / "ca.der"
    path.write_bytes(pair[0].public_bytes(serialization.Encoding.DER))
    return pair, str(path)


@pytest.fixture
def https(serve, tmp_path):  # noqa: F811
    """https(folder, pair, breaks=()): serve with this certificate."""

    def start(folder, pair, **options):
        pem = tmp_path / "server.pem"
        pem.write_bytes(
            pair[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + pair[0].public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return serve(folder, tls=context, **options)

    return start


def test_broken_download_goes_on_over_tls_and_is_confirmed(device, https, ca):  # noqa: F811
    device.publish(data=script("2", 50000))
    url, log = https(device.web, _certificate("localhost", ca[0]), breaks=[10000, 0, 5000, 12288])
    assert url.startswith("https://")
    out, status = device.boot(url + "/UNIX.json", MTDB_CA=ca[1])
    assert "UPDATED 2 from 4096" in out and status == launch.RESTART, out
    assert [r for p, r in log if p == "/image-2"] == ["bytes=%d-" % n for n in (0, 10000, 10000, 15000, 27288)]
    assert "CONFIRMED" in device.boot()[0]


@pytest.mark.parametrize(
    "name, start, own, says",
    [
        ("localhost", NOW - DAY, False, "not correctly signed by the trusted CA"),
        ("elsewhere", NOW - DAY, True, "does not match"),
        ("localhost", NOW + DAY, True, "starts in the future"),
        ("localhost", NOW - 60 * DAY, True, "expired"),
    ],
)
def test_a_server_that_is_not_the_trusted_one_is_refused_at_once(device, https, ca, name, start, own, says):  # noqa: F811
    device.publish()
    issuer = ca[0] if own else _certificate("our CA")
    url, log = https(device.web, _certificate(name, issuer, start))
    out, status = device.boot(url + "/UNIX.json", MTDB_CA=ca[1])
    assert "REFUSED SourceError" in out and says in out and status == 0, out
    assert log == []


def test_without_a_ca_the_signature_alone_protects_the_image(device, https, ca):  # noqa: F811
    where = device.publish()
    image = device.web / "image-2"
    good = image.read_bytes()
    image.write_bytes(_flip(good))
    url, _ = https(device.web, _certificate("localhost", ca[0]))
    assert "REFUSED BadHash" in device.boot(url + "/UNIX.json")[0]
    text = where.read_text()
    where.write_text(text.replace('"version": "2"', '"version": "9"'))
    assert "REFUSED BadSignature" in device.boot(url + "/UNIX.json")[0]
    where.write_text(text)
    image.write_bytes(good)
    assert device.boot(url + "/UNIX.json")[1] == launch.RESTART
    assert "CONFIRMED" in device.boot()[0]


def test_the_program_of_update_md(run, device, https, ca):  # noqa: F811
    device.publish()
    url, _ = https(device.web, _certificate("localhost", ca[0]))
    (program,) = re.findall(r"^```python\n(# https.py\n.*?)^```", (ROOT / "docs" / "update.md").read_text(), re.S | re.M)
    program = program.replace("ssl=context", "ssl=context, key=%r" % device.public)
    program += "import asyncio\nprint(asyncio.run(up.check(%r))['version'])\n" % (url + "/UNIX.json")
    files = {"ca.der": Path(ca[1]).read_bytes()}
    assert run(program, files=files, env={"MTDB_SLOTS": str(device.slots)}) == "2\n"


@pytest.mark.parametrize("with_ca", [True, False])
def test_from_https_nothing_leads_to_http(device, https, serve, ca, with_ca):  # noqa: F811
    """Neither a redirect nor the manifest's `file`: nobody asks the user's CA there."""
    where = device.publish()
    plain, log = serve(device.web)
    env = {"MTDB_CA": ca[1]} if with_ca else {}
    m = json.loads(where.read_text())
    m["file"] = plain + "/image-2"
    where.write_text(json.dumps(m))
    url, _ = https(device.web, _certificate("localhost", ca[0]))
    assert "REFUSED SourceError" in device.boot(url + "/UNIX.json", **env)[0]

    class Away(updates.http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", plain + self.path)
            self.end_headers()

        def log_message(self, *args):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where.parents[1] / "server.pem")
    with updates.http.server.ThreadingHTTPServer(("127.0.0.1", 0), Away) as s:
        s.socket = context.wrap_socket(s.socket, server_side=True)
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True).start()
        out, _ = device.boot("https://localhost:%d/UNIX.json" % s.server_address[1], **env)
        s.shutdown()
    assert "REFUSED SourceError" in out and "https" in out, out
    assert log == []
