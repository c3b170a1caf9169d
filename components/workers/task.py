"""What a worker does: train a network from one epoch to another, and say what came of it."""

import resource
import traceback
from collections.abc import Callable
from dataclasses import replace

from components.core.data import TrainingData
from components.core.experiment import Experiment
from components.training import footprint, loop
from components.training.checkpoint import Checkpoint, key_of
from components.training.compilation import has_gpu
from components.training.state import Epoch, TrainingState
from components.workers import reasons
from components.workers.stretch import Outcome, Stretch


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
