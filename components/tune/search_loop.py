"""The search while it runs: which trial comes next, what is written down of it, and when the search is over."""

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core import events, journal
from components.core.errors import PipelineError
from components.core.experiment import Metric
from components.tune import stopping, warm_start
from components.tune.search import SearchResult, SearchSettings
from components.tune.trials import Outcome
from components.tune.tuner import CustomTuner
from components.tune.workers import Event, Finished, Lost, Note, Pool

MAX_ATTEMPTS = 3
MIN_FAILURES = 3
FAILED: dict[str, Any] = {"status": "failed", "validation_accuracy": None, "curve": [], "epochs": 0}
TIMELINE = "timeline.jsonl"
PURPOSES = ("epochs", "compilation", "start_up", "suggestions")


class SearchFailed(PipelineError):
    """The search can't give a result: no trial completed."""


@dataclass
class SearchLoop:
    """The state of a running search: the journal is what lasts, the rest is rebuilt from it."""

    objective: Metric
    settings: SearchSettings
    open_journal: journal.Journal
    tuner: CustomTuner
    pool: Pool
    state_dir: Path
    earlier: bytes = b""  # the journal to learn from
    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PURPOSES, 0.0))
    exhausted_at: int | None = None
    n_learned: int = 0

    def run(self) -> SearchResult:
        """Run the search to its end."""
        self._learn_from_earlier()
        for trial in journal.in_order(self.open_journal.trials):
            self._learn(trial)
        self._give_up_if_hopeless()
        events.listener.search_started(
            journal.in_order(self.open_journal.trials), self.settings.max_trials, self.objective
        )
        while not self._is_over():
            self._assign()
            if not self.pool.running:
                break
            for event in self.pool.wait():
                self._handle(event)
        return self._result()

    def _learn_from_earlier(self) -> None:
        if self.earlier:
            earlier = warm_start.keep(self.earlier, self.state_dir)
            self.n_learned = self.tuner.learn_from(earlier)
            events.note(
                f"warm start: {self.n_learned} of {len(earlier)} trials of {self.settings.warm_start} are points of "
                "this search space and are learned from"
            )

    def _is_over(self) -> bool:
        return len(self.open_journal.trials) >= self.settings.max_trials

    def _assign(self) -> None:
        """Give each idle worker the next trial whose hyperparameters are decided by what has finished."""
        for slot in self.pool.idle:
            number = self._next_number()
            if number is None:
                return
            values = self._suggest(number)
            if values is None:
                self.exhausted_at = number
                events.note(f"the search space holds no untried point after {number} trials; the search ends here")
                return
            self.pool.assign(slot, number, values, self._thresholds(number))

    def _next_number(self) -> int | None:
        """Return the lowest number that is neither finished nor in flight, or None when it can't be suggested yet."""
        finished = {trial.number for trial in self.open_journal.trials}
        taken = finished | self.pool.running
        end = self.settings.max_trials if self.exhausted_at is None else self.exhausted_at
        number = next((number for number in range(end) if number not in taken), None)
        if number is None or any(earlier not in finished for earlier in range(number - self.settings.lag)):
            return None
        return number

    def _suggest(self, number: int) -> dict[str, Any] | None:
        if number not in self.values:
            start = time.perf_counter()
            suggested = self.tuner.suggest(number)
            self.seconds["suggestions"] += time.perf_counter() - start
            if suggested is None:
                return None
            self.values[number] = suggested
        return self.values[number]

    def _thresholds(self, number: int) -> stopping.Thresholds:
        if not self.settings.stop_trials_early:
            return [None] * self.settings.trial_epochs
        visible = [trial for trial in self.open_journal.trials if trial.number < number - self.settings.lag]
        return stopping.thresholds(journal.in_order(visible), self.settings.trial_epochs)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Note):
            self._note_once(event.text)
        elif isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, Lost):
            self._retry_or_fail(event)

    def _note_once(self, text: str) -> None:
        if text not in self.notes:
            self.notes.add(text)
            events.note(text)

    def _finish(self, event: Finished) -> None:
        outcome = Outcome(**event.outcome)
        self.seconds["compilation"] += outcome.compile_seconds
        self.seconds["epochs"] += event.seconds - outcome.compile_seconds
        self._write(event, **outcome.for_journal)

    def _retry_or_fail(self, event: Lost) -> None:
        attempt = self.attempts[event.number] = self.attempts.get(event.number, 0) + event.had_begun
        if event.timed_out or attempt >= MAX_ATTEMPTS:
            tries = "" if event.timed_out else f", {attempt} times"
            self._write(event, **FAILED, reason=event.reason + tries)
            return
        self._log(event, "lost")
        events.warn(f"trial {event.number + 1} is tried again: {event.reason}")
        self.pool.assign(event.worker, event.number, self.values[event.number], self._thresholds(event.number))

    def _write(self, event: Finished | Lost, **outcome: Any) -> None:
        """Write a finished trial into the journal, and learn from it."""
        trial = journal.Trial(
            number=event.number,
            hyperparameters=self.values[event.number],
            seconds=round(event.seconds, 3),
            **outcome,
        )
        self.open_journal.append(trial)
        self._log(event, trial.status)
        self._learn(trial)
        best = journal.best(self.open_journal.trials, self.objective.direction)
        events.listener.trial_finished(trial, best, self.settings.max_trials, self.objective)
        self._give_up_if_hopeless()

    def _learn(self, trial: journal.Trial) -> None:
        self.values[trial.number] = trial.hyperparameters
        self.tuner.observe(trial)

    def _log(self, event: Finished | Lost, outcome: str) -> None:
        """Add a line to the timeline, which only the report reads: losing one in a crash loses nothing else."""
        ended = time.time()
        line: dict[str, Any] = {"number": event.number, "worker": event.worker, "outcome": outcome}
        line |= {"started": round(ended - event.seconds, 3), "ended": round(ended, 3)}
        with open(self.state_dir / TIMELINE, "a") as file:
            file.write(json.dumps(line) + "\n")

    def _give_up_if_hopeless(self) -> None:
        trials = journal.in_order(self.open_journal.trials)
        if len(trials) < MIN_FAILURES or any(trial.status != "failed" for trial in trials):
            return
        if len({_cause(trial.reason) for trial in trials}) == 1:
            raise SearchFailed(
                f"all {len(trials)} first trials failed with the same cause: {trials[0].reason}; "
                "mend it, then search in a new directory"
            )

    def _result(self) -> SearchResult:
        trials = journal.in_order(self.open_journal.trials)
        best = journal.best(trials, self.objective.direction)
        if best is None:
            reasons = "; ".join(sorted({trial.reason for trial in trials if trial.reason})[:3])
            raise SearchFailed(f"none of {len(trials)} trials completed: {reasons}")
        self.seconds["start_up"] = self.pool.start_up_seconds
        seconds = {name: round(value, 2) for name, value in self.seconds.items()}
        return SearchResult(trials, best, seconds, self.n_learned)


def _cause(reason: str | None) -> str:
    """Return a failure's reason without the numbers in it, which differ from trial to trial."""
    return re.sub(r"[-+.\d]+", "#", reason or "")
