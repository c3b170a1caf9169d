"""The same version in a Kubeflow Model Registry, by its own client."""

import asyncio
import contextlib
import logging
import warnings
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from components.core.errors import InvalidInput
from components.registry.store import Store
from components.registry.versions import FOLDER, Version

AUTHOR = "fashion-tuner"
API = "v1"
"""What the client speaks; a server that speaks another version of it answers 404."""

_MOST_TEXT = 2_000


def check(address: str) -> None:
    """Refuse a server that can't be reached, or does not speak the client's version of the protocol.

    Raises:
        InvalidInput: the message says what it speaks.
    """
    with _client(address):
        pass


def register(address: str, store: Store, version: Version) -> None:
    """Register a version under the registry's name, unless it is there.

    Args:
        address: of the server.
        store: the registry that holds the files.
        version: the version.

    Raises:
        InvalidInput: the server can't be used.
    """
    name = PurePosixPath(store.shown).name or AUTHOR
    with _client(address) as client:
        if client.get_registered_model(name) and client.get_model_version(name, str(version.number)):
            return
        client.register_model(
            name,
            f"{store.shown.rstrip('/')}/{FOLDER}/{version.label}/model",
            model_format_name="keras",
            model_format_version=metadata.version("keras"),
            version=str(version.number),
            version_description=f"run {version.run}",
            metadata=_facts(version),
        )


def _facts(version: Version) -> dict[str, Any]:
    figures = {name: figure.value for name, figure in version.metrics.items()}
    values = {name: str(value) for name, value in version.hyperparameters.items()}
    facts = {
        "run": version.run,
        "data_source": version.data["source"],
        "data_fingerprint": version.data["training"],
        "class_names": ", ".join(version.class_names)[:_MOST_TEXT],
        **values,
    }
    return {**facts, **figures}


@contextlib.contextmanager
def _client(address: str) -> Any:
    from model_registry import ModelRegistry

    loop = asyncio.new_event_loop()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no token: a server inside the cluster may ask for none
            yield ModelRegistry(address, author=AUTHOR, log_level=logging.ERROR, async_runner=loop.run_until_complete)
    except InvalidInput:
        raise
    except Exception as error:  # of the client, its HTTP library, or the server
        status = getattr(error, "status", None)
        reason = f"it answers {status}" if status else " ".join(str(error).split())[:300] or type(error).__name__
        raise InvalidInput(
            f"model_registry must be the address of a Kubeflow Model Registry that speaks {API}, as the client "
            f"{metadata.version('model-registry')} does, got {address!r}: {reason}"
        ) from None
    finally:
        loop.close()
