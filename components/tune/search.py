"""The search: which trial comes next, what is written down of it, and when the search is over."""

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core import artifacts, events, files, journal
from components.core.errors import InvalidInput
from components.tune import stopping, warm_start
from components.tune.workers import Finished, Lost, Note, Pool

MAX_ATTEMPTS = 3
MIN_FAILURES = 3
FAILED: dict[str, Any] = {"status": "failed", "validation_accuracy": None, "curve": [], "epochs": 0}
TIMELINE = "timeline.jsonl"
NETWORK_FILE = Path(__file__).resolve().parents[1] / "experiment" / "network.py"


class SearchFailed(RuntimeError):
    """The search can't give a result: no trial completed."""


@dataclass(frozen=True)
class SearchSettings:
    """What decides a search besides its data; see the table of pipeline parameters.

    `workers` is the resolved number, at least 1; `warm_start` is the path of an earlier journal, or empty.
    """

    max_trials: int
    trial_epochs: int
    trial_time_limit_s: int
    stop_trials_early: bool
    workers: int
    patience: int
    seed: int
    warm_start: str = ""

    @property
    def lag(self):
        """How many of the trials just before one count as pending when it is suggested."""
        return 2 * (self.workers - 1)

    @property
    def trial_settings(self):
        return {"epochs": self.trial_epochs, "patience": self.patience, "seed": self.seed}


@dataclass
class SearchResult:
    """A finished search.

    Attributes:
        trials: all trials, by number.
        best: the best completed one.
        seconds: wall time by purpose (`epochs`, `compilation`, `start_up`, `suggestions`), summed over workers.
        n_learned: how many trials of an earlier search it learned from; none of them is among `trials`.
    """

    trials: list[journal.Trial]
    best: journal.Trial
    seconds: dict[str, float]
    n_learned: int = 0


def search(training_data, settings, state_dir):
    """Run a search to its end, continuing what `state_dir` holds of it, and return its `SearchResult`.

    Args:
        training_data: path of the artifact.
        settings: the `SearchSettings`.
        state_dir: folder of the journal.

    Raises:
        InvalidInput: damaged data, or a journal that is locked, damaged or of another search.
        SearchFailed: no trial completed.
    """
    data = artifacts.read_training_data(training_data)
    finished = _n_finished(state_dir)
    if settings.max_trials < finished:
        rule = f"max_trials must be at least the {finished} trials that {state_dir} holds"
        raise InvalidInput(f"{rule}, got {settings.max_trials}")
    earlier = warm_start.load(settings.warm_start, state_dir)
    remaining = settings.max_trials - finished
    setup = {"training_data": str(training_data), "settings": settings.trial_settings}
    with Pool(min(settings.workers, remaining), setup, settings.trial_time_limit_s) as pool:
        # Keras Tuner is imported here, while the workers import TensorFlow.
        from components.tune.tuner import CustomTuner, declared_space

        header = _header(data, settings, declared_space(), earlier)
        with journal.Journal.open(state_dir, header) as book, tempfile.TemporaryDirectory() as unused:
            if book.dropped_torn_line:
                events.warn(f"dropped a torn last line of {Path(state_dir) / journal.FILE_NAME}, left by a crash")
            tuner = CustomTuner(max_trials=settings.max_trials, seed=settings.seed, lag=settings.lag, directory=unused)
            return _Search(settings, book, tuner, pool, Path(state_dir), earlier).run()


