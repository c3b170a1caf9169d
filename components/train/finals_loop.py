"""The finals while they run: which comes next, what is told of it, and when it is given up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from components.core import events, machine
from components.train.final_training import FinalTraining
from components.workers.pool import Event, Finished, Lost, Note, Pool, Progress

MAX_ATTEMPTS = 3


@dataclass
class FinalsLoop:
    """A place in the shortlist stands for a final.

    Attributes:
        trainings: all of them.
        pool: the workers.
        waiting: places of those to begin, the next one first.
        large: places of those that need too much memory to run beside others.
        attempts: how many workers each was lost with.
        reasons: why those that failed did.
        notes: what has been told of.
        memory_bytes: what trainings may take together.
    """

    trainings: Sequence[FinalTraining]
    pool: Pool
    waiting: list[int]
    large: set[int] = field(default_factory=set)
    attempts: Counter[int] = field(default_factory=Counter)
    reasons: dict[int, str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    memory_bytes: int = field(default_factory=machine.available_bytes)

    def run(self) -> dict[int, str]:
        """Train what waits; return the reasons of those that failed, by their places."""
        while self.waiting or self.pool.running:
            self._assign()
            for event in self.pool.wait():
                self._handle(event)
        return self.reasons

    def _assign(self) -> None:
        """Give idle workers what waits; the large ones go last, one at a time."""
        for slot in self.pool.idle:
            beside = [place for place in self.waiting if place not in self.large]
            if beside:
                self._begin(slot, beside[0], self.memory_bytes // self.pool.n_workers)
            elif self.waiting and not self.pool.running:
                self._begin(slot, self.waiting[0], self.memory_bytes)

    def _begin(self, slot: int, place: int, memory_bytes: int) -> None:
        self.waiting.remove(place)
        stretch = self.trainings[place].stretch(place)
        self.pool.assign(slot, replace(stretch, memory_bytes=memory_bytes, memory_bytes_alone=self.memory_bytes))

    def _handle(self, event: Event) -> None:
        if isinstance(event, Note):
            self._note_once(event.text)
        elif isinstance(event, Progress):
            training = self.trainings[event.number]
            events.listener.final_epoch_finished(training.name, event.epoch, training.course.end, event.objective)
        elif isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, Lost):
            self._retry_or_fail(event)

    def _note_once(self, text: str) -> None:
        if text not in self.notes:
            self.notes.add(text)
            events.note(text)

    def _finish(self, event: Finished) -> None:
        training, outcome = self.trainings[event.number], event.outcome
        if outcome.status == "deferred":
            self.large.add(event.number)
            self.waiting.append(event.number)
        elif outcome.status == "failed":
            self._fail(event.number, outcome.reason or "", outcome.traceback)
        else:
            state = training.read()
            best = state.best
            events.listener.final_finished(
                training.name, len(state.epochs), training.course.end, best.objective, best.number
            )

    def _retry_or_fail(self, event: Lost) -> None:
        self.attempts[event.number] += event.had_begun
        if self.attempts[event.number] >= MAX_ATTEMPTS:
            self._fail(event.number, f"{event.reason}, {MAX_ATTEMPTS} times", event.log)
        else:
            events.warn(f"the final of {self.trainings[event.number].name} is tried again: {event.reason}")
            self.waiting.insert(0, event.number)

    def _fail(self, place: int, reason: str, details: str) -> None:
        self.reasons[place] = reason
        events.warn(f"the final of {self.trainings[place].name} failed and is left out: {reason}\n{details}".rstrip())
