"""Downloads by fsspec that go on where an earlier one broke off.

A file grows under a name of its own, so that an attempt finds the bytes of the one before, even of another process.
"""

import base64
import contextlib
import hashlib
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO
from urllib.parse import urljoin

import aiohttp
import certifi
import fsspec
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.callbacks import Callback
from fsspec.implementations.http import HTTPFileSystem

from components.remote.failures import READ_TIMEOUT_S, DownloadError

Progress = Callable[[int, int | None, str], None]
"""Called with the bytes received so far, the bytes in all (None when the server doesn't say) and the file's name."""

_CONNECT_TIMEOUT_S = 4
_SLOWEST_BYTES_PER_S = 4_096
_SLOW_START_S = 30
_BLOCK_BYTES = 4 << 20
_S3_CONFIG = {"connect_timeout": _CONNECT_TIMEOUT_S, "read_timeout": READ_TIMEOUT_S}


@dataclass(frozen=True)
class Stamp:
    """How a server tells one version of a file from another.

    Attributes:
        n_bytes: the file's size, None when the server doesn't say.
        etag: HTTP's entity tag, or the object store's.
        modified: when it was written, in the server's words.
        md5: the content's MD5 in hexadecimal, where the server gives it; empty otherwise.
    """

    n_bytes: int | None = None
    etag: str = ""
    modified: str = ""
    md5: str = ""

    @property
    def tells_versions(self) -> bool:
        return self.n_bytes is not None and bool(self.etag or self.modified)


def read_stamp(info: dict[str, Any]) -> Stamp:
    """Return the stamp in what fsspec tells of a file, whichever store it is in."""
    etag = str(info.get("ETag") or info.get("etag") or "")
    # An object store's listing and its answer about one object give the time with different precision.
    modified = str(
        info.get("Last-Modified") or ("" if etag else info.get("LastModified") or info.get("updated") or "")
    )
    md5 = base64.b64decode(info["md5Hash"]).hex() if info.get("md5Hash") else ""
    return Stamp(info.get("size"), etag, modified, md5)


@contextlib.contextmanager
def http() -> Iterator[HTTPFileSystem]:
    """Yield fsspec's HTTP with bounded waits, the user's proxies and certificates, and no way from https to http."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_plain_redirect)
    client = {
        # A server may label a .gz file as compressed in transit, and undoing that would leave another file.
        "auto_decompress": False,
        "headers": {"Accept-Encoding": "identity"},
        "timeout": timeout,
        "trace_configs": [tracing],
        "trust_env": True,
    }
    filesystem = HTTPFileSystem(client_kwargs=client, ssl=_certificates(), skip_instance_cache=True)
    session = sync(filesystem.loop, filesystem.set_session)
    try:
        yield filesystem
    finally:
        sync(filesystem.loop, session.close)


def object_store(scheme: str) -> AsyncFileSystem:
    """Return fsspec's S3 or Google Cloud Storage, with credentials from the environment or the machine's identity."""
    options: dict[str, Any] = {"config_kwargs": _S3_CONFIG} if scheme == "s3" else {}
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **options)


def receive_stream(
    filesystem: HTTPFileSystem, url: str, part: Path, stamp: Stamp, limit_bytes: int, meter: Callable[[int], None]
) -> None:
    """Append to `part` what is missing of the file at `url`, in one request.

    Args:
        filesystem: fsspec's HTTP.
        url: the file's address.
        part: what is there already; it is written anew when the server does not send from its end on.
        stamp: the version that `part` belongs to.
        limit_bytes: a longer file is refused.
        meter: called with the number of bytes that are there.

    Raises:
        DownloadError: too slow, too long or too short. Anything else that fsspec raises passes through.
    """
    n_there = _usable_bytes(part, stamp)
    headers = {"Range": f"bytes={n_there}-"} if n_there else {}
    if n_there and (version := _strong(stamp.etag) or stamp.modified):
        headers["If-Range"] = version
    with part.open("r+b" if part.exists() else "w+b") as file:
        file.truncate(n_there)
        file.seek(n_there)
        callback = Callback()
        receiver = _Receiver(file, n_there, stamp.n_bytes, limit_bytes, callback, meter)
        if stamp.n_bytes is None or n_there < stamp.n_bytes:
            filesystem.get_file(url, receiver.as_file(), callback=callback, headers=headers)
    _check_length(part, stamp)


def receive_blocks(
    filesystem: AsyncFileSystem, name: str, part: Path, stamp: Stamp, meter: Callable[[int], None]
) -> None:
    """Append to `part` what is missing of an object, a request a block.

    Raises:
        DownloadError: too short. Anything else that fsspec raises passes through.
    """
    n_there, n_bytes = _usable_bytes(part, stamp), stamp.n_bytes or 0
    with part.open("r+b" if part.exists() else "w+b") as file:
        file.truncate(n_there)
        file.seek(n_there)
        while n_there < n_bytes:
            end = min(n_there + _BLOCK_BYTES, n_bytes)
            limit_s = _SLOW_START_S + (end - n_there) / _SLOWEST_BYTES_PER_S
            data = filesystem.cat_file(name, start=n_there, end=end, timeout=limit_s)
            if not data:
                break
            file.write(data)
            n_there += len(data)
            meter(n_there)
    _check_length(part, stamp)


def md5(path: Path) -> str:
    """Return the MD5 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_pace(n_received: int, seconds: float) -> None:
    """Give up a download that would never end.

    Raises:
        DownloadError: it is slower than a modem.
    """
    if seconds > _SLOW_START_S and n_received < seconds * _SLOWEST_BYTES_PER_S:
        raise DownloadError(f"sent only {n_received:,} bytes in {seconds:.0f} s", permanent=True)


