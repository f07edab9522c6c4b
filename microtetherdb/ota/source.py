"""Where an update comes from: an HTTP(S) URL, a file, or any stream with `readinto`, read in order into the caller's buffer."""

import asyncio
import time

from .errors import SourceError, Truncated, Unreachable


def _is_url(where):
    scheme, mark, _ = where.partition("://")
    return mark and "/" not in scheme


def _http():
    # The module for URLs, which images for boards without a network do not have.
    try:
        from . import http
    except ImportError:
        raise SourceError("no URLs: this image has no ota.http; give a path or image=stream")
    return http


def join(base, name):
    """Return where the URL reference `name` leads from `base` (URL or path; RFC 3986, section 5.2)."""
    if _is_url(base):
        return _http().join(base, name)
    if _is_url(name):
        return name
    name = _unquote(name)
    return name if name[:1] == "/" else base[: base.rfind("/") + 1] + name


def refer(base, name):
    """`join` for what a manifest says; see `http.refer`."""
    if _is_url(base):
        return _http().refer(base, name)
    return join(base, name)


def _unquote(name):
    # The file that a reference means: %20 is a space.
    from binascii import unhexlify

    first, *rest = name.split("%")
    raw = first.encode()
    try:
        for part in rest:
            raw += (unhexlify(part[:2]) or b"%") + part[2:].encode()
        return raw.decode()
    except ValueError:  # not quoted
        return name


class Source:
    """Bytes of `where` (URL, path or stream) from `offset` on.

    A URL is asked again from where it broke off, `retries` times without a byte of progress, after a pause that starts at
    `pause` seconds and doubles; each wait for the link ends after `timeout` seconds, the whole, pauses and all, after `total`
    seconds (at most 500,000). `ssl`: the SSLContext for https. `headers`: dict of more lines for the request's header.
    """

    def __init__(self, where, offset=0, timeout=20, retries=5, pause=1, ssl=None, total=3600, headers=None):
        self._where = where
        self._url = isinstance(where, str) and _is_url(where)
        self._offset = offset
        self._timeout = timeout
        self._retries = retries
        self._pause = pause
        self._ssl = ssl
        self._headers = headers or {}
        self._total = total
        self._end = time.ticks_add(time.ticks_ms(), int(min(total, 500000) * 1000))
        self._stream = None
        self._came = False  # a byte of the file

    def _give_up(self, reason):
        raise (Truncated if self._came else Unreachable)(self._offset, reason)

    def _left(self, wait):
        # `wait` seconds, or what is left of the whole time, in ms.
        left = time.ticks_diff(self._end, time.ticks_ms())
        if left <= 0:
            self._give_up("longer than total=%s s" % self._total)
        return min(left, int(wait * 1000))

    async def _open(self, scratch):
        where = self._where
        offset = self._offset
        start = 0
        if self._url:
            request = _http().request
            self._stream, start = await asyncio.wait_for_ms(request(where, offset, self._ssl, self._headers), self._left(self._timeout))
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
        left = self._left(self._timeout)
        n = self._stream.readinto(buf)
        if n is not None and not isinstance(n, int):
            n = await asyncio.wait_for_ms(n, left)
        if n == 0:
            raise EOFError
        if n:
            self._came = True
        else:
            await asyncio.sleep_ms(1)  # a stream that has nothing yet
        return n or 0

    async def fill(self, buf, whole=True):
        """Fill the memoryview `buf` and return its length; with `whole=False` the end may come earlier.

        Raises Truncated, Unreachable, SourceError, or the OSError of a file.
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
                    self._give_up(e)
                await asyncio.sleep_ms(self._left(self._pause * (1 << tries)))
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
