"""What is known of a search: its plan, its trials, and when which worker trained them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core import artifacts, journal
from components.core.plan import Plan
from components.core.trial import end_score
from components.evaluate.objective import Objective
from components.pages.texts import score_text

TIMELINE_FILE = "timeline.jsonl"
OUTCOMES = ("finished", "completed", "stopped", "failed", "deferred", "lost")


@dataclass(frozen=True)
class Span:
    """One attempt at a stretch of a trial's epochs.

    Attributes:
        number: the trial's.
        worker: the slot.
        started, ended: Unix seconds.
        outcome: how it ended, one of `OUTCOMES`.
        last: the epoch that the stretch was to end with; None in an older search, whose trials had one stretch each.
        round: of the search, from 0; None in an older one.
        machine: the name of the one that the worker is on; empty for the machine that searches.
    """

    number: int
    worker: int
    started: float
    ended: float
    outcome: str
    last: int | None = None
    round: int | None = None
    machine: str = ""

    @property
    def lane(self) -> tuple[int, str]:
        """What tells its worker from others; on other machines a slot's number says little after a restart."""
        return self.worker, self.machine

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True)
class SearchRecord:
    """What a search has left so far.

    Attributes:
        trials: in order of number, each as far as it has come.
        spans: the attempts of which the times are known; may be empty or a part of them.
        objective: what it optimizes.
        space: the declared hyperparameters, as in the journal's header; empty in that of an older journal.
        rungs: the epochs at which trials are compared, ascending; of an older search the longest curve's.
        plan: what it spends, or None when nothing says.
    """

    trials: list[journal.Trial]
    spans: list[Span]
    objective: Objective = field(default_factory=Objective)
    space: list[dict[str, Any]] = field(default_factory=list)
    rungs: tuple[int, ...] = ()
    plan: Plan | None = None

    def __post_init__(self) -> None:
        longest = max([1, *(len(trial.curve) for trial in self.trials)])
        object.__setattr__(self, "rungs", tuple(self.rungs) or (self.plan.rungs if self.plan else (longest,)))

    @property
    def best(self) -> journal.Trial | None:
        """The best completed trial, or None."""
        return self.objective.best(self.trials)

    @property
    def measured(self) -> list[journal.Trial]:
        """The trials that have a score, completed or stopped."""
        return [trial for trial in self.trials if self.objective.score(trial) is not None]

    @property
    def has_rungs(self) -> bool:
        """Whether trials were compared before the end of the longest."""
        return len(self.rungs) > 1

    @property
    def best_in_words(self) -> str:
        """A sentence on the best completed trial."""
        if self.best is None:
            return "None completed."
        score = score_text(self.objective.scores([self.best])[0])
        return f"The best completed one is trial {self.best.number} with {score}."

    def count(self, status: str) -> int:
        return sum(trial.status == status for trial in self.trials)

    def rung_of(self, trial: journal.Trial) -> int:
        """Return the highest rung, from 0, that a trial has reached; -1 for none."""
        return sum(rung <= len(trial.curve) for rung in self.rungs) - 1

    def score_at(self, trial: journal.Trial, rung: int) -> float:
        """Return the score that a trial had when it reached a rung."""
        return end_score(trial.curve[: self.rungs[rung]])


def read(folder: str | Path) -> SearchRecord:
    """Return the `SearchRecord` in a folder with a journal and, perhaps, a timeline.

    Raises:
        InvalidInput: the journal is damaged.
    """
    contents = journal.read(Path(folder) / journal.FILE_NAME)
    plan = _plan(contents.header)
    return SearchRecord(
        journal.in_order(contents.trials),
        _read_spans(Path(folder) / TIMELINE_FILE),
        Objective.of(contents.header),
        contents.header.get("search_space") or [],
        plan.rungs if plan else tuple(contents.header.get("rungs") or ()),
        plan,
    )


def read_artifact(path: str | Path) -> SearchRecord:
    """Return the `SearchRecord` in a `trials` artifact.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "trials")
    return read(path)


def _plan(header: Mapping[str, Any]) -> Plan | None:
    """Return the plan that a journal's header states; a search's own file and an older journal have none."""
    stated = header.get("plan")
    return Plan(**{**stated, "rungs": tuple(stated["rungs"])}) if stated else None


def _read_spans(path: Path) -> list[Span]:
    """Return the timeline's usable lines: it is for show, so that a torn or strange line is left out, not refused."""
    if not path.is_file():
        return []
    return [span for line in path.read_bytes().splitlines() if (span := _span(line)) is not None]


def _span(line: bytes) -> Span | None:
    try:
        value = json.loads(line)
        parts = {name: value[name] for name in ("number", "worker", "started", "ended", "outcome")}
        span = Span(**parts, last=value.get("last"), round=value.get("round"), machine=value.get("machine", ""))
        usable = math.isfinite(span.started) and math.isfinite(span.ended) and span.started <= span.ended
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    whole = all(type(each) is int for each in (span.number, span.worker))
    known = all(each is None or type(each) is int for each in (span.last, span.round))
    named = isinstance(span.machine, str)
    return span if usable and whole and known and named and span.outcome in OUTCOMES else None