class _Receiver:
    """Takes the bytes of one answer, and decides at the first of them whether they continue the file."""

    def __init__(
        self,
        file: BinaryIO,
        n_there: int,
        n_expected: int | None,
        limit_bytes: int,
        callback: Callback,
        meter: Callable[[int], None],
    ) -> None:
        self._file, self._n_before, self._n_there = file, n_there, n_there
        self._n_expected, self._limit_bytes = n_expected, limit_bytes
        self._callback, self._meter = callback, meter
        self._start: float | None = None

    def as_file(self) -> SimpleNamespace:
        """Return what fsspec takes for a file to write to."""
        return SimpleNamespace(write=self.write, read=None, close=None, tell=None)

    def write(self, data: bytes) -> None:
        if self._start is None:
            self._start = time.monotonic()
            self._restart_unless_continued()
        self._file.write(data)
        self._n_there += len(data)
        if self._n_there > self._limit_bytes:
            raise DownloadError(f"sent more than the {self._limit_bytes:,} bytes expected", permanent=True)
        check_pace(self._n_there - self._n_before, time.monotonic() - self._start)
        if data:
            self._meter(self._n_there)

    def _restart_unless_continued(self) -> None:
        """Begin the file anew when the answer is as long as the whole of it, not as what was asked for."""
        announced, expected = self._callback.size, self._n_expected
        known = announced is not None and expected is not None
        if known and announced not in (expected, (expected or 0) - self._n_there):
            problem = f"sent another file than expected: {announced:,} bytes, not {expected:,}"
            raise DownloadError(problem, permanent=True)
        if self._n_there and announced != (expected or 0) - self._n_there:
            self._file.seek(0)
            self._file.truncate()
            self._n_before = self._n_there = 0


def _usable_bytes(part: Path, stamp: Stamp) -> int:
    n_there = part.stat().st_size if part.exists() else 0
    return n_there if stamp.n_bytes is not None and n_there <= stamp.n_bytes else 0


def _strong(etag: str) -> str:
    return "" if etag.startswith("W/") else etag


def _check_length(part: Path, stamp: Stamp) -> None:
    n_there = part.stat().st_size
    if stamp.n_bytes is not None and n_there != stamp.n_bytes:
        raise DownloadError(f"sent {n_there:,} of {stamp.n_bytes:,} bytes", permanent=n_there > stamp.n_bytes)


def _certificates() -> ssl.SSLContext:
    """Return the certificates to trust: those that the environment names, or the system's and certifi's."""
    chosen = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=chosen)
    if not chosen:
        context.load_verify_locations(certifi.where())
    return context


async def _refuse_plain_redirect(
    _session: object, _context: object, asked: aiohttp.TraceRequestRedirectParams
) -> None:
    answer = asked.response
    target = urljoin(str(answer.url), answer.headers.get("Location", ""))
    if str(asked.url).startswith("https:") and target.startswith("http:"):
        raise DownloadError("led to an address that is not https://", permanent=True)
