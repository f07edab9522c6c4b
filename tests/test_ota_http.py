"""SPEC 9: what an HTTP server may answer, and what is asked of it; against sockets whose every byte is set by the test."""

import hashlib
import json
import socket
import threading

import pytest
from test_ota import device, key, launch, script, serve, updates  # noqa: F401

BODY = bytes(range(256)) * 20


class Server:
    """Answers each connection with the next of `answers` (bytes, None: closes at once, or a function of the connection; the last one
    again and again) and keeps the requests."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.requests = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\n") and request[:1] != b"\x16":
                data = connection.recv(4096)
                if not data:
                    break
                request += data
            self.requests.append(request.decode("latin-1"))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            try:
                if callable(answer):
                    answer(connection)
                elif answer:
                    connection.sendall(answer)
            except OSError:
                pass

    def paths(self):
        return [r.split()[1] for r in self.requests]


@pytest.fixture
def server():
    started = []

    def start(*answers):
        started.append(Server(answers))
        return started[-1]

    yield start
    for s in started:
        s.socket.close()


def answer(status="200 OK", *lines, body=BODY):
    return "\r\n".join(["HTTP/1.1 " + status, *lines, "", ""]).encode() + body


FETCH = """
import asyncio, sys
from microtetherdb.ota import OTAError
from microtetherdb.ota.source import Source
options = dict(timeout=20, retries=2, pause=0.01)
options.update(eval(sys.argv[3]))
s = Source(sys.argv[1], int(sys.argv[2]), **options)
buf = bytearray(1024)
async def main():
    try:
        await s.fill(memoryview(buf))
        print("GOT", buf == bytes([i + int(sys.argv[2]) & 255 for i in range(1024)]))
    except (OTAError, ValueError) as e:
        print(type(e).__name__, e)
    finally:
        await s.close()
