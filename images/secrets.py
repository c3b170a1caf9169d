"""What a build may look at and no layer holds: this machine's settings of pip, and its certificates."""

import configparser
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PIP_FILES = (Path("/etc/pip.conf"), Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_CERTIFICATE_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@contextlib.contextmanager
def build_secrets() -> Iterator[dict[str, str]]:
    """Yield the files by secret's name.

    What pip uses on this machine (its files, then its variables) is what it uses in the build.
    """
    settings = _pip_settings()
    certificate = next((os.environ[name] for name in _CERTIFICATE_VARIABLES if os.environ.get(name)), None)
    with tempfile.TemporaryDirectory() as folder:
        secrets = {}
        if certificate:
            settings["cert"] = "/run/secrets/ca.crt"
            secrets["ca.crt"] = certificate
        if settings:
            secrets["pip.conf"] = f"{folder}/pip.conf"
            lines = [f"{name} = {value}" for name, value in settings.items()]
            Path(secrets["pip.conf"]).write_text("\n".join(["[global]", *lines, ""]))
        yield secrets


def _pip_settings() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([*_PIP_FILES, os.environ.get("PIP_CONFIG_FILE", "")])
    settings: dict[str, str | None] = {}
    for name in _PIP_SETTINGS:
        for section in ("global", "install"):
            settings[name] = parser.get(section, name, fallback=settings.get(name))
        settings[name] = os.environ.get(f"PIP_{name.upper().replace('-', '_')}", settings[name])
    return {name: value for name, value in settings.items() if value}
