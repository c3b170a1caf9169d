"""What is known of a search: its trials, and when which worker tried them."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core import artifacts, journal
from components.evaluate.objective import Objective

TIMELINE_FILE = "timeline.jsonl"
OUTCOMES = ("completed", "stopped", "failed", "lost")


@dataclass(frozen=True)
class Span:
    """One attempt at a trial: its number, the worker's slot, start and end in Unix seconds, and how it ended."""

    number: int
    worker: int
    started: float
    ended: float
    outcome: str


@dataclass(frozen=True)
class SearchRecord:
    """What a search has left so far.

    Attributes:
        trials: the finished trials, in order of number.
        spans: the attempts of which the times are known; may be empty or a part of them.
        objective: what it optimizes.
        space: the declared hyperparameters, as in the journal's header; empty in that of an older journal.
    """

    trials: list[journal.Trial]
    spans: list[Span]
    objective: Objective = field(default_factory=Objective)
    space: list[dict[str, Any]] = field(default_factory=list)

    @property
    def best(self) -> journal.Trial | None:
        """The best completed trial, or None."""
        return self.objective.best(self.trials)

    @property
    def measured(self) -> list[journal.Trial]:
        """The trials that have a score, completed or stopped."""
        return [trial for trial in self.trials if self.objective.score(trial) is not None]

    def count(self, status: str) -> int:
        return sum(trial.status == status for trial in self.trials)


def read(folder: str | Path) -> SearchRecord:
    """Return the `SearchRecord` in a folder with a journal and, perhaps, a timeline.

    Raises:
        InvalidInput: the journal is damaged.
    """
    contents = journal.read(Path(folder) / journal.FILE_NAME)
    return SearchRecord(
        journal.in_order(contents.trials),
        _read_spans(Path(folder) / TIMELINE_FILE),
        Objective.of(contents.header),
        contents.header.get("search_space") or [],
    )


def read_artifact(path: str | Path) -> SearchRecord:
    """Return the `SearchRecord` in a `trials` artifact.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "trials")
    return read(path)


def _read_spans(path: Path) -> list[Span]:
    """Return the timeline's usable lines: it is for show, so that a torn or strange line is left out, not refused."""
    if not path.is_file():
        return []
    return [span for line in path.read_bytes().splitlines() if (span := _span(line)) is not None]


def _span(line: bytes) -> Span | None:
    try:
        value = json.loads(line)
        span = Span(*(value[name] for name in ("number", "worker", "started", "ended", "outcome")))
        usable = math.isfinite(span.started) and math.isfinite(span.ended) and span.started <= span.ended
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    whole = isinstance(span.number, int) and isinstance(span.worker, int)
    return span if usable and whole and span.outcome in OUTCOMES else None