asyncio.run(main())
"""


@pytest.fixture
def fetch(run):
    def call(url, offset=0, **options):
        return run(FETCH, args=[url, offset, repr(options)])

    return call


@pytest.mark.parametrize("scheme", ["ftp", "FTP", "file", "gopher", "httpx", "s3", "http+unix"])
def test_only_http_and_https_are_fetched(server, fetch, scheme):
    s = server(answer())
    assert fetch("%s://127.0.0.1:%d/x" % (scheme, s.port)).startswith("SourceError")
    assert not s.requests


def test_schemes_in_capitals_mean_the_same(server, fetch):
    s = server(answer())
    assert fetch("HTTP://127.0.0.1:%d/x" % s.port) == "GOT True\n"
    assert fetch("HTTPS://127.0.0.1:%d/x" % s.port).startswith("Unreachable")
    assert len(s.requests) > 1 and all(r[0] == "\x16" for r in s.requests[1:])  # TLS, and not in plain text


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///x",
        "http://:80/x",
        "http://127.0.0.1:x/",
        "http://127.0.0.1:80:80/x",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/\tx",
    ],
)
def test_what_is_no_url_is_said_at_once(fetch, url):
    assert fetch(url).startswith("SourceError")


@pytest.mark.parametrize(
    "tail, asked",
    [("", "/"), ("?v=2", "/?v=2"), ("/a b", "/a%20b"), ("/a%20b", "/a%20b"), ("/\xfc", "/%C3%BC"), ("/x#frag", "/x"), ("/x?u=http://y/#z", "/x?u=http://y/"), ("/a/../b", "/b")],
)  # fmt: skip
def test_path_that_is_asked_for(server, fetch, tail, asked):
    s = server(answer())
    assert fetch(s.url + tail) == "GOT True\n"
    assert s.paths() == [asked]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to, asked",
    [("/other", "/other"), ("other?x=/1", "/a/other?x=/1"), ("?v=2", "/a/b?v=2"), ("../c", "/c"), ("#part", "/a/b?q=1"), ("//127.0.0.1:%d/p", "/p"), ("HTTP://127.0.0.1:%d/p", "/p")],
)  # fmt: skip
def test_redirects(server, fetch, status, to, asked):
    s = server(b"")
    s.answers = [answer("%d There" % status, "Location: " + (to % s.port if "%" in to else to), body=b""), answer()]
    assert fetch(s.url + "/a/b?q=1") == "GOT True\n"
    assert s.paths() == ["/a/b?q=1", asked]


@pytest.mark.parametrize(
    "line", ["Location: ftp://127.0.0.1:%d/x", "Location: file:///etc/passwd", "Location: x:y", "Location: http:///x", "X: y", "Location:"]
)
def test_redirects_that_lead_nowhere(server, fetch, line):
    s = server(b"")
    s.answers = [answer("302 Found", line % s.port if "%" in line else line, body=b""), answer()]
    assert fetch(s.url + "/a").startswith("SourceError")
    assert len(s.requests) == 1


def test_redirects_have_an_end_and_other_statuses_are_said(server, fetch):
    s = server(answer("302 Found", "Location: /x", body=b""))
    assert fetch(s.url + "/a") == "SourceError redirects\n" and len(s.requests) == 5
    for status in ("204 No", "300 Choices", "304 Same", "400 Bad", "401 Who", "404 Not"):
        assert fetch(server(answer(status, "Location: /x")).url) == "SourceError %s\n" % status[:3]


RANGES = [
    ("206 Part", "Content-Range: bytes 100-5119/5120", "GOT True"),
    ("206 Part", "content-range:bytes 100-5119/*", "GOT True"),
    ("206 Part", "Content-Range: bytes 50-5119/5120", "GOT True"),  # from before: skipped
    ("200 OK", "X: y", "GOT True"),
    ("200 OK", "Content-Range: bytes */5120", "GOT True"),  # no such answer: the whole
    ("206 Part", "Content-Range: bytes 101-5119/5120", "SourceError"),
    ("206 Part", "Content-Range: bytes */5120", "SourceError"),
    ("206 Part", "Content-Range: bytes", "SourceError"),
    ("206 Part", "Content-Type: multipart/byteranges", "SourceError"),
    ("416 Not", "Content-Range: bytes */50", "Truncated"),
    ("416 Not", "Content-Range: bytes */5120", "Truncated"),
    ("416 Not", "X: y", "Truncated"),
]


@pytest.mark.parametrize("status, line, says", RANGES)
def test_ranges(server, fetch, status, line, says):
    start = {"206": 50 if "50-" in line else 100}.get(status[:3], 0)
    s = server(answer(status, line, body=BODY[start:]))
    assert fetch(s.url, 100).startswith(says + ("\n" if "GOT" in says else " ")), line
    assert len(s.requests) == 1 and "Range: bytes=100-\r\n" in s.requests[0]


@pytest.mark.parametrize(
    "line",
    [
        "Transfer-Encoding: chunked",
        "transfer-encoding: CHUNKED",
        "Content-Encoding: gzip",
        "Content-Encoding: br",
        "Transfer-Encoding: gzip, chunked",
    ],
)
def test_a_coded_answer_is_named(server, fetch, line):
    s = server(answer("200 OK", line))
    out = fetch(s.url)
    assert out.startswith("SourceError") and line in out
    assert "Accept-Encoding: identity\r\n" in s.requests[0] and " HTTP/1.0\r\n" in s.requests[0]
    # where it does not matter, the status counts
    assert fetch(server(answer("404 No", line)).url) == "SourceError 404\n"


def test_an_uncoded_answer_may_say_so(server, fetch):
    assert fetch(server(answer("200 OK", "Transfer-Encoding: identity", "Content-Encoding: Identity")).url) == "GOT True\n"


def test_away_is_not_truncated(server, fetch):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    assert fetch("http://127.0.0.1:%d/x" % port).startswith("Unreachable (0,")
    assert fetch("http://127.0.0.1:%d/x" % port, 300).startswith("Unreachable (300,")
    for nothing in (None, b"HTTP/1.0 2", answer(body=b""), answer("503 Busy")):
        s = server(nothing)
        assert fetch(s.url).startswith("Unreachable (0,") and len(s.requests) == 3
    s = server(answer(body=BODY[:10]), None)
    assert fetch(s.url).startswith("Truncated (10,") and len(s.requests) == 3
    s = server(answer("503 Busy"), None, answer())  # and back
    assert fetch(s.url) == "GOT True\n"


def trickle(head):
    def send(connection):
        connection.sendall(head)
        done = threading.Event()
        while not done.wait(0.02):
            connection.sendall(b"x")

    return send


@pytest.mark.parametrize(
    "head, says",
    [(answer(body=b""), "Truncated"), (b"HTTP/1.0 200 OK\r\nX: ", "Unreachable"), (b"", "Unreachable")],
    ids=["body", "header", "status"],
)
def test_a_server_that_trickles_ends_after_the_whole_time(server, fetch, head, says):
    """The clock itself is turned in tests/device/test_ota_limit.py; that this ends at all is the test."""
    out = fetch(server(trickle(head)).url, total=0.5, timeout=30)
    assert out.startswith(says) and ("total=0.5" in out or not head or says == "Unreachable")


def test_a_server_that_says_nothing_ends_after_the_whole_time(server, fetch):
    assert fetch(server(lambda c: c.recv(1)).url, total=0.3, timeout=30).startswith("Unreachable")


def test_headers_tell_the_server_who_asks_and_go_to_no_other_host(server, fetch):
    other = server(answer())
    s = server(b"")
    s.answers = [answer("302 Found", "Location: /again", body=b""), answer("302 Found", "Location: %s/x" % other.url, body=b"")]
    assert fetch(s.url, headers={"X-Device": "d1", "X-Version": 7}) == "GOT True\n"
    assert len(s.requests) == 2 and all("\r\nX-Device: d1\r\n" in r and "\r\nX-Version: 7\r\n" in r for r in s.requests)
    assert len(other.requests) == 1 and "X-" not in other.requests[0]
    for bad in ({"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "a\0"}):
        s = server(answer())
        assert fetch(s.url, headers=bad).startswith("ValueError headers") and not s.requests


def test_manifest_limit_over_http(server, run):
    image = b"x"
    m = {"board": "UNIX", "version": "2", "size": 1, "sha256": hashlib.sha256(image).hexdigest(), "file": "?image=a b"}
    text = json.dumps(m)
    code = """
