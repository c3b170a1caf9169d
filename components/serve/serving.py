"""From options to a running server."""

from pathlib import Path
from typing import Any

from components.core import events
from components.core.errors import InvalidInput
from components.registry.store import open_store
from components.serve import servable
from components.serve.following import Follower
from components.serve.server import Settings, make


def serve(run: Path | None, registry: str, version: int | None, follow_s: float, **settings: Any) -> None:
    """Serve a model until this process is told to end.

    Raises:
        InvalidInput: what it should serve, or how, can't be used.
    """
    if bool(run) == bool(registry):
        raise InvalidInput("run or registry must be given, one of them: --run FOLDER, or --registry FOLDER|ADDRESS")
    if run and version is not None:
        raise InvalidInput(f"version must come with --registry, got {version} with a run")
    if not 0.1 <= follow_s <= 86_400:
        raise InvalidInput(f"follow_s must be a number from 0.1 to 86400, got {follow_s}")
    chosen = Settings(**settings)
    store = open_store(registry) if registry else None
    current = servable.of_registry(store, version) if store else servable.of_run(run or Path())
    predictor, start = make(current, chosen)
    if store and version is None:
        Follower(predictor, store, follow_s).start()
    events.note(f"version {current.version} answers at {chosen.address}")
    start()
