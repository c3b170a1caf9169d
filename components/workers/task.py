"""What a worker does: train a network from one epoch to another, and say what came of it."""

import resource
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.training import footprint, loop
from components.training.checkpoint import Checkpoint, key_of
from components.training.compilation import has_gpu
from components.training.state import Course, Epoch, TrainingState
from components.workers import reasons


@dataclass(frozen=True)
class Stretch:
    """A training from one epoch to another.

    Attributes:
        number: the configuration's, from 0.
        hyperparameters: Keras Tuner's flat values.
        last: the epoch to stop after, counted from 1.
        n_epochs: length of the schedule, of which this is a part.
        seed: decides initial weights, permutations and dropout masks.
        checkpoint: path of the checkpoint to continue from, where it is there and fits, and to leave; empty: none.
        every_epoch: whether the checkpoint is left after each epoch, or only at the end.
        patience: epochs without a better objective after which it ends earlier; 0: never.
        waits_from: the epoch from which on they are counted at the earliest.
        memory_bytes: what it may take beside the others; 0: not limited.
        memory_bytes_alone: what it may take where nothing else runs; 0: not limited.
    """

    number: int
    hyperparameters: dict[str, Any]
    last: int
    n_epochs: int
    seed: int
    checkpoint: str
    every_epoch: bool = False
    patience: int = 0
    waits_from: int = 0
    memory_bytes: int = 0
    memory_bytes_alone: int = 0

    @property
    def course(self) -> Course:
        return Course(self.n_epochs, self.seed, self.last, self.patience, self.waits_from)


@dataclass(frozen=True)
class Outcome:
    """What came of a stretch.

    Attributes:
        status: `finished`, `failed`, or `deferred`: it needs more than it may take beside the others.
        validation_accuracy: at the epoch with the best objective; None unless it finished.
        curve: the objective after each epoch, those of earlier stretches included.
        validation_accuracies: the same of the validation accuracy.
        epochs: how many there are.
        reason: why it did not finish, one line that begins with the cause.
        traceback: all that Python says of a failure.
        compiled: how the training was compiled: `xla`, `graph` or `fit`.
        compile_seconds: wall time spent on tracing and compiling.
        epoch_seconds: wall time of the last epoch, validation included.
        peak_memory_bytes: the most that the process had in memory, what it shares with others included.
        needed_bytes: the estimate by which it was let in, see `components.training.footprint`; 0: not limited.
    """

    status: str
    validation_accuracy: float | None
    curve: list[float]
    validation_accuracies: list[float]
    epochs: int
    reason: str | None = None
    traceback: str = ""
    compiled: str | None = None
    compile_seconds: float = 0.0
    epoch_seconds: float = 0.0
    peak_memory_bytes: int = 0
    needed_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(
    experiment: Experiment, data: TrainingData, stretch: Stretch, tell: Callable[[Epoch], None] | None = None
) -> Outcome:
    """Return the `Outcome` of a stretch, which depends on its arguments alone, not on a checkpoint that is there.

    What the experiment raises fails the stretch and nothing else.

    Args:
        experiment: the `Experiment`.
        data: training and validation split.
        stretch: the `Stretch`.
        tell: hears of each epoch.
    """
    needed = _needed_bytes(experiment, data, stretch)
    if 0 < stretch.memory_bytes_alone < needed:
        return _not_begun("failed", needed, stretch.memory_bytes_alone)
    if 0 < stretch.memory_bytes < needed:
        return _not_begun("deferred", needed, stretch.memory_bytes)
    state = TrainingState(experiment.objective)
    try:
        _train(experiment, data, stretch, state, tell)
    except (Exception, SystemExit) as error:
        outcome = _outcome("failed", state, needed)
        return replace(outcome, reason=reasons.cause(error), traceback=traceback.format_exc())
    return replace(_outcome("finished", state, needed), validation_accuracy=state.best.validation_accuracy)


def _train(
    experiment: Experiment,
    data: TrainingData,
    stretch: Stretch,
    state: TrainingState,
    tell: Callable[[Epoch], None] | None,
) -> None:
    checkpoint = None
    if stretch.checkpoint:
        key = key_of(stretch.hyperparameters, data.fingerprint, stretch.course)
        checkpoint = Checkpoint(stretch.checkpoint, key, stretch.every_epoch)
    loop.train_network(
        experiment,
        stretch.hyperparameters,
        data,
        stretch.course,
        state=state,
        on_epoch=(lambda state: tell(state.epochs[-1])) if tell else None,
        checkpoint=checkpoint,
    )


def _needed_bytes(experiment: Experiment, data: TrainingData, stretch: Stretch) -> int:
    """Return the estimate of what the training takes, 0 where that is not limited, can't be told, or is on a GPU."""
    is_limited = stretch.memory_bytes or stretch.memory_bytes_alone
    if not is_limited or has_gpu():
        return 0
    try:
        found = footprint.estimate(
            experiment, stretch.hyperparameters, data.info, len(data.train), len(data.validation)
        )
    except Exception:  # what is wrong with the experiment is for the training to say
        return 0
    return found.total_bytes


def _not_begun(status: str, needed: int, left: int) -> Outcome:
    reason = f"needs about {_size(needed)}, and {_size(left)} are left below the memory limit"
    return Outcome(status, None, [], [], 0, reason, needed_bytes=needed)


def _outcome(status: str, state: TrainingState, needed: int) -> Outcome:
    return Outcome(
        status,
        None,
        [epoch.objective for epoch in state.epochs],
        [epoch.validation_accuracy for epoch in state.epochs],
        len(state.epochs),
        compiled=state.compiled or None,
        compile_seconds=state.compile_seconds,
        epoch_seconds=state.epochs[-1].seconds if state.epochs else 0.0,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        needed_bytes=needed,
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
