"""One trial: hyperparameters in, what the journal says of it out."""

import resource
from dataclasses import asdict, dataclass
from typing import Any

from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.training import loop
from components.training.state import TrainingState
from components.tune import stopping


@dataclass(frozen=True)
class TrialSettings:
    """What all trials of a search share.

    Attributes:
        n_epochs: epoch budget of one trial.
        early_stopping_patience: epochs without a better objective after which a trial has converged.
        seed: decides initial weights, permutations and dropout masks, the same for every trial.
    """

    n_epochs: int
    early_stopping_patience: int
    seed: int


JOURNAL_FIELDS = ("status", "validation_accuracy", "curve", "epochs", "reason")


@dataclass(frozen=True)
class Outcome:
    """What came of a trial; the first five are the journal's, see `components.core.trial.Trial`.

    Attributes:
        compiled: how the training was compiled: `xla`, `graph` or `fit`.
        compile_seconds: wall time spent on tracing and compiling.
        epoch_seconds: wall time of the last epoch, validation included.
        peak_memory_bytes: the most that the trial's process had in memory.
    """

    status: str
    validation_accuracy: float | None
    curve: list[float]
    epochs: int
    reason: str | None = None
    compiled: str | None = None
    compile_seconds: float = 0.0
    epoch_seconds: float = 0.0
    peak_memory_bytes: int = 0

    @property
    def for_journal(self) -> dict[str, Any]:
        """The journal's part."""
        return {name: value for name, value in asdict(self).items() if name in JOURNAL_FIELDS}

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_trial(
    experiment: Experiment,
    values: dict[str, Any],
    data: TrainingData,
    settings: TrialSettings,
    thresholds: stopping.Thresholds = (),
) -> Outcome:
    """Return the `Outcome` of training the network that `values` describes.

    A result depends on the values, the data and the settings alone. An exception fails the trial, not the search.

    Args:
        experiment: the `Experiment`.
        values: Keras Tuner's flat values.
        data: training and validation split.
        settings: the search's `TrialSettings`.
        thresholds: see `components.tune.stopping`.
    """
    curve: list[float] = []
    objective = experiment.objective

    def is_stopped(state: TrainingState) -> bool:
        curve.append(state.epochs[-1].objective)
        return stopping.is_hopeless(curve, thresholds, objective.direction)

    try:
        _, state = loop.train_network(experiment, values, data, **asdict(settings), on_epoch=is_stopped)
    except Exception as error:
        return Outcome("failed", None, curve, len(curve), _one_line(error))
    best, reason, status = state.best, None, "completed"
    if stopping.is_hopeless(curve, thresholds, objective.direction):
        status = "stopped"
        reason = (
            f"{objective.name} {best.objective:.4f} after epoch {len(curve)} is worse than the median of the "
            "completed trials"
        )
    return Outcome(
        status,
        best.validation_accuracy,
        curve,
        len(curve),
        reason,
        compiled=state.compiled,
        compile_seconds=state.compile_seconds,
        epoch_seconds=state.epochs[-1].seconds,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _one_line(error: BaseException) -> str:
    """Return the error as one line of at most 500 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
