"""When a trial can't win any more, and what its score would have been.

The rule is the median stopping rule of Golovin et al. 2017, "Google Vizier", section 3.2.2: a trial ends after an
epoch at which its best objective is worse than the median, over the completed trials, of their mean objective up to
that epoch. Which trials are looked at is decided when the trial starts, so that timing decides nothing.
"""

from collections.abc import Sequence
from statistics import fmean, median

from components.core import journal
from components.core.experiment import Direction
from components.core.journal import Trial

MIN_COMPLETED = 5
FREE_SHARE = 1 / 3

Thresholds = Sequence[float | None]


def thresholds(trials: Sequence[Trial], n_epochs: int) -> list[float | None]:
    """Return what a trial's best objective must reach after each epoch; None asks nothing.

    The first third of the epochs is free, and so is every trial until `MIN_COMPLETED` have completed.

    Args:
        trials: finished trials, the ones that may be looked at.
        n_epochs: the epoch budget of a trial.
    """
    curves = [trial.curve for trial in trials if trial.status == "completed"]
    free = max(1, int(n_epochs * FREE_SHARE))
    if len(curves) < MIN_COMPLETED:
        return [None] * n_epochs
    return [
        None if epoch <= free else median(fmean(curve[:epoch]) for curve in curves) for epoch in range(1, n_epochs + 1)
    ]


def is_hopeless(curve: Sequence[float], thresholds: Thresholds, direction: Direction) -> bool:
    """Say whether a trial with this curve so far ends now. Its last epoch is never taken from it."""
    epoch = len(curve)
    if not 0 < epoch < len(thresholds):
        return False
    threshold = thresholds[epoch - 1]
    if threshold is None:
        return False
    return max(curve) < threshold if direction == "max" else min(curve) > threshold


def estimated_score(stopped: Trial, trials: Sequence[Trial], direction: Direction) -> float:
    """Return what a stopped trial stands for in the Gaussian process.

    Its own score would be unfair, since trials gain most as the learning rate falls: it is credited with the
    median gain that the completed trials made after the same epoch, but never with more than their median.

    Args:
        stopped: the stopped trial.
        trials: finished trials, the ones that may be looked at.
        direction: of the objective.
    """
    sign = 1 if direction == "max" else -1
    own = sign * journal.score(stopped, direction)
    completed = [trial for trial in trials if trial.status == "completed"]
    if not completed:
        return sign * own
    scores = [sign * journal.score(trial, direction) for trial in completed]
    early = [max(sign * value for value in trial.curve[: stopped.epochs]) for trial in completed]
    gain = median(score - before for score, before in zip(scores, early, strict=True))
    return sign * min(own + gain, median(scores))
