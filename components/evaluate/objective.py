"""The objective that a run optimized: its name in words, and which of two values is the better one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from components.core import journal
from components.pages.texts import shorten

LONGEST_NAME = 60


@dataclass(frozen=True)
class Objective:
    """What the search optimized on the validation split.

    Attributes:
        name: as the experiment names it.
        direction: `max` where more is better, `min` where less is.
    """

    name: str = "accuracy"
    direction: Literal["max", "min"] = "max"

    @classmethod
    def of(cls, description: Mapping[str, Any] | None) -> "Objective":
        """Return the objective in a model's description or a journal's header; without one it was the accuracy."""
        found = (description or {}).get("objective") or {}
        return cls(str(found.get("name", "accuracy")), "min" if found.get("direction") == "min" else "max")

    @property
    def is_accuracy(self) -> bool:
        return self.name == "accuracy"

    @property
    def sign(self) -> int:
        """1, or -1 where less is better: times this, more is always better."""
        return 1 if self.direction == "max" else -1

    @property
    def short_name(self) -> str:
        return shorten(self.name, LONGEST_NAME)

    @property
    def on_validation(self) -> str:
        """What it is called on the validation split, at the start of a sentence."""
        return f"Validation {self.short_name}"

    @property
    def in_words(self) -> str:
        """What it is called on the validation split, within a sentence."""
        return f"validation {self.short_name}"

    @property
    def on_test(self) -> str:
        """What it is called on the test split, at the start of a sentence."""
        return f"Test {self.short_name}"

    @property
    def score_in_words(self) -> str:
        """What a trial's score is, within a sentence; see `components.core.trial.end_score`."""
        return f"the mean {self.in_words} over the last sixth of its epochs, at least the last one"

    def score(self, trial: journal.Trial) -> float | None:
        """Return a trial's score at its end, None when it failed."""
        return None if trial.status == "failed" or not trial.curve else journal.score(trial)

    def scores(self, trials: Iterable[journal.Trial]) -> list[float]:
        """Return the scores of those trials that have one."""
        return [score for trial in trials if (score := self.score(trial)) is not None]

    def best(self, trials: Iterable[journal.Trial]) -> journal.Trial | None:
        """Return the best completed trial, or None."""
        return journal.best(trials, self.direction)
