"""When a trial can't win any more, and what its accuracy would have been worth.

The rule is the median stopping rule of Golovin et al. 2017, "Google Vizier", section 3.2.2: a trial ends after an
epoch at which its best accuracy is below the median, over the completed trials, of their mean accuracy up to that
epoch. Which trials are looked at is decided when the trial starts, so that timing decides nothing.
"""

from statistics import fmean, median

MIN_COMPLETED = 5
FREE_SHARE = 1 / 3


def bars(trials, epochs):
    """Return what a trial's best accuracy must reach after each epoch, a list of `epochs` numbers; 0 asks nothing.

    The first third of the epochs is free, and so is every trial until `MIN_COMPLETED` have completed.

    Args:
        trials: finished `components.core.journal.Trial`s, the ones that may be looked at.
        epochs: the epoch budget of a trial.
    """
    curves = [trial.curve for trial in trials if trial.status == "completed"]
    free = max(1, int(epochs * FREE_SHARE))
    if len(curves) < MIN_COMPLETED:
        return [0.0] * epochs
    return [
        0.0 if epoch <= free else median(fmean(curve[:epoch]) for curve in curves) for epoch in range(1, epochs + 1)
    ]


def is_hopeless(curve, bars):
    """Say whether a trial with this curve so far ends now. Its last epoch is never taken from it."""
    epoch = len(curve)
    return epoch < len(bars) and max(curve) < bars[epoch - 1]


def estimated_accuracy(stopped, trials):
    """Return what a stopped trial stands for in the Gaussian process.

    Its own accuracy would be unfair, since trials gain most as the learning rate falls: it is credited with the
    median gain that the completed trials made after the same epoch, but never with more than their median.

    Args:
        stopped: the stopped trial.
        trials: finished trials, the ones that may be looked at.
    """
    completed = [trial for trial in trials if trial.status == "completed"]
    if not completed:
        return stopped.validation_accuracy
    gain = median(trial.validation_accuracy - max(trial.curve[: stopped.epochs]) for trial in completed)
    return min(stopped.validation_accuracy + gain, median(trial.validation_accuracy for trial in completed))
