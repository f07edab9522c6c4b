"""Where an update comes from: an HTTP(S) URL, a file, or any stream with `readinto`, read in order into the caller's buffer."""

import asyncio

from micropython import const

from .errors import SourceError, Truncated

_HEADER = const(16384)  # bytes of an answer's header, all lines together
_LINE = const(2048)  # bytes kept of a line: enough for where a redirect leads


def join(base, name):
    """Return where `name` is when `base` (URL or path) refers to it."""
    if "://" in name:
        return name
    if name[:1] == "/":
        return "/".join(base.split("/", 3)[:3]) + name if "://" in base else name
    return base[: base.rfind("/") + 1] + name


def _context():
    # Not `ssl=True` of open_connection, which wants micropython-lib's ssl.py on top of the firmware's tls.
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_NONE
    return context


async def _request(url, offset, ssl):
    # Ask for `url` from `offset`: (stream at the body, offset it starts from).
    for _ in range(5):
        try:
            scheme, _, host, path = (url + "/").split("/", 3)
            name, port = host.split(":") if ":" in host else (host, 443 if scheme == "https:" else 80)
            port = int(port)
        except ValueError:
            raise SourceError(url)
        tls = None
        if scheme == "https:":
            tls = ssl or _context()
        s, _ = await asyncio.open_connection(name, port, tls)
        done = False
        try:
            # HTTP/1.0: the answer is neither chunked nor kept alive
            s.write(("GET /%s HTTP/1.0\r\nHost: %s\r\nRange: bytes=%d-\r\n\r\n" % (path[:-1], host, offset)).encode())
            await s.drain()
            status = start = 0
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
                if not status:
                    status = int(text.split()[1])
                elif name == b"content-range":
                    start = int(value.split()[1].split(b"-")[0])
                elif name == b"location":
                    url = join(url, value.strip().decode())
                line = bytearray()
            else:
                raise ValueError
            done = status in (200, 206)
            if done:
                return s, start
        except (ValueError, IndexError) as e:  # tls raises ValueError for a certificate that it refuses
            raise SourceError("not HTTP, or not trusted", e)
        finally:
            if not done:
                await s.wait_closed()
        if status == 416:
            raise Truncated(offset)
        if status >= 500:
            raise OSError(status)  # may pass
        if status not in (301, 302, 307, 308):
            raise SourceError(status)
    raise SourceError("redirects")


class Source:
    """Bytes of `where` (URL, path or stream) from `offset` on.

    A URL is asked again from where it broke off, `retries` times without a byte of progress, after a pause that starts at
    `pause` seconds and doubles; each wait for the link ends after `timeout` seconds. `ssl`: the SSLContext for https.
    """

    def __init__(self, where, offset=0, timeout=20, retries=5, pause=1, ssl=None):
        self._where = where
        self._url = isinstance(where, str) and "://" in where
        self._offset = offset
        self._timeout = timeout
        self._retries = retries
        self._pause = pause
        self._ssl = ssl
        self._stream = None

    async def _open(self, scratch):
        where = self._where
        offset = self._offset
        start = 0
        if self._url:
            self._stream, start = await asyncio.wait_for(_request(where, offset, self._ssl), self._timeout)
        elif isinstance(where, str):
            self._stream = open(where, "rb")
            start = self._stream.seek(offset)
        else:
            self._stream = where
        if start > offset:
            raise SourceError("range")
        while start < offset:  # from its beginning again: read up to where we were
            start += await self._read(scratch[: offset - start])

    async def _read(self, buf):
        n = self._stream.readinto(buf)
        if n is not None and not isinstance(n, int):
            n = await asyncio.wait_for(n, self._timeout)
        if n == 0:
            raise EOFError
        return n or 0

    async def fill(self, buf, whole=True):
        """Fill the memoryview `buf` and return its length; with `whole=False` the end may come earlier.

        Raises Truncated, SourceError, or the OSError of a file.
        """
        done = 0
        tries = 0
        while done < len(buf):
            try:
                if not self._stream:
                    await self._open(buf[done:])
                n = await self._read(buf[done:])
                done += n
                self._offset += n
                if n:
                    tries = 0
            except (OSError, EOFError, asyncio.TimeoutError) as e:
                if isinstance(e, EOFError) and not whole:
                    return done
                if not self._url:
                    if isinstance(e, EOFError):
                        raise Truncated(self._offset)
                    raise
                await self.close()
                if tries == self._retries:
                    raise Truncated(self._offset, e)
                await asyncio.sleep(self._pause * (1 << tries))
                tries += 1
        return done

    async def close(self):
        """Close what this object opened."""
        s = self._stream
        self._stream = None
        if s and self._url:
            await s.wait_closed()
        elif s and s is not self._where:
            s.close()
