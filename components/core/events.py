"""What a step says while it works. The local run puts a live display in place of the plain lines."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from components.core import trial as trials
from components.core.experiment import ACCURACY, Metric
from components.core.trial import Trial


class FinishedEpoch(Protocol):
    """What is told of an epoch; see `components.training.state.Epoch`."""

    @property
    def number(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def accuracy(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...
    @property
    def validation_accuracy(self) -> float: ...
    @property
    def seconds(self) -> float: ...


class PlainLines:
    """Writes one line an event to standard output, without control characters: for logs."""

    def note(self, text: str) -> None:
        print(text, flush=True)

    def step_started(self, name: str) -> None:
        self.note(f"{name}: started")

    def step_finished(self, name: str, seconds: float) -> None:
        self.note(f"{name}: finished in {seconds:.1f} s")

    def search_started(self, trials: Sequence[Trial], plan_total: int, objective: Metric = ACCURACY) -> None:
        """Hear that a search begins, or goes on after an earlier part of it.

        Args:
            trials: what that part has left, finished or not; none for a new search.
            plan_total: about how many epochs the whole search will have trained, all trials together.
            objective: what it optimizes.
        """
        if trials:
            done = sum(trial.epochs for trial in trials)
            self.note(
                f"continuing the search after {counted(len(trials), 'trial')}, {done} of about {plan_total} epochs"
            )

    def stretch_finished(
        self, trial: Trial, best: Trial | None, n_started: int, max_trials: int, objective: Metric = ACCURACY
    ) -> None:
        """Hear that a trial has reached the end of a stretch of epochs, or has failed.

        Args:
            trial: all of it so far, earlier stretches included.
            best: the best trial so far, or None.
            n_started: how many trials have been begun so far.
            max_trials: how many there will be.
            objective: what the search optimizes.
        """
        self.note(trial_line(trial, best, n_started, max_trials, objective))

    def round_finished(self, line: str) -> None:
        """Hear how a search stands after a round."""
        self.note(line)

    def finals_started(self, epochs: Mapping[str, int], n_epochs: int) -> None:
        """Hear that the finals begin, or go on, up to `n_epochs`; `epochs` are those that each has, by its name."""
        begun = ", ".join(f"{name} from epoch {has}" for name, has in epochs.items())
        self.note(f"finals to epoch {n_epochs}: {begun}")

    def final_epoch_finished(self, name: str, epoch: int, n_epochs: int, objective: float) -> None:
        self.note(f"final: {name} epoch {epoch}/{n_epochs}: {objective:.4f}")

    def final_finished(self, name: str, epochs: int, n_epochs: int, best: float, chosen_epoch: int) -> None:
        """Hear that a final has ended, with its budget or for want of progress."""
        self.note(f"final: {name} finished after {epochs} epochs: best {best:.4f} in epoch {chosen_epoch}")

    def refit_epoch_finished(self, epoch: FinishedEpoch, n_epochs: int) -> None:
        self.note(
            f"refit epoch {epoch.number}/{n_epochs}: loss {epoch.loss:.4f} accuracy {epoch.accuracy:.4f} "
            f"({epoch.seconds:.1f} s)"
        )

    def downloaded(self, received: int, total: int | None, name: str) -> None:
        """Hear that `received` of a file's `total` bytes have come; the total is None where it is not known."""
        if total and received >= total:
            self.note(f"downloaded {name}, {total:,} bytes")

    def close(self) -> None:
        """End the display."""


class Forwarding(PlainLines):
    """Hands notes to `send` instead of writing them."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send

    def note(self, text: str) -> None:
        self._send(text)


listener = PlainLines()
"""Hears every event of this process; `components.core.events.listener = …` replaces it."""


def note(text: str) -> None:
    listener.note(text)


def warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


def trial_line(trial: Trial, best: Trial | None, n_started: int, max_trials: int, objective: Metric = ACCURACY) -> str:
    """Return one line on a trial after a stretch of epochs, and the best so far."""
    result = trial_result(trial, objective)
    ending = f": {trial.reason}" if trial.status == "failed" else f" after {counted(trial.epochs, 'epoch')}"
    leader = ""
    if best:
        leader = f", best {trial_result(best, objective)} (trial {best.number}, {counted(best.epochs, 'epoch')})"
    values = f"{trial.seconds:.1f} s, {values_line(trial.hyperparameters)}"
    return f"trial {trial.number} ({n_started} of {max_trials}): {result}{ending}{leader}, {values}"


def trial_result(trial: Trial, objective: Metric) -> str:
    """Return a trial's score by the objective, or for one that failed its status."""
    return trial.status if trial.status == "failed" else f"{trials.score(trial):.4f}"


def values_line(hyperparameters: Mapping[str, Any]) -> str:
    """Return hyperparameters as one line of `name=value`."""
    return " ".join(f"{name}={short(value)}" for name, value in hyperparameters.items())


def counted(n: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def short(value: Any) -> str:
    """Return a hyperparameter's value in a few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
