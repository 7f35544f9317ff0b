"""Requests to a server whose replies come within a time, or whose waiting is ended by another thread."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time
import urllib.error
import urllib.request
import weakref
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, cast

from video_r2.files import writable
from video_r2.judge.replies import InvalidReplyError

LONGEST_REPLY = 1 << 20  # bytes
LONGEST_ERROR, LONGEST_SAID = 1 << 14, 200  # bytes read of what a server says of an error, characters told of it


class Sockets:
    """Those that replies are waited for at, so that the waiting can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._is_shut = False

    def add(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
            if self._is_shut:
                _shut(sock)

    def shut(self) -> None:
        with self._lock:
            self._is_shut = True
            for sock in self._open:
                _shut(sock)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def open_request(request: urllib.request.Request, seconds: float, sockets: Sockets, direct: bool) -> HTTPResponse:
    """The reply to a request, all of which must be read before so many seconds are over, however slowly it drips.

    Args:
        sockets: what is to know where it is waited for.
        direct: whatever proxy the environment names, which would look for this machine's loopback on its own.
    """
    ends = time.monotonic() + seconds
    proxies = urllib.request.ProxyHandler({} if direct else None)
    opener = urllib.request.build_opener(
        proxies, _NoRedirects, _TimelyHTTPHandler(ends, sockets), _TimelyHTTPSHandler(ends, sockets)
    )
    return cast(HTTPResponse, opener.open(request, timeout=seconds))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A question is not asked elsewhere, and a token told to nobody else."""

    def redirect_request(self, *unused: Any) -> None:
        return None


class _TimelyHTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, ends: float, sockets: Sockets) -> None:
        super().__init__()
        self._timely = partial(_timely, ends, sockets)

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._timely, HTTPConnection), req)


class _TimelyHTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, ends: float, sockets: Sockets) -> None:
        super().__init__()
        self._timely = partial(_timely, ends, sockets)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._timely, HTTPSConnection), req)


def _timely(
    ends: float, sockets: Sockets, connection: type[HTTPConnection], host: str, timeout: float
) -> HTTPConnection:
    """A connection all of whose replies end at a moment of the monotonic clock."""
    made = connection(host, timeout=timeout)
    made.response_class = partial(_TimelyResponse, ends, sockets)  # type: ignore[assignment]
    return made


class _TimelyResponse(HTTPResponse):
    def __init__(self, ends: float, sockets: Sockets, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        sockets.add(sock)
        self.fp = io.BufferedReader(_TimelyReader(self.fp.detach(), sock, ends))


class _TimelyReader(io.RawIOBase):
    """Reads from a socket, whose own time-out begins anew with every byte, until a moment of the monotonic clock."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, ends: float) -> None:
        self._raw, self._sock, self._ends = raw, sock, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply takes too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def read_all(response: HTTPResponse) -> bytes:
    """The body of a reply, which may come in drops."""
    body = bytearray()
    while part := response.read1(1 << 16):
        body += part
        if len(body) > LONGEST_REPLY:
            raise InvalidReplyError("the reply is too long")
    if response.length:
        raise IncompleteRead(bytes(body), response.length)
    return bytes(body)


def described(error: urllib.error.HTTPError) -> str:
    """The status, and what the server says of it; where it refuses a token, that may be part of what it says."""
    said = ""
    if error.code not in (401, 403):
        with contextlib.suppress(OSError, HTTPException):
            said = error.read(LONGEST_ERROR).decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
        reply = json.loads(said)
        said = str(reply["error"]["message"] if isinstance(reply["error"], dict) else reply["error"])
    line = writable(" ".join(said.split()))[:LONGEST_SAID]
    return f"HTTP status {error.code}" + (f" ({line})" if line else "")


def retry_after(error: urllib.error.HTTPError) -> float:
    try:
        return max(0.0, float(error.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0
