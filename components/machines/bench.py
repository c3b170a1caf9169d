"""What each machine of a search does: it keeps the data, and trains stretches side by side in worker processes.

The functions below the class are called on a machine by the search, through Dask, which also says where an exception
comes from. Files travel in pieces of at most `PIECE_BYTES`, so that no message is larger.
"""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.core import code_digest, machine
from components.workers.count import resolve_workers
from components.workers.pool import IDLE_WORKER_BYTES, Event, Finished, Large, Lost, Note, Pool
from components.workers.stretch import Stretch

PIECE_BYTES = 8 * 2**20
DATA = "training_data"
TOPIC = "fashion-tuner-events"
"""Under which Dask hands on what is told during a training."""


@dataclass(frozen=True)
class Trained:
    """What came of a stretch on a machine.

    Attributes:
        event: how it ended.
        start_up_s: seconds that its worker process took to start, 0 for one that had.
        n_bytes: size of the checkpoint that it left, 0 for none.
    """

    event: Finished | Lost
    start_up_s: float = 0.0
    n_bytes: int = 0


class Bench:
    """Places for trainings on one machine: each thread that trains here has a worker process of its own.

    Args:
        setup: the first message to each worker; see `components.workers.worker`.
        n_slots: how many threads train at once.
        time_limit_s: seconds after which a stretch is given up; 0 for never.
    """

    def __init__(self, setup: dict[str, Any], n_slots: int, time_limit_s: float) -> None:
        self._setup = setup
        self._time_limit_s = time_limit_s
        self._n_slots = n_slots
        self._memory_bytes = max(1, machine.available_bytes() - n_slots * IDLE_WORKER_BYTES)
        self._own = threading.local()
        self._pools: list[Pool] = []
        self._lock = threading.Lock()

    def train(self, stretch: Stretch, tell: Callable[[Event], None]) -> Trained:
        """Train a stretch in this thread's worker and return what came of it; `tell` hears what it says meanwhile.

        Its memory is what this machine has: all of it where the search lets it run alone, or else a slot's share.
        """
        pool = self._pool()
        before = pool.start_up_seconds
        is_alone = stretch.memory_bytes == stretch.memory_bytes_alone
        share = self._memory_bytes if is_alone else self._memory_bytes // self._n_slots
        alone = self._memory_bytes
        pool.assign(0, replace(stretch, memory_bytes=share, memory_bytes_alone=alone))
        while True:
            for event in pool.wait():
                if isinstance(event, (Finished, Lost)):
                    return Trained(event, pool.start_up_seconds - before, _size(Path(stretch.checkpoint)))
                tell(event)

    def close(self) -> None:
        """End all workers at once; a thread that waits for one is left to itself."""
        with self._lock:
            for pool in self._pools:
                pool.close()
            self._pools.clear()

    def _pool(self) -> Pool:
        pool: Pool | None = getattr(self._own, "pool", None)
        if pool is None:
            with self._lock:
                pool = Pool(1, self._setup, self._time_limit_s, first_slot=len(self._pools))
                self._pools.append(pool)
            self._own.pool = pool
        return pool


@dataclass
class _Here:
    """What this process keeps as a machine of a search."""

    folder: Path
    bench: Bench | None = None


_here: _Here | None = None


def description() -> dict[str, Any]:
    """Return what a machine runs: `name`, and by name what decides a training, to be held against the search's own."""
    versions = {
        "python": ".".join(map(str, sys.version_info[:2])),
        **code_digest.versions(code_digest.TRAINING_PACKAGES),
    }
    return {"name": socket.gethostname(), "pid": os.getpid(), "decides": {**versions, **code_digest.code_digests()}}


def slots(wanted: int) -> int:
    """Return how many trainings run here at once where the search leaves it to the machine (0)."""
    return resolve_workers(wanted)


def write(name: str, offset: int, piece: bytes) -> None:
    """Write a piece of a file of this machine's folder; at 0 it begins anew."""
    path = _kept().folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb" if offset == 0 else "r+b") as file:
        file.seek(offset)
        file.write(piece)


def read(name: str, offset: int) -> bytes:
    """Return a piece of a file of this machine's folder."""
    with open(_kept().folder / name, "rb") as file:
        file.seek(offset)
        return file.read(PIECE_BYTES)


def remove(name: str) -> None:
    """Remove a file of this machine's folder, if it is there."""
    (_kept().folder / name).unlink(missing_ok=True)


def begin(fingerprint: str, n_slots: int, time_limit_s: float) -> None:
    """Make this machine ready to train on the data that was written to it; one that is ready stays so."""
    kept = _kept()
    setup = {"training_data": str(kept.folder / DATA), "fingerprint": fingerprint}
    kept.bench = kept.bench or Bench(setup, n_slots, time_limit_s)


def train(stretch: Stretch) -> Trained:
    """Train a stretch here, as a task of Dask's, whose checkpoint is named below this machine's folder."""
    from distributed import get_worker

    kept, worker = _kept(), get_worker()
    assert kept.bench is not None

    def tell(event: Event) -> None:
        if isinstance(event, (Note, Large)):
            worker.log_event(TOPIC, {"kind": type(event).__name__, **event.__dict__})

    path = kept.folder / stretch.checkpoint
    path.parent.mkdir(parents=True, exist_ok=True)
    return kept.bench.train(replace(stretch, checkpoint=str(path)), tell)


def leave() -> None:
    """End what this process has as a machine of a search; for a Dask worker that lives on after it."""
    global _here
    if _here and _here.bench:
        _here.bench.close()
    _here = None


def _kept() -> _Here:
    global _here
    if _here is None:
        _here = _Here(Path(tempfile.mkdtemp(prefix="search-")))
    return _here


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
