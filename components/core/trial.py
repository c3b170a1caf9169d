"""A finished trial of a search, and how trials compare."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from components.core.experiment import Direction

END_SHARE = 1 / 6
STATUSES = ("completed", "stopped", "failed")


@dataclass(frozen=True)
class Trial:
    """One configuration and what came of it: a line of the `trials` artifact.

    Attributes:
        number: counted from 0.
        status: `completed` (up to the highest rung), `stopped` (at a lower one, where others were ahead) or `failed`.
        hyperparameters: Keras Tuner's flat values, only of hyperparameters that are active.
        validation_accuracy: after the epoch with the best objective, 0 to 1; None when failed.
        curve: the objective on the validation split after each epoch.
        epochs: how many epochs were trained.
        seconds: wall time of the attempts that counted.
        reason: None, or why the trial failed or was stopped.
    """

    number: int
    status: str
    hyperparameters: dict[str, Any]
    validation_accuracy: float | None
    curve: Sequence[float]
    epochs: int
    seconds: float
    reason: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "curve", tuple(self.curve))
        problem = _problem(self)
        if problem:
            raise ValueError(problem)

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "curve": list(self.curve)}


def score(trial: Trial) -> float:
    """Return the score of a trial that has not failed: `end_score` of its curve."""
    return end_score(trial.curve)


def end_score(curve: Sequence[float]) -> float:
    """Return the mean of the objective over the last sixth of a curve, at least its last epoch.

    The best of a curve is the luckiest of its epochs; a mean over the last ones tells more of another training.
    """
    n_last = max(1, round(len(curve) * END_SHARE))
    return fmean(curve[-n_last:])


def best(trials: Iterable[Trial], direction: Direction = "max") -> Trial | None:
    """Return the trial with the best score, the earliest of equals, or None when none has one."""
    sign = 1 if direction == "max" else -1
    measured = [trial for trial in trials if trial.status != "failed"]
    return max(measured, key=lambda trial: (sign * score(trial), -trial.number), default=None)


def in_order(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials sorted by number."""
    return sorted(trials, key=lambda trial: trial.number)


def _problem(trial: Trial) -> str | None:
    """Say what makes a line no finished trial, or None."""
    whole = (trial.number, trial.epochs)
    if any(not isinstance(value, int) or isinstance(value, bool) or value < 0 for value in whole):
        return "number and epochs must be integers from 0"
    if trial.status not in STATUSES:
        return f"status must be one of {', '.join(STATUSES)}, got {trial.status!r}"
    if not isinstance(trial.hyperparameters, dict):
        return "hyperparameters must be an object"
    if any(_is_number_type(value) and not math.isfinite(value) for value in trial.hyperparameters.values()):
        return "hyperparameters must be finite"
    if not all(_is_number(value) for value in trial.curve):
        return "curve must hold finite numbers"
    if not trial.curve and trial.status != "failed":
        return "curve must hold a number an epoch, unless the trial failed"
    if (trial.validation_accuracy is None) != (trial.status == "failed"):
        return "validation_accuracy must be null when failed, and only then"
    if trial.validation_accuracy is not None and not _is_accuracy(trial.validation_accuracy):
        return "validation_accuracy must lie from 0 to 1"
    if not _is_number(trial.seconds) or trial.seconds < 0:
        return "seconds must be a number from 0"
    if not isinstance(trial.reason, (str, type(None))):
        return "reason must be text or null"
    return None


def _is_accuracy(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_number(value: Any) -> bool:
    return _is_number_type(value) and math.isfinite(value)


def _is_number_type(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
