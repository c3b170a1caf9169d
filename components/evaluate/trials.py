"""What is known of a search: its trials, and when which worker tried them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from components.core import artifacts, journal

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
class Search:
    """A search so far.

    Attributes:
        trials: the finished trials, in order of number.
        spans: the attempts of which the times are known; may be empty or a part of them.
    """

    trials: list[journal.Trial]
    spans: list[Span]

    @property
    def best(self):
        """The best completed trial, or None."""
        return journal.best(self.trials)

    @property
    def measured(self):
        """The trials that have an accuracy, completed or stopped."""
        return [trial for trial in self.trials if trial.validation_accuracy is not None]

    def count(self, status):
        return sum(trial.status == status for trial in self.trials)


def read(folder):
    """Return the `Search` in a folder with a journal and, perhaps, a timeline.

    Raises:
        InvalidInput: the journal is damaged.
    """
    trials = journal.read(Path(folder) / journal.FILE_NAME).trials
    return Search(journal.in_order(trials), _read_spans(Path(folder) / TIMELINE_FILE))


def read_artifact(path):
    """Return the `Search` in a `trials` artifact.

    Raises:
        InvalidInput: the artifact is damaged, or is none.
    """
    artifacts.verify(path, "trials")
    return read(path)


def _read_spans(path):
    """Return the timeline's usable lines: it is for show, so that a torn or strange line is left out, not refused."""
    if not path.is_file():
        return []
    return [span for line in path.read_bytes().splitlines() if (span := _span(line)) is not None]


def _span(line):
    try:
        value = json.loads(line)
        span = Span(*(value[name] for name in ("number", "worker", "started", "ended", "outcome")))
        usable = math.isfinite(span.started) and math.isfinite(span.ended) and span.started <= span.ended
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    whole = isinstance(span.number, int) and isinstance(span.worker, int)
    return span if usable and whole and span.outcome in OUTCOMES else None
