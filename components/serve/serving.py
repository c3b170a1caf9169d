"""From options to a running server."""

from pathlib import Path
from typing import Any

from components.core import events
from components.core.errors import InvalidInput
from components.inference import servable
from components.registry.store import open_store
from components.serve.following import Follower
from components.serve.server import Settings, make


def serve(run: Path | None, registry: str, version: int | None, follow_s: float, **settings: Any) -> None:
    """Serve a model until this process is told to end.

    Raises:
        InvalidInput: what it should serve, or how, can't be used.
    """
    if not 0.1 <= follow_s <= 86_400:
        raise InvalidInput(f"follow_s must be a number from 0.1 to 86400, got {follow_s}")
    chosen = Settings(**settings)
    current = servable.chosen(run, registry, version)
    predictor, start = make(current, chosen)
    if registry and version is None:
        Follower(predictor, open_store(registry), follow_s).start()
    events.note(f"version {current.version} answers at {chosen.address}")
    start()
