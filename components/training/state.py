"""How far a training goes and where it stands: what its epochs gave, and the weights of the best one."""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from components.core.errors import PipelineError
from components.core.experiment import Metric


class TrainingFailed(PipelineError):
    """Training produced a figure that is not a finite number."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: counted from 1.
        loss: mean training loss, as trained: with dropout, augmentation and label smoothing.
        accuracy: training accuracy over the batches as trained, 0 to 1.
        validation_loss: mean cross-entropy on the validation split, in nats.
        validation_accuracy: on the validation split, 0 to 1.
        objective: the experiment's objective on the validation split.
        learning_rate: at the epoch's end.
        seconds: wall time, validation included, compilation not.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    objective: float
    learning_rate: float
    seconds: float


@dataclass
class TrainingState:
    """Where a training stands after its last finished epoch; with the network's variables it is all there is.

    Attributes:
        objective: decides which epoch is best.
        compiled: how the training is compiled: `xla`, `graph` or `fit`; empty before it is.
        epochs: the finished epochs.
        best_weights: the model's weights after the best epoch, the earliest of equals.
        compile_seconds: wall time spent on tracing and compiling.
    """

    objective: Metric
    compiled: str = ""
    epochs: list[Epoch] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)
    compile_seconds: float = 0.0

    @property
    def best(self) -> Epoch:
        sign = 1 if self.objective.direction == "max" else -1
        return max(self.epochs, key=lambda epoch: (sign * epoch.objective, -epoch.number))

    @property
    def epochs_since_best(self) -> int:
        return len(self.epochs) - self.best.number

    def refuse_divergence(self, epoch: Epoch) -> None:
        """Refuse an epoch with a figure that nothing can be compared with.

        Raises:
            TrainingFailed: loss or objective is NaN or infinite; the message has the epoch and the figures.
        """
        if not (math.isfinite(epoch.loss) and math.isfinite(epoch.validation_loss)):
            raise TrainingFailed(
                f"the loss is not finite after epoch {epoch.number}: {epoch.loss} in training, "
                f"{epoch.validation_loss} in validation"
            )
        if not math.isfinite(epoch.objective):
            raise TrainingFailed(
                f"the objective {self.objective.name} is not finite after epoch {epoch.number}: {epoch.objective}"
            )

    def history(self) -> dict[str, Any]:
        """Return the epochs as a dictionary with a list a figure, and the number of the chosen epoch."""
        names = [name for name in asdict(self.epochs[0]) if name != "number"]
        columns = {name: [getattr(epoch, name) for epoch in self.epochs] for name in names}
        return {**columns, "chosen_epoch": self.best.number}


@dataclass(frozen=True)
class Course:
    """What a training is besides network and data: its schedule, its random choices, and how far it goes.

    Trainings that differ only in how far they go are each the beginning of the longer one.

    Attributes:
        n_epochs: length of the schedule, at least 1.
        seed: decides initial weights, permutations and masks.
        last: the epoch to stop after, counted from 1; None for the schedule's end.
        patience: epochs without a better objective after which it ends earlier; 0: never.
        waits_from: the epoch from which on they are counted at the earliest.
    """

    n_epochs: int
    seed: int
    last: int | None = None
    patience: int = 0
    waits_from: int = 0

    @property
    def end(self) -> int:
        """The epoch that it goes to, patience aside."""
        return self.n_epochs if self.last is None else self.last

    def is_over(self, state: TrainingState) -> bool:
        if not state.epochs:
            return False
        waited = len(state.epochs) - max(state.best.number, self.waits_from)
        return len(state.epochs) >= self.end or 0 < self.patience <= waited

    def ended_before(self, state: TrainingState) -> bool:
        """Return whether it would have been over before the last epoch of a training that went on."""
        shorter = (replace(state, epochs=state.epochs[:n]) for n in range(1, len(state.epochs)))
        return any(self.is_over(each) for each in shorter)