import asyncio, sys
from microtetherdb import ota
class Slot:
    running, target, capacity = 0, 1, 1 << 20
    def status(s): return "valid", "empty"
try:
    print(asyncio.run(ota.Updater(slot=Slot(), board="UNIX", allow_unsigned=True, pause=0.01, retries=1).check(sys.argv[1]))["image"])
except ota.OTAError as e:
    print(type(e).__name__, e)
"""
    for size, good in ((len(text), True), (2048, True), (2049, False), (9000, False)):
        s = server(answer(body=text.ljust(size).encode()))
        out = run(code, args=[s.url + "/m.json"])
        assert out == (s.url + "/m.json?image=a b\n" if good else "BadManifest longer than 2048 bytes\n"), size
    # torn by the link: never taken for whole
    for end in (1, 30, len(text) - 1):
        s = server(answer(body=text[:end].encode()))
        assert run(code, args=[s.url + "/m.json"]).startswith("BadManifest")
    # a manifest may not name what a server may not: another scheme, or a line end
    for file in ("ftp://127.0.0.1/x", "sd:/x", "a\r\nX: y", 5, None, ["x"]):
        s = server(answer(body=json.dumps(dict(m, file=file)).encode()))
        assert run(code, args=[s.url + "/m.json"]).startswith(("SourceError", "BadManifest")), file


@pytest.mark.parametrize("name", ["my image", "100%", "a?b#c", "\xfcber", "a:b", "%41", "a&b=c;d+e"])
@pytest.mark.parametrize("http", [False, True])
def test_image_names_of_any_kind(device, serve, name, http):  # noqa: F811
    image = device.web / name
    image.write_bytes(script("2"))
    where = updates.write(updates.make(image, "UNIX", "2", key=device.key), device.web)
    lines, good = updates.inspect(where, device.public)
    assert good and "image      %s: size and SHA-256 match" % name in lines
    out, status = device.boot(serve(device.web)[0] + "/UNIX.json" if http else where)
    assert "UPDATED 2" in out and status == launch.RESTART, out
    assert "CONFIRMED" in device.boot()[0]
