"""The client of KFP's own SDK, made so that making it asks the server nothing."""

import ipaddress
import os
import urllib.parse
import urllib.request
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp
import kfp_server_api
import urllib3

from cluster import credentials
from components.core.errors import InvalidInput

NO_RETRIES = urllib3.Retry(total=None, connect=0, read=0, other=0, redirect=3)
"""For urllib3, whose own attempts know no pauses; `Cluster.call` is what tries again."""


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
    """Where the API is, and where it is written who we are.

    Attributes:
        host: address of the API, or None for the service of the cluster this runs in.
        namespace: the user's namespace in a multi-user Kubeflow, or None.
        token_file: file with a bearer token, read again for every request.
        cookies_file: file with a Cookie header's value.
        ca_cert: file with the certificate authority that signed the server's certificate.
        plain_http: whether a token or cookies may go over http:// to another machine.
        patience: which pauses a failing call gets.
    """

    host: str | None = None
    namespace: str | None = None
    token_file: str | None = None
    cookies_file: str | None = None
    ca_cert: str | None = None
    plain_http: bool = False
    patience: Patience = Patience()


def make_client(connection: Connection) -> kfp.Client:
    """Return the client for a connection; nothing is sent.

    Raises:
        InvalidInput: an address, or a token, cookie or certificate file that can't be used.
    """
    host, cookies = _checked_host(connection.host), credentials.cookies(connection.cookies_file)
    who_we_are = credentials.client_credentials(connection.token_file)
    if host and (cookies or who_we_are) and not connection.plain_http:
        _refuse_plain_http(host)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # says on every start that it needs KFP 2
        return _Client(host=host, cookies=cookies, ssl_ca_cert=_checked_certificate(connection.ca_cert), **who_we_are)


def namespace_of_this_pod() -> str | None:
    """Return the namespace of the pod that this runs in, or None outside a cluster."""
    path = Path(kfp.Client._NAMESPACE_PATH)
    return path.read_text().strip() if path.exists() else None


class _Client(kfp.Client):
    """A client whose construction asks the server nothing: `connect` does that, and says what is wrong."""

    def get_kfp_healthz(self, sleep_duration: float = 0) -> kfp_server_api.V2beta1GetHealthzResponse:
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

    def _load_config(self, *arguments: Any) -> Any:
        config = super()._load_config(*arguments)
        config.retries = NO_RETRIES
        config.proxy = _proxy_for(config.host)
        return config


def _checked_host(host: str | None) -> str | None:
    """Return the address, without the page of the user interface that may hang on it."""
    host = host and host.strip("\"' \t\r\n")  # pasted with what stood around it
    if not host and "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise InvalidInput("host must be given outside a cluster; use --host URL, or set KFP_HOST")
    if not host:
        return None
    if "@" in host:
        raise InvalidInput("host must hold no user and no password, which would be shown; give a token or cookies")
    try:
        parts = urllib.parse.urlsplit(host)
        is_address = bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
        is_address = is_address and host.isprintable() and " " not in host
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidInput(f"host must be an http:// or https:// address, got {host!r}")
    return host.partition("#")[0]


def _refuse_plain_http(host: str) -> None:
    """Refuse to send a secret readable over the network."""
    parts = urllib.parse.urlsplit(host)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        rule = "host must be an https:// address where a token or cookies are sent to it"
        raise InvalidInput(f"{rule}, got {host!r}; --plain-http sends them all the same")


def _is_this_machine(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _proxy_for(host: str) -> str | None:
    """Return the proxy that the environment names for an address, or None."""
    parts = urllib.parse.urlsplit(host)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _checked_certificate(path: str | None) -> str | None:
    if path and not Path(path).is_file():
        raise InvalidInput(f"ca_cert must be a file with certificates, got {path!r}")
    return path
