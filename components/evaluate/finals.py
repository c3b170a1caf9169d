"""The trainings to the end of which the best became the model, and what they say of each configuration's worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from components.evaluate.inputs import ReportInputs


@dataclass(frozen=True)
class Final:
    """One training to the end.

    Attributes:
        number: the trial's whose configuration it is.
        seed: of the training.
        curve: the validation objective by epoch, the search's epochs included; empty where it is not kept.
        epochs: how many it had.
        chosen_epoch: the one with the best objective, from 1, or None.
        score: the objective there; None when it failed.
        accuracy: the validation accuracy there, or None.
        is_kept: whether it is the model.
        reason: why it failed, or None.
    """

    number: int
    seed: int
    curve: tuple[float, ...]
    epochs: int
    chosen_epoch: int | None
    score: float | None
    accuracy: float | None
    is_kept: bool
    reason: str | None = None


@dataclass(frozen=True)
class Spread:
    """What the finals of one configuration, which differ in their seeds, have in common.

    Attributes:
        number: the trial's.
        n_seeds: how many of them have a score.
        mean: of the scores.
        deviation: their standard deviation (of a sample); None of a single one.
    """

    number: int
    n_seeds: int
    mean: float
    deviation: float | None


def finals_of(inputs: ReportInputs) -> list[Final]:
    """Return the finals of a run in the order in which they were asked for; none of an older run."""
    described = {_key(each): each for each in inputs.description.get("finals") or []}
    trained = {_key(each): each for each in (inputs.history or {}).get("finals") or []}
    kept = _key(inputs.description["winner"]) if "winner" in inputs.description else None
    return [
        _final(key, described.get(key, {}), trained.get(key, {}), key == kept)
        for key in dict.fromkeys([*described, *trained])
    ]


def kept_of(finals: Sequence[Final]) -> Final | None:
    """Return the final that is the model, or None where nothing says."""
    return next((final for final in finals if final.is_kept), None)


def spreads_of(finals: Sequence[Final]) -> list[Spread]:
    """Return a `Spread` for each configuration that has a score, in order."""
    scores: dict[int, list[float]] = {}
    for final in finals:
        if final.score is not None:
            scores.setdefault(final.number, []).append(final.score)
    return [
        Spread(number, len(own), fmean(own), stdev(own) if len(own) > 1 else None) for number, own in scores.items()
    ]


def _key(final: dict[str, Any]) -> tuple[int, int]:
    return final["number"], final["seed"]


def _final(key: tuple[int, int], described: dict[str, Any], trained: dict[str, Any], is_kept: bool) -> Final:
    """Return a final from what the model's description and the history say of it, the history first."""
    curve, accuracies = tuple(trained.get("curve") or ()), trained.get("validation_accuracies") or ()
    chosen = trained.get("chosen_epoch")
    score, accuracy = described.get("objective"), described.get("validation_accuracy")
    if chosen:
        score, accuracy = curve[chosen - 1], accuracies[chosen - 1]
    epochs = len(curve) or described.get("epochs") or 0
    return Final(*key, curve, epochs, chosen or None, score, accuracy, is_kept, described.get("reason"))
