"""Requests that arrive together are computed together: while one batch runs, the next one fills."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from components.inference.servable import Servable
from components.serve.errors import Overloaded, Refused

EXAMPLES = Counter("served_examples", "Examples that were answered", ["version"])
BATCHES = Histogram("batch_examples", "Examples in a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
HELD = Gauge("held_examples", "Examples that wait or are computed")
TURNED_AWAY = Counter("turned_away_requests", "Requests that were answered 503")


@dataclass
class _Request:
    servable: Servable
    inputs: np.ndarray
    answer: asyncio.Future[np.ndarray]


class Batcher:
    """Computes requests in order, several at once.

    Attributes:
        batch_size: the most examples in one batch, at least 1.
        queue_size: the most examples that are held, waiting or in computation, at least `batch_size`.
    """

    def __init__(self, batch_size: int, queue_size: int) -> None:
        self.batch_size, self.queue_size = batch_size, queue_size
        self._waiting: deque[_Request] = deque()
        self._n_held = 0
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def answer(self, servable: Servable, inputs: np.ndarray) -> np.ndarray:
        """Return the probabilities of inputs: float32, shape (n, n_classes).

        Raises:
            Refused: there are more of them than are ever held.
            Overloaded: there are more than are held now.
        """
        n = len(inputs)
        if n > self.queue_size:
            raise Refused(f"a request must hold at most {self.queue_size} examples, got {n}")
        if self._n_held + n > self.queue_size:
            TURNED_AWAY.inc()
            raise Overloaded(f"{self._n_held} examples are being answered, {self.queue_size} at most; ask again")
        request = _Request(servable, inputs, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._hold(n)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await request.answer

    async def _work(self) -> None:
        """Compute batches until nothing waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next()
            try:
                inputs = np.concatenate([request.inputs for request in batch])
                rows = await loop.run_in_executor(self._thread, self._computed, batch[0].servable, inputs)
            except Exception as error:  # whatever TensorFlow raises; those who asked get it
                self._fail(batch, error)
            else:
                self._give(batch, rows)
            self._hold(-sum(len(request.inputs) for request in batch))

    def _next(self) -> list[_Request]:
        """Return the oldest requests of one version that fit into a batch, at least one."""
        batch = [self._waiting.popleft()]
        n = len(batch[0].inputs)
        while self._waiting and self._waiting[0].servable is batch[0].servable:
            n += len(self._waiting[0].inputs)
            if n > self.batch_size:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _computed(self, servable: Servable, inputs: np.ndarray) -> np.ndarray:
        starts = range(0, len(inputs), self.batch_size)
        parts = [servable.compute(inputs[start : start + self.batch_size]) for start in starts]
        EXAMPLES.labels(servable.version).inc(len(inputs))
        for part in parts:
            BATCHES.observe(len(part))
        return np.concatenate(parts)

    def _give(self, batch: list[_Request], rows: np.ndarray) -> None:
        start = 0
        for request in batch:
            end = start + len(request.inputs)
            if not request.answer.done():  # whoever asked may have gone
                request.answer.set_result(rows[start:end])
            start = end

    def _fail(self, batch: list[_Request], error: Exception) -> None:
        for request in batch:
            if not request.answer.done():
                request.answer.set_exception(error)

    def _hold(self, n: int) -> None:
        self._n_held += n
        HELD.set(self._n_held)