@dataclass
class _Search:
    """The state of a running search: the journal is what lasts, the rest is rebuilt from it."""

    settings: SearchSettings
    book: journal.Journal
    tuner: Any  # a CustomTuner, whose module is imported late
    pool: Pool
    state_dir: Path
    earlier: bytes = b""  # the journal to learn from
    values: dict[int, dict] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("epochs", "compilation", "start_up", "suggestions"), 0.0)
    )
    exhausted_at: int | None = None
    n_learned: int = 0

    def run(self):
        self._learn_from_earlier()
        for trial in journal.in_order(self.book.trials):
            self._learn(trial)
        self._give_up_if_hopeless()
        events.listener.search_started(journal.in_order(self.book.trials), self.settings.max_trials)
        while not self._is_over():
            self._assign()
            if not self.pool.running:
                break
            for event in self.pool.wait():
                self._handle(event)
        return self._result()

    def _learn_from_earlier(self):
        if self.earlier:
            earlier = warm_start.keep(self.earlier, self.state_dir)
            self.n_learned = self.tuner.learn_from(earlier)
            events.note(
                f"warm start: {self.n_learned} of {len(earlier)} trials of {self.settings.warm_start} are points of "
                "this search space and are learned from"
            )

    def _is_over(self):
        return len(self.book.trials) >= self.settings.max_trials

    def _assign(self):
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
            self.pool.assign(slot, number, values, self._bars(number))

    def _next_number(self):
        """Return the lowest number that is neither finished nor in flight, or None when it can't be suggested yet."""
        finished = {trial.number for trial in self.book.trials}
        taken = finished | self.pool.running
        end = self.settings.max_trials if self.exhausted_at is None else self.exhausted_at
        number = next((number for number in range(end) if number not in taken), None)
        if number is None or any(earlier not in finished for earlier in range(number - self.settings.lag)):
            return None
        return number

    def _suggest(self, number):
        if number not in self.values:
            start = time.perf_counter()
            self.values[number] = self.tuner.suggest(number)
            self.seconds["suggestions"] += time.perf_counter() - start
        return self.values[number]

    def _bars(self, number):
        if not self.settings.stop_trials_early:
            return [0.0] * self.settings.trial_epochs
        visible = [trial for trial in self.book.trials if trial.number < number - self.settings.lag]
        return stopping.bars(journal.in_order(visible), self.settings.trial_epochs)

    def _handle(self, event):
        if isinstance(event, Note):
            self._note_once(event.text)
        elif isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, Lost):
            self._retry_or_fail(event)

    def _note_once(self, text):
        if text not in self.notes:
            self.notes.add(text)
            events.note(text)

    def _finish(self, event):
        outcome = dict(event.outcome)
        compiling = outcome.pop("compile_seconds")
        self.seconds["compilation"] += compiling
        self.seconds["epochs"] += event.seconds - compiling
        self._record(event, **outcome)

    def _retry_or_fail(self, event):
        attempt = self.attempts[event.number] = self.attempts.get(event.number, 0) + event.had_begun
        if event.timed_out or attempt >= MAX_ATTEMPTS:
            tries = "" if event.timed_out else f", {attempt} times"
            self._record(event, **FAILED, reason=event.reason + tries)
            return
        self._log(event, "lost")
        events.warn(f"trial {event.number + 1} is tried again: {event.reason}")
        self.pool.assign(event.worker, event.number, self.values[event.number], self._bars(event.number))

    def _record(self, event, **outcome):
        trial = journal.Trial(
            number=event.number,
            hyperparameters=self.values[event.number],
            seconds=round(event.seconds, 3),
            **outcome,
        )
        self.book.append(trial)
        self._log(event, trial.status)
        self._learn(trial)
        events.listener.trial_finished(trial, journal.best(self.book.trials), self.settings.max_trials)
        self._give_up_if_hopeless()

    def _learn(self, trial):
        self.values[trial.number] = trial.hyperparameters
        self.tuner.observe(trial)

    def _log(self, event, outcome):
        """Add a line to the timeline, which only the report reads: losing one in a crash loses nothing else."""
        ended = time.time()
        line = {"number": event.number, "worker": event.worker, "outcome": outcome}
        line |= {"started": round(ended - event.seconds, 3), "ended": round(ended, 3)}
        with open(self.state_dir / TIMELINE, "a") as file:
            file.write(json.dumps(line) + "\n")

    def _give_up_if_hopeless(self):
        trials = journal.in_order(self.book.trials)
        if len(trials) < MIN_FAILURES or any(trial.status != "failed" for trial in trials):
            return
        if len({_cause(trial.reason) for trial in trials}) == 1:
            raise SearchFailed(
                f"all {len(trials)} first trials failed with the same cause: {trials[0].reason}; "
                "mend it, then search in a new directory"
            )

    def _result(self):
        trials = journal.in_order(self.book.trials)
        best = journal.best(trials)
        if best is None:
            reasons = "; ".join(sorted({trial.reason for trial in trials if trial.reason})[:3])
            raise SearchFailed(f"none of {len(trials)} trials completed: {reasons}")
        self.seconds["start_up"] = self.pool.start_up_seconds
        seconds = {name: round(value, 2) for name, value in self.seconds.items()}
        return SearchResult(trials, best, seconds, self.n_learned)


def resolve_workers(workers, state_dir):
    """Return how many trials to run at once.

    Args:
        workers: the parameter; 0 asks for the number that a search in `state_dir` began with, else for as many as
            processors by affinity and cgroup quota, and memory, allow; 1 on a GPU.
        state_dir: folder of the journal.
    """
    if workers:
        return workers
    begun = _read_journal(state_dir)
    if begun and isinstance(begun.header.get("workers"), int):
        return max(1, begun.header["workers"])
    if Path("/dev/nvidia0").exists():
        return 1
    return max(1, min(_processors(), _memory_mb() // WORKER_MB - 1))


WORKER_MB = 1_000
CGROUP = Path("/sys/fs/cgroup")


def _processors():
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = (CGROUP / "cpu.max").read_text().split()
        return max(1, min(allowed, int(quota) // int(period)))
    return allowed


def _memory_mb():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int((CGROUP / "memory.max").read_text()))
    return total // 2**20


def _header(data, settings, space, earlier):
    """Return what decides the search: with the same header and one seed, the same trials."""
    return {
        "training_data": data.fingerprint,
        "search_space": files.digest(space.get_config()["space"]),
        "network": files.sha256(NETWORK_FILE),
        "objective": "validation_accuracy",
        "trial_epochs": settings.trial_epochs,
        "early_stopping_patience": settings.patience,
        "stop_trials_early": settings.stop_trials_early,
        "workers": settings.workers,
        "seed": settings.seed,
        **({"warm_start": hashlib.sha256(earlier).hexdigest()} if earlier else {}),
    }


def _n_finished(state_dir):
    begun = _read_journal(state_dir)
    return len(begun.trials) if begun else 0


def _read_journal(state_dir):
    path = Path(state_dir) / journal.FILE_NAME
    return journal.read(path) if path.exists() else None


def _cause(reason):
    """Return a failure's reason without the numbers in it, which differ from trial to trial."""
    return re.sub(r"[-+.\d]+", "#", reason or "")
