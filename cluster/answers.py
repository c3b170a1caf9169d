"""One call of the API, and what its failures mean: sorted into what may pass and what will not, a sentence each."""

import json
from collections.abc import Callable
from typing import Any

import kfp_server_api
import urllib3

from cluster.errors import ClusterError, PassingFailure, Unreachable

REQUEST_TIMEOUT_S = (10, 60)
"""Seconds to connect, and to wait for an answer."""

PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)


def call_once(method: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call an API method and return its answer.

    Args:
        method: a bound method of one of the client's API objects.
        arguments: the method's arguments; those that are None are left out.

    Raises:
        PassingFailure: it may work when it is tried again.
        ClusterError: it will not.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    api_client = method.__self__.api_client  # type: ignore[attr-defined]
    host = api_client.configuration.host
    try:
        answer = method(_request_timeout=REQUEST_TIMEOUT_S, **given)
        _check_is_object(api_client.last_response.data, host)
        return answer
    except kfp_server_api.ApiException as error:
        if error.status in PASSING_STATUSES:
            raise PassingFailure(f"status {error.status} ({_reason(error)})") from None
        raise ClusterError(_explain(error, host), error.status) from None
    except urllib3.exceptions.HTTPError as error:
        raise _broken(getattr(error, "reason", None) or error, host) from None
    except UnicodeDecodeError:
        raise PassingFailure("its answer can't be read") from None


def no_api(host: str) -> str:
    """Return the sentence on a server that is something else than Kubeflow Pipelines 2."""
    return f"{host} is no KFP v2 API (404); check --host, and that the server is Kubeflow Pipelines 2"


def first_line(text: object, limit: int = 300) -> str:
    """Return a text's first line that says something, cut to `limit` characters."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[0][:limit] if lines else ""


def _check_is_object(text: str | None, host: str) -> None:
    """Refuse what is no JSON object: the client makes an empty answer of it. Nothing at all is one, of a deletion."""
    try:
        is_object = isinstance(json.loads(text or "{}"), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise ClusterError(
            f"{host} answers with a page rather than the KFP API, most likely to log in; "
            "give a token (--token-file, KFP_TOKEN) or cookies (--cookies-file, KFP_COOKIES)"
        )


def _broken(cause: Exception, host: str) -> Exception:
    """Return what a connection that failed amounts to: an error for good, or one that may pass."""
    if isinstance(cause, urllib3.exceptions.SSLError):
        why = first_line(cause.args[0] if cause.args else cause)
        problem = f"{host} has no certificate that is trusted ({why})"
        return ClusterError(f"{problem}; name its authority with --ca-cert FILE")
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return Unreachable("there is no such name; check --host")
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return Unreachable("connection refused; check --host, and that a port-forward to it is running")
    if isinstance(cause, urllib3.exceptions.TimeoutError):
        return Unreachable("no answer; check --host, and the network between")
    return PassingFailure(f"the connection broke ({type(cause).__name__})")


def _explain(error: kfp_server_api.ApiException, host: str) -> str:
    reason = _reason(error)
    if error.status == 401:
        return f"{host} does not know us (401); give a token (--token-file, KFP_TOKEN) or cookies (--cookies-file)"
    if error.status == 403:
        return f"{host} does not allow this (403: {reason}); check --namespace and your rights in it"
    if error.status == 404 and not _said_by_api(error):
        return no_api(host)
    if not error.status:
        return f"{host} gives an answer that is none of KFP's ({reason})"
    return f"{host} refused the request ({error.status}): {reason}"


def _said_by_api(error: kfp_server_api.ApiException) -> bool:
    """Whether a 404 is the API's own word on a thing that is not there, rather than a server without such an API."""
    try:
        return bool(json.loads(error.body)["code"] == 5)
    except (TypeError, ValueError, KeyError):
        return False


def _reason(error: kfp_server_api.ApiException) -> str:
    """Return the server's own words on an error: of its JSON, or of a body that is plain text rather than a page."""
    body = (error.body or "").strip()
    try:
        said = json.loads(body)
        text = said.get("message") or said.get("error_message") or said.get("error")
    except (ValueError, AttributeError):
        text = "" if body.startswith("<") else body
    return first_line(text or error.reason or "no reason given")
