"""Downloads that are either whole and verified or not there."""

import contextlib
import http.client
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
import urllib3

from components.core import files
from components.core.errors import InvalidInput

Progress = Callable[[int, int | None, str], None]
"""Called with the bytes received so far, the bytes in all (None when the server doesn't say) and the file's name."""

BACKOFF_S = (1.0, 3.0)
"""Pauses before the second and the third attempt at one address."""

_CONNECT_TIMEOUT_S = 4
_READ_TIMEOUT_S = 20
_SLOWEST_BYTES_PER_S = 4_096
_SLOW_START_S = 30
_CHUNK_BYTES = 1 << 16
_TERMINAL_INTERVAL_S = 0.1
_LOG_INTERVAL_S = 5
_BAR_WIDTH = 24


class Unreachable(InvalidInput):
    """What was asked for could not be downloaded from any of its addresses."""


class DownloadError(Exception):
    """One attempt failed; `permanent` says that another at the same address is of no use."""

    def __init__(self, reason, permanent):
        super().__init__(reason)
        self.permanent = permanent


def download(url, path, limit_bytes, sha256=None, progress=None, backoff_s=BACKOFF_S):
    """Write what `url` answers to `path`, which appears there whole and verified, or not at all.

    Args:
        url: an `https://` address; redirections must keep to `https://` too.
        path: the file to write.
        limit_bytes: a longer answer is refused.
        sha256: what the file's SHA-256 must be, in hexadecimal; None for a file that has no known sum.
        progress: a `Progress`; by default a bar on a terminal, and now and then a line in a log.
        backoff_s: pauses in seconds between attempts; their number plus one is the number of attempts.

    Raises:
        DownloadError: no attempt succeeded; the message says why, without the address.
        OSError: `path` can't be written.
    """
    progress = progress or Report(sys.stderr)
    for pause_s in (*backoff_s, None):
        try:
            with files.replacing(path) as partial:
                _receive(url, partial, limit_bytes, progress)
                _verify(partial, sha256)
            return
        except DownloadError as error:
            if error.permanent or pause_s is None:
                raise
            time.sleep(pause_s)


def _receive(url, path, limit_bytes, progress):
    name = urlsplit(url).path.rpartition("/")[2]
    with _failures_named(), _answer(url) as response, path.open("wb") as file:
        total = _announced_bytes(response)
        start, n_received = time.monotonic(), 0
        # The undecoded bytes: a server may label a .gz file as compressed in transit, and undoing that would
        # leave another file than the one that is stored there.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            file.write(chunk)
            n_received += len(chunk)
            _check_pace(n_received, time.monotonic() - start)
            if n_received > limit_bytes:
                raise DownloadError(f"sent more than the {limit_bytes:,} bytes expected", permanent=True)
            progress(n_received, total, name)
        if total is not None and n_received != total:
            raise DownloadError(f"sent {n_received:,} of {total:,} bytes", permanent=False)


@contextlib.contextmanager
def _answer(url):
    timeouts = (_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S)
    with requests.get(url, stream=True, timeout=timeouts, headers={"Accept-Encoding": "identity"}) as response:
        visited = (step.url for step in (*response.history, response))
        if url.startswith("https:") and not all(address.startswith("https:") for address in visited):
            raise DownloadError("led to an address that is not https://", permanent=True)
        if response.status_code != HTTPStatus.OK:
            passing = response.status_code >= 500 or response.status_code == HTTPStatus.TOO_MANY_REQUESTS
            raise DownloadError(f"answered {response.status_code} {response.reason}", permanent=not passing)
        yield response


@contextlib.contextmanager
def _failures_named():
    """Turn what the network can do to a request into a `DownloadError` with a short reason."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise DownloadError("gave no trusted connection: its certificate could not be verified", True) from error
    except requests.exceptions.ProxyError as error:
        raise DownloadError("could not be reached through the proxy", permanent=True) from error
    except requests.exceptions.ConnectionError as error:
        if _never_connected(error):
            raise DownloadError("could not be reached", permanent=True) from error
        raise DownloadError("cut the connection", permanent=False) from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise DownloadError(f"sent nothing for {_READ_TIMEOUT_S} s", permanent=False) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.LocationValueError, UnicodeError) as error:
        raise DownloadError(f"is no usable address ({type(error).__name__})", permanent=True) from error
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError) as error:
        raise DownloadError("cut the connection", permanent=False) from error


def _never_connected(error):
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        reason, urllib3.exceptions.NewConnectionError
    )


def _announced_bytes(response):
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _check_pace(n_received, seconds):
    if seconds > _SLOW_START_S and n_received < seconds * _SLOWEST_BYTES_PER_S:
        raise DownloadError(f"sent only {n_received:,} bytes in {seconds:.0f} s", permanent=True)


def _verify(path, sha256):
    found = files.sha256(path) if sha256 else None
    if found != sha256:
        raise DownloadError("sent another file than the published one: its SHA-256 differs", permanent=True)


class Report:
    """The default `Progress`: a bar on a terminal, elsewhere a line a file and one every few seconds."""

    def __init__(self, stream, clock=time.monotonic):
        self._stream, self._clock = stream, clock
        self._terminal = stream.isatty()
        self._due = self._next_due()

    def __call__(self, n_received, total, name):
        done = n_received == total
        if not done and self._clock() < self._due:
            return
        self._due = self._next_due()
        if self._terminal:
            self._stream.write(f"\r{name} {_bar(n_received, total)} {_amount(n_received, total)}" + "\n" * done)
        else:
            self._stream.write(f"{'Downloaded' if done else 'Downloading'} {name}: {_amount(n_received, total)}\n")
        self._stream.flush()

    def _next_due(self):
        return self._clock() + (_TERMINAL_INTERVAL_S if self._terminal else _LOG_INTERVAL_S)


def _bar(n_received, total):
    n_full = _BAR_WIDTH * n_received // total if total else 0
    return f"[{'#' * n_full}{'.' * (_BAR_WIDTH - n_full)}]"


def _amount(n_received, total):
    megabytes = f"{n_received / 1e6:.1f}"
    return f"{megabytes} of {total / 1e6:.1f} MB" if total else f"{megabytes} MB"
