"""A pool of worker processes, each training one trial at a time.

A worker is started fresh and kept for many trials, so that TensorFlow is imported once a worker. One that crashes or
hangs is replaced. All of this happens in the caller's thread, in `wait`.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE_ROOT = Path(__file__).resolve().parents[2]
MAX_FAILED_STARTS = 3
START_UP_LIMIT_S = 600
LAST_WORDS_S = 5
STDERR_TAIL = 2_000


@dataclass(frozen=True)
class Finished:
    """A trial ran to its end, good or bad."""

    number: int
    worker: int
    seconds: float
    outcome: dict[str, Any]


@dataclass(frozen=True)
class Lost:
    """A trial ended with its worker.

    Attributes:
        number: of the trial.
        worker: the slot.
        seconds: how long it was trained.
        reason: how it ended.
        timed_out: whether it had used up its time.
        had_begun: False when the worker died in its start-up, which says nothing about the trial.
    """

    number: int
    worker: int
    seconds: float
    reason: str
    timed_out: bool = False
    had_begun: bool = True


@dataclass(frozen=True)
class Note:
    """Something a worker wants the user to know."""

    text: str


Event = Finished | Lost | Note


class Pool:
    """Worker processes, and the trials they are training.

    Args:
        n_workers: how many.
        setup: the first message to each; see `components.tune.worker`.
        time_limit_s: seconds after which a trial is given up; 0 for never.
    """

    def __init__(self, n_workers: int, setup: dict[str, Any], time_limit_s: float = 0) -> None:
        self._setup = setup
        self._time_limit_s = time_limit_s
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self.start_up_seconds = 0.0
        self._workers = [self._start(slot) for slot in range(n_workers)]

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def idle(self) -> list[int]:
        """The slots of the workers that have no trial; one that is still starting up can be given one too."""
        return [worker.slot for worker in self._workers if worker.number is None]

    @property
    def running(self) -> set[int]:
        """The numbers of the trials in flight."""
        return {worker.number for worker in self._workers if worker.number is not None}

    def assign(
        self, slot: int, number: int, hyperparameters: dict[str, Any], thresholds: Sequence[float | None]
    ) -> None:
        """Give a trial to an idle worker."""
        worker = self._workers[slot]
        worker.begin(number)
        worker.send({"number": number, "hyperparameters": hyperparameters, "thresholds": list(thresholds)})

    def wait(self) -> list[Event]:
        """Return what has happened, a non-empty list of `Finished`, `Lost` and `Note`, waiting until something has."""
        events: list[Event] = []
        while not events:
            for key, _ in self._selector.select(self._seconds_to_deadline()):
                events += self._receive(key.data)
            events += self._end_overdue()
        return events

    def close(self) -> None:
        """End all workers at once; nothing of theirs is worth saving."""
        for worker in self._workers:
            worker.kill()
        self._selector.close()

    def _start(self, slot: int) -> "_Worker":
        worker = _Worker(slot)
        worker.send(self._setup)
        self._selector.register(worker.replies, selectors.EVENT_READ, worker)
        return worker

    def _replace(self, worker: "_Worker") -> None:
        self._selector.unregister(worker.replies)
        worker.kill()
        self._workers[worker.slot] = self._start(worker.slot)

    def _receive(self, worker: "_Worker") -> list[Event]:
        """Return the events in what a worker has sent; an end of its pipe is its death."""
        messages = worker.receive()
        if messages is None:
            return self._replace_dead(worker)
        return [event for message in messages for event in self._events_of(worker, message)]

    def _events_of(self, worker: "_Worker", message: dict[str, Any]) -> list[Event]:
        if "note" in message:
            return [Note(message["note"])]
        if "ready" in message:
            worker.ready()
            self.start_up_seconds += worker.start_up_seconds
            self._failed_starts = 0
            return []
        event = Finished(message["number"], worker.slot, worker.seconds, message["outcome"])
        worker.number = None
        return [event]

    def _replace_dead(self, worker: "_Worker") -> list[Event]:
        manner = _manner_of_death(worker.exit_code())
        if not worker.is_ready:
            self._count_failed_start(worker, manner)
        self._replace(worker)
        if worker.number is None:
            return []
        return [Lost(worker.number, worker.slot, worker.seconds, f"its worker {manner}", had_begun=worker.is_ready)]

    def _count_failed_start(self, worker: "_Worker", manner: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise RuntimeError(f"no worker could be started: the last one {manner}\n{worker.stderr_tail()}")

    def _seconds_to_deadline(self) -> float | None:
        left = [limit - worker.seconds for worker in self._workers if (limit := self._limit_s(worker))]
        return max(0.0, min(left)) if left else None

    def _end_overdue(self) -> list[Event]:
        overdue = [worker for worker in self._workers if 0 < self._limit_s(worker) <= worker.seconds]
        return [event for worker in overdue for event in self._end(worker)]

    def _end(self, worker: "_Worker") -> list[Event]:
        """End a worker that has used up its time, for its trial or for its start-up."""
        worker.process.kill()
        if not worker.is_ready or worker.number is None:
            return self._replace_dead(worker)
        seconds = worker.seconds
        self._replace(worker)
        reason = f"it took longer than trial_time_limit_s, {self._time_limit_s} s"
        return [Lost(worker.number, worker.slot, seconds, reason, timed_out=True)]

    def _limit_s(self, worker: "_Worker") -> float:
        """Return how long a worker may be at what it does, in seconds; 0 for ever."""
        if not worker.is_ready:
            return START_UP_LIMIT_S
        return self._time_limit_s if worker.number is not None else 0


class _Worker:
    """One process, the pipe to it, and the trial it has."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.number: int | None = None
        self.is_ready = False
        self.start_up_seconds = 0.0
        self._since = time.monotonic()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the worker
        self._received = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "components.tune.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            env=_environment(),
        )
        assert self.process.stdin and self.process.stdout
        self._requests, self.replies = self.process.stdin, self.process.stdout

    @property
    def seconds(self) -> float:
        """How long the worker has been at its trial."""
        return time.monotonic() - self._since

    def ready(self) -> None:
        self.is_ready = True
        self.start_up_seconds = self.seconds
        self._since = time.monotonic()

    def begin(self, number: int) -> None:
        self.number = number
        if self.is_ready:
            self._since = time.monotonic()

    def send(self, message: dict[str, Any]) -> None:
        # A worker that has died is found by its pipe's end, and its trial accounted for there.
        with contextlib.suppress(BrokenPipeError):
            self._requests.write(json.dumps(message).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]] | None:
        """Return the whole messages that have come, or None at the pipe's end."""
        data = os.read(self.replies.fileno(), 2**16)
        if not data:
            return None
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def exit_code(self) -> int:
        """Return how the process ended, whose pipe has: one that closed it and lives on is ended."""
        try:
            return self.process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for file in (self._requests, self.replies, self._stderr):
            file.close()

    def stderr_tail(self) -> str:
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR_TAIL))
        return self._stderr.read().decode(errors="replace")


def _environment() -> dict[str, str]:
    """Return the environment of a worker: one processor each, and no log lines of TensorFlow's start."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    path = os.pathsep.join(filter(None, [str(SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **one_thread, **quiet, "TF_FORCE_GPU_ALLOW_GROWTH": "true", "PYTHONPATH": path}


def _manner_of_death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed by SIGKILL (out of memory?)"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
