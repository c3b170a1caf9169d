"""The search while it runs: one round after the other, what is written down of them, and when the search is over."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.core import events, files, journal, machine
from components.core.attempts import MOST_ENDS, MOST_ENDS_WHEN_LARGE
from components.core.experiment import Metric
from components.core.plan import Plan, expected_epochs
from components.tune import failures, rounds
from components.tune.planning import weights_path
from components.tune.progress import Progress
from components.tune.search import TIMELINE, SearchResult
from components.tune.tuner import CustomTuner
from components.workers.pool import Event, Executor, Finished, Large, Lost, Note
from components.workers.stretch import Outcome, Stretch

MAX_ATTEMPTS = 3
MOST_KEPT_WEIGHTS = 64
"""Checkpoints of configurations that may still go on; others are trained again if they do after all."""

TRACEBACKS = "tracebacks"
PURPOSES = ("epochs", "compilation", "start_up", "suggestions")


@dataclass
class SearchLoop:
    """The state of a running search: the journal is what lasts, the rest is rebuilt from it."""

    objective: Metric
    plan: Plan
    seed: int
    open_journal: journal.Journal
    tuner: CustomTuner
    pool: Executor
    state_dir: Path
    lost: Counter[int] = field(default_factory=Counter)
    lost_machines: Counter[int] = field(default_factory=Counter)
    waiting: list[rounds.Stretch] = field(default_factory=list)
    alone: list[rounds.Stretch] = field(default_factory=list)
    is_alone: bool = False
    in_flight: dict[int, rounds.Stretch] = field(default_factory=dict)
    machines: dict[int, str] = field(default_factory=dict)
    pace: dict[int, float] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PURPOSES, 0.0))
    memory_bytes: int = field(default_factory=machine.available_bytes)

    def run(self, n_learned: int = 0) -> SearchResult:
        """Run the search to its end."""
        start = time.perf_counter()
        failures.give_up_if_hopeless(self.trials)
        total, _ = expected_epochs(self.plan)
        events.listener.search_started(self.trials, total, self.objective)
        known = self._n_epochs
        if self.open_journal.rounds:
            self._run_round()
        while (stretches := self._next_round()) or self._running_on():
            self.open_journal.append_round([asdict(each) for each in stretches])
            self._run_round()
            self._drop_weights()
            self._tell_progress(time.perf_counter() - start, known)
        result = self._result(n_learned)
        self._progress(has_ended=True).write(self.state_dir)
        result.seconds["search"] = round(time.perf_counter() - start, 2)
        return result

    @property
    def trials(self) -> list[journal.Trial]:
        return journal.in_order(self.open_journal.trials)

    @property
    def _n_epochs(self) -> int:
        return sum(trial.epochs for trial in self.trials)

    def _tell_progress(self, seconds: float, known: int) -> None:
        """Say how the search stands, at the pace of the epochs since it began with those that were `known`."""
        done, total = self._n_epochs, expected_epochs(self.plan)[0]
        left = seconds / (done - known) * max(0, total - done) if done > known else None
        progress = self._progress(left)
        progress.write(self.state_dir)
        events.listener.round_finished(progress.line)

    def _progress(self, seconds_left: float | None = None, has_ended: bool = False) -> Progress:
        in_flight = {number: self.machines.get(number, "") for number in self.in_flight}
        n_rounds = len(self.open_journal.rounds)
        return Progress(self.plan, self.objective, self.trials, n_rounds, in_flight, seconds_left, has_ended)

    def _epochs_of(self, number: int) -> int:
        known = self.open_journal.trial(number)
        return known.epochs if known else 0

    def _next_round(self) -> list[rounds.Stretch]:
        start = time.perf_counter()
        found = self.tuner.next_round(self.trials, self._running_on())
        self.seconds["suggestions"] += time.perf_counter() - start
        if not found and not self._running_on() and len(self.trials) < self.plan.max_trials:
            n = len(self.trials)
            events.note(f"the search space holds no untried point after {n} trials; the search ends here")
        return found

    def _decided(self, index: int) -> list[rounds.Stretch]:
        """Return the round of an index, which may be negative, as it was decided."""
        found = self.open_journal.rounds[index:][:1]
        return [rounds.Stretch(**each) for decided in found for each in decided]

    def _running_on(self) -> dict[int, int]:
        """Return the last round's trials that may run on, with the epochs that they had before it."""
        earlier = [each for decided in self.open_journal.rounds[:-1] for each in decided]
        return {
            stretch.number: max((each["last"] for each in earlier if each["number"] == stretch.number), default=0)
            for stretch in self._decided(-1)
            if self.tuner.runs_on(stretch)
        }

    def _run_round(self) -> None:
        """Train what is due before the next round can be decided: what ran on from the round before the last one, and
        of the last one what does not run on."""
        last = self._decided(-1)
        ran_on = [each for each in self._decided(-2) if len(self.open_journal.rounds) > 1 and self.tuner.runs_on(each)]
        due = [*ran_on, *(each for each in last if not self.tuner.runs_on(each))]
        self._queue([each for each in (*ran_on, *last) if not self._is_done(each)])
        while not all(self._is_done(each) for each in due):
            self._assign_idle()
            for event in self.pool.wait():
                self._handle(event)

    def _queue(self, stretches: Sequence[rounds.Stretch]) -> None:
        """Enter stretches that are neither waiting nor in flight: the longest first, and one at a time those in which
        the search has ended before."""
        known = {each.number for each in (*self.waiting, *self.alone)} | self.in_flight.keys()
        suspects = set(self.open_journal.attempts.suspects())
        for stretch in [each for each in stretches if each.number not in known]:
            if stretch.number not in suspects:
                self.waiting.append(stretch)
            elif self.open_journal.attempts.is_guilty(stretch.number):
                self._fail(stretch, self._verdict(stretch.number))
            else:
                self.alone.append(stretch)
        self.waiting.sort(key=lambda each: (-self._expected_seconds(each), each.number))

    def _assign_idle(self) -> None:
        """Give idle workers what waits; what is to be alone goes first, as soon as nothing else is in flight."""
        if self.alone:
            if not self.in_flight:
                self._assign(self.pool.idle[0], self.alone.pop(0), at_once=1)
                self.is_alone = True
            return
        if self.is_alone and self.in_flight:
            return
        self.is_alone = False
        for slot in self.pool.idle[: len(self.waiting)]:
            self._assign(slot, self.waiting.pop(0), at_once=self.pool.n_workers)

    def _is_done(self, stretch: rounds.Stretch) -> bool:
        known = self.open_journal.trial(stretch.number)
        return known is not None and (known.status == "failed" or known.epochs >= stretch.last)

    def _assign(self, slot: int, stretch: rounds.Stretch, at_once: int) -> None:
        self.open_journal.append_event({"attempt": stretch.number})
        self.in_flight[stretch.number] = stretch
        self.machines[stretch.number] = self.pool.machine_of(slot)
        request = Stretch(
            number=stretch.number,
            hyperparameters=stretch.hyperparameters,
            last=stretch.last,
            n_epochs=self.plan.training_epochs,
            seed=self.seed,
            checkpoint=str(weights_path(self.state_dir, stretch.number)),
            memory_bytes=self.memory_bytes // at_once,
            memory_bytes_alone=self.memory_bytes,
        )
        self.pool.assign(slot, request)

    def _expected_seconds(self, stretch: rounds.Stretch) -> float:
        """Return how long a stretch may take, to begin with the longest: a round then ends with little idle time."""
        n_epochs = stretch.last - self._epochs_of(stretch.number)
        usual = sum(self.pace.values()) / len(self.pace) if self.pace else 1.0
        return n_epochs * self.pace.get(stretch.number, usual)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Note):
            self._note_once(event.text)
        elif isinstance(event, Large):
            self.open_journal.append_event({"large": event.number})
        elif isinstance(event, Finished):
            self._take_in(self.in_flight.pop(event.number), event)
        elif isinstance(event, Lost):
            self._retry_or_fail(self.in_flight.pop(event.number), event)

    def _note_once(self, text: str) -> None:
        if text not in self.notes:
            self.notes.add(text)
            events.note(text)

    def _take_in(self, stretch: rounds.Stretch, event: Finished) -> None:
        outcome = event.outcome
        if outcome.status == "deferred":
            self.open_journal.append_event({"released": stretch.number})
            self._note_once("a configuration that needs much memory waits until it can be trained alone")
            self.alone.append(stretch)
            return
        self.seconds["compilation"] += outcome.compile_seconds
        self.seconds["epochs"] += event.seconds - outcome.compile_seconds
        self.pace[stretch.number] = outcome.epoch_seconds
        if outcome.traceback:
            self._keep_traceback(stretch.number, outcome.traceback)
        self._write(stretch, outcome, event)

    def _retry_or_fail(self, stretch: rounds.Stretch, event: Lost) -> None:
        n_lost, most = self._count_lost(event)
        self._log(stretch, event, "lost")
        if event.log:
            self._keep_traceback(stretch.number, event.log)
        if event.timed_out or n_lost >= most:
            tries = "" if event.timed_out else f", {n_lost} times"
            self._fail(stretch, event.reason + tries, event.seconds)
            return
        self.open_journal.append_event({"released": stretch.number})
        events.warn(f"trial {stretch.number} is tried again: {event.reason}")
        self.waiting.insert(0, stretch)

    def _count_lost(self, event: Lost) -> tuple[int, int]:
        """Return how often a trial was lost in this way, and how often it may be: machines go for other reasons too,
        unless the trial was seen to take most of the memory."""
        counter = self.lost_machines if event.with_machine else self.lost
        counter[event.number] += event.had_begun
        if not event.with_machine:
            return counter[event.number], MAX_ATTEMPTS
        is_large = self.open_journal.attempts.is_large(event.number)
        return counter[event.number], MOST_ENDS_WHEN_LARGE if is_large else MOST_ENDS

    def _fail(self, stretch: rounds.Stretch, reason: str, seconds: float = 0.0) -> None:
        self._append(stretch, Outcome("failed", None, [], [], 0, reason), seconds)

    def _verdict(self, number: int) -> str:
        times = self.open_journal.attempts.ends_of(number)
        return f"the search itself ended {times} times while this trial was trained (out of memory?)"

    def _write(self, stretch: rounds.Stretch, outcome: Outcome, event: Finished) -> None:
        self._log(stretch, event, outcome.status)
        self._append(stretch, outcome, event.seconds)

    def _append(self, stretch: rounds.Stretch, outcome: Outcome, seconds: float) -> None:
        """Write what has become of a trial into the journal, and tell it."""
        earlier = self.open_journal.trial(stretch.number)
        # One that failed as it went on keeps what it had.
        curve = max(outcome.curve, list(earlier.curve) if earlier else [], key=len)
        status, reason = "completed", outcome.reason
        if outcome.status == "failed":
            status = "failed"
        elif outcome.epochs < self.plan.rungs[-1]:
            status, reason = "stopped", f"not among the best third after {outcome.epochs} epochs"
        trial = journal.Trial(
            number=stretch.number,
            status=status,
            hyperparameters=stretch.hyperparameters,
            validation_accuracy=None if status == "failed" else outcome.validation_accuracy,
            curve=curve,
            epochs=len(curve),
            seconds=round((earlier.seconds if earlier else 0.0) + seconds, 3),
            reason=reason,
        )
        self.open_journal.append(trial)
        best = journal.best(self.trials, self.objective.direction)
        events.listener.stretch_finished(trial, best, len(self.trials), self.plan.max_trials, self.objective)
        failures.give_up_if_hopeless(self.trials)

    def _log(self, stretch: rounds.Stretch, event: Finished | Lost, outcome: str) -> None:
        """Add a line to the timeline, which only the report reads: losing one in a crash loses nothing else."""
        ended = time.time()
        line: dict[str, Any] = {"number": stretch.number, "worker": event.worker, "outcome": outcome}
        line |= {"started": round(ended - event.seconds, 3), "ended": round(ended, 3)}
        line |= {"first": self._epochs_of(stretch.number), "last": stretch.last}
        line |= {"round": len(self.open_journal.rounds) - 1, "machine": event.machine}
        with open(self.state_dir / TIMELINE, "a") as file:
            file.write(json.dumps(line) + "\n")

    def _keep_traceback(self, number: int, text: str) -> None:
        folder = self.state_dir / TRACEBACKS
        files.make_folder(folder)
        files.write_bytes(text.encode(errors="backslashreplace"), folder / f"{number:04}.txt")

    def _drop_weights(self) -> None:
        """Remove the checkpoints of trials that will hardly go on."""
        sign = 1 if self.objective.direction == "max" else -1
        measured = [trial for trial in self.trials if trial.status != "failed"]
        measured.sort(key=lambda trial: (-self.plan.rung_of(trial.epochs), -sign * journal.score(trial)))
        for trial in [each for each in self.trials if each not in measured[:MOST_KEPT_WEIGHTS]]:
            weights_path(self.state_dir, trial.number).unlink(missing_ok=True)

    def _result(self, n_learned: int) -> SearchResult:
        finalists = self.tuner.finalists(self.trials)
        if not finalists:
            raise failures.without_result(self.trials)
        self.seconds["start_up"] = self.pool.start_up_seconds
        seconds = {name: round(value, 2) for name, value in self.seconds.items()}
        return SearchResult(self.plan, self.trials, finalists, seconds, n_learned)
