"""How we say who we are. Secrets come from files or variables, never from options, and are never shown."""

import os
import re
from pathlib import Path
from typing import Any

from kfp.client import token_credentials_base
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

from components.core.errors import InvalidInput

IN_CLUSTER_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"


class FileCredentials(token_credentials_base.TokenCredentialsBase):
    """A bearer token in a file, which is read again for every request."""

    def __init__(self, path: str) -> None:
        self._path = path

    def refresh_api_key_hook(self, config: Any) -> None:
        config.api_key["authorization"] = read_token(self._path)


def client_credentials(token_file: str | None) -> dict[str, Any]:
    """Return the arguments by which `kfp.Client` is told who we are: token file, variable, or the pod's own token.

    Raises:
        InvalidInput: the token can't be used.
    """
    if token_file:
        read_token(token_file)
        return {"credentials": FileCredentials(token_file)}
    if token := secret_of_variable("KFP_TOKEN"):
        return {"existing_token": _bare_token(token, "KFP_TOKEN")}
    in_cluster = os.environ.get("KF_PIPELINES_SA_TOKEN_PATH", IN_CLUSTER_TOKEN)
    return {"credentials": ServiceAccountTokenVolumeCredentials()} if Path(in_cluster).exists() else {}


def cookies(cookies_file: str | None) -> str | None:
    """Return the Cookie header's value from its file or variable, or None.

    Raises:
        InvalidInput: it can't be used.
    """
    text = read_secret(cookies_file, "cookies_file") if cookies_file else secret_of_variable("KFP_COOKIES")
    return text and re.sub(r"^cookie:\s*", "", text, flags=re.IGNORECASE)


def read_token(path: str) -> str:
    """Return the bearer token in a file.

    Raises:
        InvalidInput: as `read_secret`, or what the file holds is no token.
    """
    return _bare_token(read_secret(path, "token_file"), f"token_file {path}")


def read_secret(path: str, name: str) -> str:
    """Return the one line that a secret's file holds.

    Raises:
        InvalidInput: there is no such file, or it holds anything else than one line of printable characters.
    """
    try:
        text = Path(path).read_text("utf-8-sig").strip()
    except OSError as error:
        raise InvalidInput(f"{name} must be a file that can be read, got {path!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _no_line(f"{name} {path}") from None
    return _one_line(text, f"{name} {path}")


def secret_of_variable(name: str) -> str | None:
    """Return the one line that an environment variable holds, or None when it holds nothing.

    Raises:
        InvalidInput: it holds more than one line of printable characters.
    """
    value = os.environ.get(name, "").strip()
    return _one_line(value, name) if value else None


def _bare_token(text: str, what: str) -> str:
    """Return a token without the words of the header that it is often copied with, and quotes around it."""
    unquoted = text.strip("\"' ")
    token = re.sub(r"^(authorization:\s*)?(bearer(\s+|$))?", "", unquoted, flags=re.IGNORECASE).strip("\"' ")
    if not token or " " in token:
        raise InvalidInput(f"{what} must hold a bearer token alone, which has no space in it")
    return token


def _one_line(text: str, what: str) -> str:
    if not text or not text.isprintable() or not text.isascii():
        raise _no_line(what)
    return text


def _no_line(what: str) -> InvalidInput:
    return InvalidInput(f"{what} must hold one line of printable characters, all of them ASCII")
