"""A pool of worker processes, each training one stretch at a time.

A worker is started fresh and kept for many stretches, so that TensorFlow is imported once a worker. One that crashes
or hangs is replaced. All of this happens in the caller's thread, in `wait`.
"""

import selectors
import signal
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from components.core import events, machine
from components.core.errors import InvalidInput
from components.workers import devices, reasons
from components.workers.process import WorkerProcess
from components.workers.stretch import Outcome, Stretch
from components.workers.worker import EXIT_REFUSED

MAX_FAILED_STARTS = 3
START_UP_LIMIT_S = 600
LOOK_S = 5.0
IDLE_WORKER_BYTES = 250 * 2**20
"""What a worker holds of its own before it trains: 200 MB measured, and page tables."""


@dataclass(frozen=True)
class Finished:
    """A stretch ran to its end, good or bad; `machine` is the name of the one that it ran on, empty for this one."""

    number: int
    worker: int
    seconds: float
    outcome: Outcome
    machine: str = ""


@dataclass(frozen=True)
class Lost:
    """A stretch ended with its worker.

    Attributes:
        number: of the configuration.
        worker: the slot.
        seconds: how long it was trained.
        reason: how it ended, one line.
        timed_out: whether it had used up its time.
        had_begun: False when the worker died in its start-up, which says nothing about the configuration.
        with_machine: whether the whole machine was lost, which says little about it.
        machine: its name, empty for this one.
        log: the end of what was written to standard output and standard error.
    """

    number: int
    worker: int
    seconds: float
    reason: str
    timed_out: bool = False
    had_begun: bool = True
    log: str = ""
    with_machine: bool = False
    machine: str = ""


@dataclass(frozen=True)
class Note:
    """Something a worker wants the user to know."""

    text: str


@dataclass(frozen=True)
class Large:
    """A training takes much of the memory that there is."""

    number: int


@dataclass(frozen=True)
class Progress:
    """A training that tells its epochs has finished one, with this objective."""

    number: int
    epoch: int
    objective: float


Event = Finished | Lost | Note | Large | Progress


class Executor(Protocol):
    """Who trains stretches for a search, which knows no more of it: the processes of this machine, or of several.

    Attributes:
        memory_bytes: what trainings on this machine may take together.
        devices: the GPUs of this machine that they are on.
        start_up_seconds: how long workers took to start, all together.
    """

    memory_bytes: int
    devices: tuple[str, ...]
    start_up_seconds: float

    @property
    def n_workers(self) -> int:
        """How many trainings there is room for at once."""

    @property
    def idle(self) -> list[int]:
        """The slots that have no stretch."""

    @property
    def running(self) -> set[int]:
        """The numbers of the configurations in flight."""

    def machine_of(self, slot: int) -> str:
        """Return the name of the machine that a slot is on, empty for this one."""

    def assign(self, slot: int, stretch: Stretch) -> None:
        """Give a stretch to an idle slot."""

    def wait(self) -> list[Event]:
        """Return what has happened, waiting until something has; nothing when only `idle` has changed."""


