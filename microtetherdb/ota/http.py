"""A file by HTTP or HTTPS. Images for boards without a network leave this module out."""

import asyncio

from micropython import const

from .errors import SourceError, Truncated

_HEADER = const(16384)  # bytes of an answer's header, all lines together
_LINE = const(2048)  # bytes kept of a line: enough for where a redirect leads


def _parts(ref):
    # Scheme with ":" in small letters, "//" with the host, path, query with "?", fragment with "#" of a reference; each may be ""
    # (RFC 3986, appendix B).
    ref, mark, fragment = ref.partition("#")
    fragment = mark + fragment
    ref, mark, query = ref.partition("?")
    scheme, colon, path = ref.partition(":")
    if not colon or "/" in scheme:
        scheme = colon = ""
        path = ref
    at = 0
    if path[:2] == "//":
        at = path.find("/", 2)
        if at < 0:
            at = len(path)
    return scheme.lower() + colon, path[:at], path[at:], mark + query, fragment


def join(base, name):
    """Return where the reference `name` leads from the URL `base` (RFC 3986, section 5.2)."""
    base_scheme, base_host, base_path, base_query, _ = _parts(base)
    scheme, host, path, query, fragment = _parts(name)
    if not scheme:
        scheme = base_scheme
        if not host:
            host = base_host
            if not path:
                path = base_path
                query = query or base_query
            elif path[0] != "/":
                path = (base_path[: base_path.rfind("/") + 1] or "/") + path
    if path[:1] == "/":
        kept = []
        for part in path[1:].split("/"):
            dots = part in (".", "..")
            if not dots:
                kept.append(part)
            elif part == "..":
                kept = kept[:-1]
        path = "/" + "/".join(kept + [""] * dots)
    return scheme + host + path + query + fragment


def refer(base, name):
    """`join` for what a server or a manifest says: it leads to http or https, and from https to https only, where the user's CA is
    asked. Raises SourceError."""
    url = join(base, name)
    scheme, host, _, _, _ = _parts(url)
    if not host[2:] or scheme != "https:" and (scheme != "http:" or base[:6].lower() == "https:"):
        raise SourceError("not http or https, or away from https", url)
    return url


def _context():
    # Not `ssl=True` of open_connection, which wants micropython-lib's ssl.py on top of the firmware's tls.
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_NONE
    return context


async def request(url, offset, ssl, headers):
    """Ask for `url` from `offset`: return the stream at the body and the offset it starts from. `ssl`, `headers`: see `Source`.

    Raises Truncated, SourceError, and OSError for what may pass.
    """
    url = refer(url, "")
    asked = None
    for _ in range(5):
        if min(url) < " ":
            raise SourceError("control character in the URL")
        scheme, host, path, query, _ = _parts("".join([chr(c) if 32 < c < 127 else "%%%02X" % c for c in url.encode()]))
        name, _, port = host[2:].partition(":")
        try:
            if not name:
                raise ValueError
            port = int(port or (443 if scheme == "https:" else 80))
        except ValueError:
            raise SourceError(url)
        more = ""
        if asked in (None, host):  # another host that a redirect leads to gets none of them
            asked = host
            for key in headers:
                line = "%s: %s" % (key, headers[key])
                if min(line) < " ":
                    raise ValueError("headers: control character in " + repr(key))
                more += line + "\r\n"
        tls = None
        if scheme == "https:":
            tls = ssl or _context()
        s, _ = await asyncio.open_connection(name, port, tls)
        done = False
        try:
            # HTTP/1.0: the answer is neither chunked nor kept alive
            text = "GET %s%s HTTP/1.0\r\nHost: %s\r\nRange: bytes=%d-\r\nAccept-Encoding: identity\r\n%s\r\n"
            s.write((text % (path or "/", query, host[2:], offset, more)).encode())
            await s.drain()
            status = 0
            span = there = coded = b""
            line = bytearray()
            for _ in range(_HEADER):
                c = await s.read(1)
                if not c:
                    raise OSError("closed")
                if c != b"\n":
                    if len(line) < _LINE:
                        line += c
                    continue
                text = bytes(line).strip()
                if not text:
                    break
                name, _, value = text.partition(b":")
                name = name.lower()
                value = value.strip()
                if not status:
                    status = int(text.split()[1])
                elif name == b"content-range":
                    span = value
                elif name == b"location":
                    there = value
                elif name in (b"transfer-encoding", b"content-encoding") and value.lower() != b"identity":
                    coded = text
                line = bytearray()
            else:
                raise ValueError
            if status in (200, 206):
                if coded:
                    raise SourceError("cannot read this", coded.decode())
                start = int(span.split()[1].split(b"-")[0]) if status == 206 else 0
                done = True
                return s, start
            there = there.decode()
        except (ValueError, IndexError) as e:  # tls raises ValueError for a certificate that it refuses
            raise SourceError("not HTTP, or not trusted", e)
        finally:
            if not done:
                await s.wait_closed()
        if status == 416:
            raise Truncated(offset)
        if status >= 500:
            raise OSError(status)  # may pass
        if status not in (301, 302, 303, 307, 308) or not there:
            raise SourceError(status)
        url = refer(url, there)
    raise SourceError("redirects")
