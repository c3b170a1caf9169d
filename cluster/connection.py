"""A connection to a Kubeflow Pipelines API: who we are, what is tried again, and what each failure means.

Calls go through `kfp.Client`'s own API objects, each with a time limit. A failure that can pass (a broken connection,
an overloaded server) is tried again a few times; any other becomes one `ClusterError` with one clear sentence.
"""

import json
import logging
import os
import time
import urllib.parse
import warnings
from dataclasses import dataclass
from pathlib import Path

import kfp
import kfp_server_api
import urllib3
from kfp.client import token_credentials_base
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

from components.core.errors import InvalidInput

REQUEST_TIMEOUT_S = (10, 60)
"""Seconds to connect, and to wait for an answer."""

NO_RETRIES = urllib3.Retry(total=None, connect=0, read=0, other=0, redirect=3)
"""For urllib3, whose own attempts know no pauses; `Cluster.call` is what tries again."""

PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)

IN_CLUSTER_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")


class ClusterError(RuntimeError):
    """The cluster can't be reached, refuses, or reports a failure; its message is shown to the user as it is.

    Attributes:
        status: the HTTP status of a refusal, or None.
    """

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Patience:
    """How long a failure that can pass is waited out.

    Attributes:
        delays_s: pauses between the attempts of one call, in seconds.
        waiting_s: the same while a run is followed: the cluster may be restarting, and the run goes on without us.
        polls_s: pauses between two looks at a run; the last one repeats.
    """

    delays_s: tuple[float, ...] = (1, 2, 4, 8)
    waiting_s: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 30, 30, 30)
    polls_s: tuple[float, ...] = (1, 1, 2, 2, 5)


@dataclass(frozen=True)
class Connection:
    """Where the API is, and how we say who we are. Secrets come from files or variables, never from options.

    Attributes:
        host: address of the API, or None for the service of the cluster this runs in.
        namespace: the user's namespace in a multi-user Kubeflow, or None.
        token_file: file with a bearer token, read again for every request.
        cookies_file: file with a Cookie header's value.
        ca_cert: file with the certificate authority that signed the server's certificate.
        patience: which pauses a failing call gets.
    """

    host: str | None = None
    namespace: str | None = None
    token_file: str | None = None
    cookies_file: str | None = None
    ca_cert: str | None = None
    patience: Patience = Patience()


class Cluster:
    """An API that has answered, and speaks KFP v2.

    Attributes:
        client: the `kfp.Client`.
        url: address of the user interface, for links.
        namespace: the user's namespace, or None.
        patience: which pauses a failing call gets.
    """

    def __init__(self, client, connection):
        self.client = client
        self.url = client.runs.api_client.configuration.host
        self.namespace = connection.namespace
        self.patience = connection.patience

    def call(self, method, find=lambda: None, delays_s=None, **arguments):
        """Call an API method, again after failures that can pass.

        A connection that breaks, or a gateway that gives up, does not say whether the server had done its work. So a
        call that makes something needs a `find`, which looks before it is made again, and also when the server says
        that there is one already.

        Args:
            method: a bound method of one of the client's API objects.
            find: returns what an attempt that seemed to fail has made, or None.
            delays_s: pauses between the attempts, when not the usual ones.
            **arguments: the method's arguments; those that are None are left out.

        Raises:
            ClusterError: the call failed for good, or too often.
        """
        delays_s = self.patience.delays_s if delays_s is None else delays_s
        for delay_s in (*delays_s, None):
            try:
                return _once(method, arguments)
            except _Passing as error:
                failure = error
            except ClusterError as error:
                if error.status == 409 and (made := look(find)) is not None:
                    return made
                raise
            if delay_s is None:
                break
            time.sleep(delay_s)
            if (made := look(find)) is not None:
                return made
        raise ClusterError(f"{self.url} failed {len(delays_s) + 1} times in a row: {failure}")


def connect(connection):
    """Return a `Cluster` after checking that the API answers, lets us in, and is KFP v2.

    Raises:
        InvalidInput: a token, cookie or certificate file that can't be used.
        ClusterError: the API can't be reached, refuses us, or is none.
    """
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    cluster = Cluster(_client(connection), connection)
    if _first_contact(cluster).multi_user and not cluster.namespace:
        cluster.namespace = _namespace_of_this_pod()
        if not cluster.namespace:
            raise ClusterError(f"{cluster.url} has many users; say whose namespace this is for with --namespace NAME")
    return cluster


def look(find):
    """Return what `find` finds, or None; also when the server has no list to look into."""
    try:
        return find()
    except ClusterError as error:
        if error.status not in (404, 405, 501):
            raise
        return None