class Pool:
    """Worker processes, and the stretches they are training.

    Attributes:
        memory_bytes: what their trainings may take together, see `components.training.footprint`.
        devices: the GPUs; where there are some each worker has one, also the worker that takes another one's place.
        start_up_seconds: how long workers took to start, all together.

    Args:
        n_workers: how many.
        setup: the first message to each; see `components.workers.worker`.
        time_limit_s: seconds after which a stretch is given up; 0 for never.
        first_slot: the number of the first worker on this machine, by which it gets its GPU.
    """

    def __init__(self, n_workers: int, setup: dict[str, Any], time_limit_s: float = 0, first_slot: int = 0) -> None:
        self._setup = setup
        self._time_limit_s = time_limit_s
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self.start_up_seconds = 0.0
        self._first_slot = first_slot
        self.devices = devices.visible()
        self.memory_bytes = max(1, machine.available_bytes() - n_workers * IDLE_WORKER_BYTES)
        if self.devices:
            slots = range(first_slot, first_slot + n_workers)
            placed = [f"worker {slot} on {devices.of_worker(slot, self.devices)}" for slot in slots]
            events.note(", ".join(placed))
        self._workers = [self._start(slot) for slot in range(n_workers)]

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def n_workers(self) -> int:
        return len(self._workers)

    @property
    def idle(self) -> list[int]:
        """The slots of the workers that have no stretch; one that is still starting up can be given one too."""
        return [worker.slot for worker in self._workers if worker.number is None]

    @property
    def running(self) -> set[int]:
        """The numbers of the configurations in flight."""
        return {worker.number for worker in self._workers if worker.number is not None}

    def machine_of(self, slot: int) -> str:
        """Return nothing: all slots are on this machine."""
        return ""

    def assign(self, slot: int, stretch: Stretch) -> None:
        """Give a stretch to an idle worker."""
        worker = self._workers[slot]
        worker.begin(stretch.number)
        worker.send(asdict(stretch))

    def wait(self) -> list[Event]:
        """Return what has happened, a non-empty list of events, waiting until something has."""
        events: list[Event] = []
        while not events:
            # Asked before the pipes are read, so that nothing is left in them.
            ended = [worker for worker in self._workers if worker.has_ended()]
            heard = [key.data for key, _ in self._selector.select(0 if ended else self._seconds_to_wait())]
            for worker in heard:
                events += self._receive(worker)
            for worker in ended:
                if worker not in heard:  # its pipe outlives it, in the hands of a process that the experiment started
                    events += self._replace_dead(worker)
            events += self._end_overdue()
        return events

    def close(self) -> None:
        """End all workers at once; nothing of theirs is worth saving."""
        for worker in self._workers:
            worker.kill()
        self._selector.close()

    def _start(self, slot: int) -> WorkerProcess:
        device = devices.of_worker(self._first_slot + slot, self.devices)
        worker = WorkerProcess(slot, device)
        worker.send({**self._setup, "device": device})
        self._selector.register(worker.replies, selectors.EVENT_READ, worker)
        return worker

    def _replace(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker.replies)
        worker.kill()
        self._workers[worker.slot] = self._start(worker.slot)

    def _receive(self, worker: WorkerProcess) -> list[Event]:
        """Return the events in what a worker has sent; an end of its pipe is its death."""
        messages = worker.receive()
        if messages is None:
            return self._replace_dead(worker)
        return [event for message in messages for event in self._events_of(worker, message)]

    def _events_of(self, worker: WorkerProcess, message: dict[str, Any]) -> list[Event]:
        if "note" in message:
            return [Note(message["note"])]
        if "large" in message:
            return [Large(message["large"])]
        if "epoch" in message:
            return [Progress(message["number"], message["epoch"], message["objective"])]
        if "ready" in message:
            worker.ready()
            self.start_up_seconds += worker.start_up_seconds
            self._failed_starts = 0
            return []
        event = Finished(message["number"], worker.slot, worker.seconds, Outcome(**message["outcome"]))
        worker.number = None
        return [event]

    def _replace_dead(self, worker: WorkerProcess) -> list[Event]:
        manner = _manner_of_death(worker.exit_code())
        if not worker.is_ready:
            self._count_failed_start(worker, manner)
        log, seconds = worker.log(), worker.seconds
        self._replace(worker)
        if worker.number is None:
            return []
        said = log.strip().splitlines()
        reason = reasons.one_line(f"its worker {manner}" + (f": {said[-1]}" if said else ""))
        return [Lost(worker.number, worker.slot, seconds, reason, had_begun=worker.is_ready, log=log)]

    def _count_failed_start(self, worker: WorkerProcess, manner: str) -> None:
        self._failed_starts += 1
        if worker.process.returncode == EXIT_REFUSED:
            raise InvalidInput(worker.log().strip().splitlines()[-1])
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise RuntimeError(f"no worker could be started: the last one {manner}\n{worker.log()}")

    def _seconds_to_wait(self) -> float:
        """Return how long to wait for a word at most: to the next deadline, or to look for workers that have ended."""
        left = [limit - worker.seconds for worker in self._workers if (limit := self._limit_s(worker))]
        return max(0.0, min([LOOK_S, *left]))

    def _end_overdue(self) -> list[Event]:
        overdue = [worker for worker in self._workers if 0 < self._limit_s(worker) <= worker.seconds]
        return [event for worker in overdue for event in self._end(worker)]

    def _end(self, worker: WorkerProcess) -> list[Event]:
        """End a worker that has used up its time, for its stretch or for its start-up."""
        worker.process.kill()
        if not worker.is_ready or worker.number is None:
            return self._replace_dead(worker)
        seconds, log = worker.seconds, worker.log()
        self._replace(worker)
        reason = f"it took longer than trial_time_limit_s, {self._time_limit_s} s"
        return [Lost(worker.number, worker.slot, seconds, reason, timed_out=True, log=log)]

    def _limit_s(self, worker: WorkerProcess) -> float:
        """Return how long a worker may be at what it does, in seconds; 0 for ever."""
        if not worker.is_ready:
            return START_UP_LIMIT_S
        return self._time_limit_s if worker.number is not None else 0


def _manner_of_death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed by SIGKILL (out of memory?)"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
