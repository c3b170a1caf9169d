"""One trial: hyperparameters in, what the journal says of it out."""

from dataclasses import asdict, dataclass

from components.training import loop as training
from components.tune import stopping


@dataclass(frozen=True)
class TrialSettings:
    """What all trials of a search share.

    Attributes:
        epochs: epoch budget of one trial.
        patience: epochs without a better validation accuracy after which a trial has converged.
        seed: decides initial weights, permutations and dropout masks, the same for every trial.
    """

    epochs: int
    patience: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of a trial; the first six are the journal's, see `components.core.journal.Trial`."""

    status: str
    validation_accuracy: float | None
    curve: list[float]
    epochs: int
    reason: str | None = None
    compile_seconds: float = 0.0

    as_dict = asdict


def run_trial(values, data, settings, bars=()):
    """Return the `Outcome` of training the network that `values` describes.

    A result depends on the values, the data and the settings alone. An exception fails the trial, not the search.

    Args:
        values: Keras Tuner's flat values.
        data: a `components.core.artifacts.TrainingData`.
        settings: the search's `TrialSettings`.
        bars: see `components.tune.stopping`.
    """
    curve: list[float] = []
    try:
        _, progress = training.train_network(
            values, data, **asdict(settings), on_epoch=lambda progress: _is_stopped(progress, curve, bars)
        )
    except Exception as error:
        return Outcome("failed", None, curve, len(curve), _reason(error))
    best = max(curve)
    if stopping.is_hopeless(curve, bars):
        reason = f"accuracy {best:.4f} after epoch {len(curve)} is below the median of the completed trials"
        return Outcome("stopped", best, curve, len(curve), reason, progress.compile_seconds)
    return Outcome("completed", best, curve, len(curve), None, progress.compile_seconds)


def _is_stopped(progress, curve, bars):
    curve.append(progress.epochs[-1].validation_accuracy)
    return stopping.is_hopeless(curve, bars)


def _reason(error):
    """Return the error as one line of at most 500 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
