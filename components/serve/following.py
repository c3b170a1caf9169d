"""Keeps the server on the version in service: looks at the registry, and puts a new one in the old one's place."""

import threading
import time

from prometheus_client import Counter, Gauge

from components.core import events
from components.inference.servable import of_registry
from components.registry import champion
from components.registry.store import Store
from components.serve.model import Predictor

VERSION = Gauge("served_version", "Number of the registry's version that answers")
FAILURES = Counter("follow_failures", "Times that the version in service could not be taken up")


class Follower(threading.Thread):
    """A thread that looks every so often; requests go on with the old version until the new one is warm."""

    def __init__(self, predictor: Predictor, store: Store, seconds: float) -> None:
        super().__init__(name="follower", daemon=True)
        self._predictor, self._store, self._seconds = predictor, store, seconds
        self._said = ""
        VERSION.set(int(predictor.current.version))

    def run(self) -> None:
        while True:
            time.sleep(self._seconds)
            try:
                self._look()
            except Exception as error:  # whatever a store, Keras or TensorFlow raises: the next look may do better
                self._failed(error)

    def _look(self) -> None:
        wanted = champion.read(self._store).version
        if wanted is not None and str(wanted) != self._predictor.current.version:
            self._predictor.current = of_registry(self._store, wanted)
            VERSION.set(wanted)
            events.note(f"version {wanted} answers now")
        self._said = ""

    def _failed(self, error: Exception) -> None:
        """Say once why the version in service can't be taken up; the one before goes on answering."""
        FAILURES.inc()
        if str(error) != self._said:
            events.warn(f"version {self._predictor.current.version} goes on answering: {error}")
        self._said = str(error)
