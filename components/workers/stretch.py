"""What a worker is given, and what it says came of it; nothing here imports TensorFlow."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.training.state import Course


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
    def course(self) -> "Course":
        """How far it goes; see `components.training.state`."""
        from components.training.state import Course

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