def first_line(text, limit=300):
    """Return a text's first line that says something, cut to `limit` characters."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[0][:limit] if lines else ""


class _Client(kfp.Client):
    """A client whose construction asks the server nothing: `connect` does that, and says what is wrong."""

    def get_kfp_healthz(self, sleep_duration=0):
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

    def _load_config(self, *arguments):
        config = super()._load_config(*arguments)
        config.retries = NO_RETRIES
        return config


class _FileCredentials(token_credentials_base.TokenCredentialsBase):
    def __init__(self, path):
        self._path = path

    def refresh_api_key_hook(self, config):
        config.api_key["authorization"] = read_secret(self._path, "token_file")


class _Passing(Exception):
    """A failure that may be over soon."""


class _Unreachable(_Passing):
    """Nothing listens there: soon over for a server that has answered before, final for one that never has."""


def read_secret(path, name):
    """Return the one line that a secret's file holds. Its content never appears in a message.

    Raises:
        InvalidInput: there is no such file, or it holds anything else than one line of printable characters.
    """
    try:
        text = Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{name} must be a file that can be read, got {path} ({type(error).__name__})") from None
    return _one_line(text, f"{name} {path}")


def _client(connection):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # says on every start that it needs KFP 2
        return _Client(
            host=_checked_host(connection.host),
            cookies=_secret(connection.cookies_file, "cookies_file", "KFP_COOKIES"),
            ssl_ca_cert=_checked_certificate(connection.ca_cert),
            **_credentials(connection.token_file),
        )


def _credentials(token_file):
    if token_file:
        read_secret(token_file, "token_file")
        return {"credentials": _FileCredentials(token_file)}
    token = _secret(None, "", "KFP_TOKEN")
    if token:
        return {"existing_token": token}
    in_cluster = os.environ.get("KF_PIPELINES_SA_TOKEN_PATH", IN_CLUSTER_TOKEN)
    return {"credentials": ServiceAccountTokenVolumeCredentials()} if Path(in_cluster).exists() else {}


def _secret(path, name, variable):
    if path:
        return read_secret(path, name)
    value = os.environ.get(variable, "").strip()
    return _one_line(value, variable) if value else None


def _one_line(text, what):
    if not text or not text.isprintable():
        raise InvalidInput(f"{what} must hold one line of printable characters")
    return text


def _checked_host(host):
    """Return the address, without the page of the user interface that may hang on it."""
    if not host and "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise InvalidInput("host must be given outside a cluster; use --host URL, or set KFP_HOST")
    if not host:
        return None
    if "@" in host:
        raise InvalidInput("host must hold no user and no password, which would be shown; give a token or cookies")
    try:
        parts = urllib.parse.urlsplit(host)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidInput(f"host must be an http:// or https:// address, got {host!r}")
    return host.partition("#")[0]


def _checked_certificate(path):
    if path and not Path(path).is_file():
        raise InvalidInput(f"ca_cert must be a file with certificates, got {path}")
    return path


def _namespace_of_this_pod():
    path = Path(kfp.Client._NAMESPACE_PATH)
    return path.read_text().strip() if path.exists() else None


def _first_contact(cluster):
    """Return what the API says of its health; a server that refuses connections is not waited for."""
    method = cluster.client.healthzs.healthz_service_get_healthz
    try:
        return _once(method, {})
    except _Unreachable as error:
        raise ClusterError(f"{cluster.url} can't be reached: {error}") from None
    except _Passing:
        return cluster.call(method)
    except ClusterError as error:
        if error.status == 404:
            raise ClusterError(_no_api(cluster.url), error.status) from None
        raise


def _once(method, arguments):
    """Call an API method; sort what goes wrong into what may pass and what will not."""
    given = {name: value for name, value in arguments.items() if value is not None}
    host = method.__self__.api_client.configuration.host
    try:
        answer = method(_request_timeout=REQUEST_TIMEOUT_S, **given)
        _check_answer(method.__self__.api_client.last_response.data, host)
        return answer
    except kfp_server_api.ApiException as error:
        if error.status in PASSING_STATUSES:
            raise _Passing(f"status {error.status} ({_reason(error)})") from None
        raise ClusterError(_explain(error, host), error.status) from None
    except urllib3.exceptions.HTTPError as error:
        raise _broken(getattr(error, "reason", None) or error, host) from None
    except UnicodeDecodeError:
        raise _Passing("its answer can't be read") from None


def _check_answer(text, host):
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


def _broken(cause, host):
    """Return what a connection that failed amounts to: an error for good, or one that may pass."""
    if isinstance(cause, urllib3.exceptions.SSLError):
        why = first_line(cause.args[0] if cause.args else cause)
        problem = f"{host} has no certificate that is trusted ({why})"
        return ClusterError(f"{problem}; name its authority with --ca-cert FILE")
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return _Unreachable("there is no such name; check --host")
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return _Unreachable("connection refused; check --host, and that a port-forward to it is running")
    if isinstance(cause, urllib3.exceptions.TimeoutError):
        return _Unreachable("no answer; check --host, and the network between")
    return _Passing(f"the connection broke ({type(cause).__name__})")


def _explain(error, host):
    reason = _reason(error)
    if error.status == 401:
        return f"{host} does not know us (401); give a token (--token-file, KFP_TOKEN) or cookies (--cookies-file)"
    if error.status == 403:
        return f"{host} does not allow this (403: {reason}); check --namespace and your rights in it"
    if error.status == 404 and not _said_by_api(error):
        return _no_api(host)
    if not error.status:
        return f"{host} gives an answer that is none of KFP's ({reason})"
    return f"{host} refused the request ({error.status}): {reason}"


def _no_api(host):
    return f"{host} is no KFP v2 API (404); check --host, and that the server is Kubeflow Pipelines 2"


def _said_by_api(error):
    """Whether a 404 is the API's own word on a thing that is not there, rather than a server without such an API."""
    try:
        return json.loads(error.body)["code"] == 5
    except (TypeError, ValueError, KeyError):
        return False


def _reason(error):
    """Return the server's own words on an error: of its JSON, or of a body that is plain text rather than a page."""
    body = (error.body or "").strip()
    try:
        said = json.loads(body)
        text = said.get("message") or said.get("error_message") or said.get("error")
    except (ValueError, AttributeError):
        text = "" if body.startswith("<") else body
    return first_line(text or error.reason or "no reason given")
