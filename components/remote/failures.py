"""What can go wrong with a download, each in a short sentence, and whether another attempt is of use."""

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

import aiohttp
from fsspec.exceptions import FSTimeoutError

from components.core.errors import InvalidInput, PipelineError

BACKOFF_S = (1.0, 3.0)
"""Pauses before the second and the third attempt at one address."""

READ_TIMEOUT_S = 20

_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "TokenRetrievalError")
_NEVER_CONNECTED = ("EndpointConnectionError", "ConnectTimeoutError")
_Result = TypeVar("_Result")


class Unreachable(InvalidInput):
    """What was asked for could not be downloaded from any of its addresses."""


class DownloadError(PipelineError):
    """One attempt failed; the message says why, without the address.

    Attributes:
        permanent: another attempt at the same address is of no use.
        absent: the server says that there is no such thing, or none for us.
    """

    def __init__(self, reason: str, permanent: bool, absent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.absent = absent


def persistently(action: Callable[[], _Result], backoff_s: Sequence[float] = BACKOFF_S) -> _Result:
    """Return what `action` returns, tried again after each pause while it fails in a way that may pass.

    Raises:
        DownloadError: no attempt succeeded.
    """
    for pause_s in (*backoff_s, None):
        try:
            return action()
        except Exception as error:
            failure = explain(error)
            if failure.permanent or pause_s is None:
                raise failure from error
            time.sleep(pause_s)
    raise AssertionError("the last attempt returns or raises")


def explain(error: Exception) -> DownloadError:
    """Return what an exception of fsspec, or of a library below it, says about a download.

    Raises:
        Exception: `error` itself, when it is about a file of this machine or input that is refused.
    """
    if isinstance(error, DownloadError):
        return error
    if isinstance(error, PipelineError):
        raise error
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        return explain(error.__cause__)  # fsspec's HTTP says so of any failure to ask for a file's size
    if isinstance(error, aiohttp.ClientError | aiohttp.ServerTimeoutError):
        return _explain_http(error)
    if isinstance(error, FSTimeoutError | TimeoutError):
        return DownloadError(f"sent nothing, or too little, for {READ_TIMEOUT_S} s or more", permanent=False)
    if isinstance(error, FileNotFoundError) and str(error).startswith("http"):
        return answered(HTTPStatus.NOT_FOUND)
    if isinstance(error, FileNotFoundError):
        return DownloadError("does not exist", permanent=True, absent=True)
    if isinstance(error, PermissionError) and error.filename is None:
        return DownloadError(f"may not be read with the credentials that are there: {_line(error)}", permanent=True)
    if type(error).__name__ in _NO_CREDENTIALS:
        return DownloadError(
            "needs credentials, and neither the environment nor the machine's identity has any "
            "(for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile)",
            permanent=True,
        )
    if type(error).__name__ in _NEVER_CONNECTED:
        return DownloadError("could not be reached", permanent=True)
    if response := getattr(error, "response", None):
        return _explain_store(response, error)
    if isinstance(error, ConnectionError):
        return DownloadError("cut the connection", permanent=False)
    if isinstance(error, OSError) and error.filename is not None:
        raise error
    if isinstance(error, ValueError | UnicodeError):
        return DownloadError(f"is no usable address ({type(error).__name__})", permanent=True)
    return DownloadError(f"failed ({type(error).__name__}: {_line(error)})", permanent=False)


def _explain_store(response: object, error: Exception) -> DownloadError:
    """Return what botocore's answer of an object store means, where s3fs passes it on as it is."""
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    if code in ("NoSuchBucket", "NoSuchKey", "404"):
        return DownloadError("does not exist: there is no such bucket or object", permanent=True, absent=True)
    if code in ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403"):
        return DownloadError(f"may not be read with the credentials that are there ({code})", permanent=True)
    return DownloadError(f"failed ({type(error).__name__}: {_line(error)})", permanent=False)


def _explain_http(error: Exception) -> DownloadError:
    if isinstance(error, aiohttp.ClientSSLError):
        return DownloadError("gave no trusted connection: its certificate could not be verified", permanent=True)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return DownloadError("could not be reached through the proxy", permanent=True)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return DownloadError("could not be reached", permanent=True)
    if isinstance(error, aiohttp.ClientResponseError):
        return answered(error.status)
    if isinstance(error, aiohttp.InvalidURL):
        return DownloadError(f"is no usable address, or led to none ({type(error).__name__})", permanent=True)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return DownloadError(f"sent nothing for {READ_TIMEOUT_S} s", permanent=False)
    return DownloadError("cut the connection", permanent=False)


def answered(status: int) -> DownloadError:
    """Return what an HTTP status means for a download."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "an unknown status"
    passing = status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS
    absent = status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.FORBIDDEN)
    return DownloadError(f"answered {status} {phrase}", permanent=not passing, absent=absent)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
