"""The type by which everything else knows an experiment: what `components/experiment` fills in.

Each part is a plain function. The first two have no default; what is left out has the one that stands here.
`hyperparameters` is always what `search_space` returned, of whatever type that is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np

from components.core import scores
from components.core.data import DatasetInfo
from components.core.errors import InvalidInput

if TYPE_CHECKING:
    import keras

Direction = Literal["max", "min"]

DEFAULT_BATCH_SIZE = 128
DEFAULT_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Metric:
    """A figure of a model on a labelled split.

    Attributes:
        name: in the words of the field, as people will read it (`accuracy`, `macro F1`).
        compute: a function of labels, int, shape (n,), and logits, float32, shape (n, n_classes), to a number.
        direction: `max` where more is better, `min` where less is.
    """

    name: str
    compute: Callable[[np.ndarray, np.ndarray], float]
    direction: Direction = "max"

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise InvalidInput(f"direction of the metric {self.name} must be max or min, got {self.direction!r}")


ACCURACY = Metric("accuracy", scores.accuracy)
BALANCED_ACCURACY = Metric("balanced accuracy", scores.balanced_accuracy)
MACRO_F1 = Metric("macro F1", scores.macro_f1)
CROSS_ENTROPY = Metric("cross-entropy", scores.cross_entropy, "min")


class Random(Protocol):
    """The source of the random choices of one training step: a function of seed, step and the stream's name alone.

    Two choices that must be independent take two names. All of it can be compiled.
    """

    def uniform(self, stream: str, n: int) -> Any:
        """Return `n` numbers from 0 to below 1, float32, shape (n,)."""

    def coins(self, stream: str, n: int) -> Any:
        """Return `n` fair coin flips, bool, shape (n,)."""

    def integers(self, stream: str, n: int, low: int, high: int) -> Any:
        """Return `n` integers from `low` to below `high`, int32, shape (n,)."""

    def seed(self, stream: str) -> Any:
        """Return a seed for TensorFlow's stateless functions, int32, shape (2,)."""


def default_batch_size(hyperparameters: Any) -> int:
    """Return 128 examples a step."""
    return DEFAULT_BATCH_SIZE


def default_optimizer(hyperparameters: Any, n_steps: int) -> "keras.optimizers.Optimizer":
    """Return Adam, whose rate falls from 0.001 to zero along a cosine over the training's `n_steps`."""
    import keras

    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(DEFAULT_LEARNING_RATE, n_steps))


def default_loss(hyperparameters: Any, labels: Any, logits: Any) -> Any:
    """Return each example's cross-entropy in nats, shape (n,)."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def default_augment(hyperparameters: Any, inputs: Any, random: Random) -> Any:
    """Return the inputs as they are."""
    return inputs


def default_fixed_for(data: DatasetInfo) -> Mapping[str, Any]:
    """Return nothing: all that `search_space` does not fix is searched on any data."""
    return {}


@dataclass(frozen=True)
class Experiment:
    """What makes an experiment this experiment and no other.

    Attributes:
        search_space: (hp) → hyperparameters: declares each with its range by Keras Tuner's methods (`hp.Int`,
            `hp.Float`, `hp.Choice`, `hp.Boolean`, `hp.Fixed`) and returns them, as a dataclass say.
        create_model: (hyperparameters, input_shape, n_classes) → a Keras model, raw inputs to logits, not compiled.
        batch_size: (hyperparameters) → examples a step, at least 1.
        optimizer: (hyperparameters, n_steps) → a Keras optimizer, schedule included, for a training of `n_steps`.
        loss: (hyperparameters, labels, logits) → what training minimizes, a number an example, shape (n,).
        augment: (hyperparameters, inputs, random) → a step's training inputs as the network is to see them, of the
            same shape; `random` is a `Random`.
        fixed_for: (data) → values by name: hyperparameters that need no search on this data, and are fixed there
            however `search_space` declares them; `data` is a `DatasetInfo`.
        averaged_share: the last share of the training so far, 0 to below 1, over which weights are averaged before
            they are validated and kept; 0: the last weights. So a training that is cut off in the middle of its
            schedule can be judged without the end of it.
        objective: what the search optimizes on the validation split; it also chooses the epoch whose weights are kept.
        metrics: what else is reported of the model on the test split.
    """

    search_space: Callable[[Any], Any]
    create_model: Callable[[Any, tuple[int, ...], int], "keras.Model"]
    batch_size: Callable[[Any], int] = default_batch_size
    optimizer: Callable[[Any, int], "keras.optimizers.Optimizer"] = default_optimizer
    loss: Callable[[Any, Any, Any], Any] = default_loss
    augment: Callable[[Any, Any, Random], Any] = default_augment
    fixed_for: Callable[[DatasetInfo], Mapping[str, Any]] = default_fixed_for
    averaged_share: float = 0.1
    objective: Metric = ACCURACY
    metrics: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        for part in ("search_space", "create_model", "batch_size", "optimizer", "loss", "augment", "fixed_for"):
            if not callable(getattr(self, part)):
                raise InvalidInput(f"{part} of an experiment must be a function, got {getattr(self, part)!r}")
        share = self.averaged_share
        if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 <= share < 1:
            raise InvalidInput(f"averaged_share of an experiment must be a number from 0 to below 1, got {share!r}")
        if not isinstance(self.metrics, (tuple, list)):
            raise InvalidInput(f"metrics of an experiment must be a tuple of Metric, got {self.metrics!r}")
        for metric in (self.objective, *self.metrics):
            if not isinstance(metric, Metric):
                raise InvalidInput(f"objective and metrics of an experiment must each be a Metric, got {metric!r}")
        names = [metric.name for metric in (self.objective, *self.metrics)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InvalidInput(f"objective and metrics must each have a name of its own, and two are {repeated[0]}")
