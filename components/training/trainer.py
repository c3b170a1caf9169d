"""What trains one epoch after the other, whichever way the model is compiled."""

import abc
import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.core import scores
from components.core.data import TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.training.compilation import Compilation
from components.training.randomness import StepRandom

VALIDATION_BATCH = 2048
SNAPSHOTS_AN_EPOCH = 8


def batches_of(n_examples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return an epoch's batches: example indices, int32, shape (n_steps, batch_size).

    Every example is in an epoch once, in a fresh order; the last batch, when examples are left over, is filled up with
    the first ones of the same order, so that all batches have one size.
    """
    size = min(batch_size, n_examples)
    order = np.random.default_rng([seed, epoch]).permutation(n_examples).astype(np.int32)
    n_steps = math.ceil(n_examples / size)
    return np.resize(order, (n_steps, size))


class Trainer(abc.ABC):
    """What both trainers share: the optimizer, the batches, and the state that a checkpoint keeps.

    Args:
        experiment: the `Experiment`.
        trained: the model whose weights change.
        hyperparameters: what `search_space` returned.
        data: training and validation split.
        n_epochs: epoch budget, which decides the schedule.
        seed: decides the permutations.
        random: source of the other random choices.
    """

    compiled: Compilation

    def __init__(
        self,
        experiment: Experiment,
        trained: keras.Model,
        hyperparameters: Any,
        data: TrainingData,
        n_epochs: int,
        seed: int,
        random: StepRandom,
    ) -> None:
        self.experiment = experiment
        self.trained = trained
        self.hyperparameters = hyperparameters
        self.random = random
        self.compile_seconds = 0.0
        self._data = data
        self._seed = seed
        self._batch_size = _checked_batch_size(experiment.batch_size(hyperparameters))
        self.n_steps = len(self._batches(1))
        self.optimizer = experiment.optimizer(hyperparameters, n_epochs * self.n_steps)
        _check_optimizer(self.optimizer)
        self.optimizer.build(trained.trainable_variables)
        self._averages = [tf.Variable(weight.value) for weight in trained.weights]

    @property
    def n_snapshots(self) -> int:
        """How many times an epoch the weights enter their average, evenly spread."""
        return min(SNAPSHOTS_AN_EPOCH, self.n_steps)

    @abc.abstractmethod
    def train_epoch(self, number: int) -> tuple[float, float]:
        """Return mean loss and accuracy of one epoch, counted from 1."""

    @abc.abstractmethod
    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Return what the network says of the validation split's inputs, float32, shape (n, n_classes)."""

    def validate(self) -> tuple[float, float, float]:
        """Return mean cross-entropy, accuracy and objective on the validation split."""
        validation = self._data.validation
        with self._averaged():
            logits = self.logits(validation.inputs)
        if not np.isfinite(logits).all():
            return math.nan, scores.accuracy(validation.labels, logits), math.nan
        objective = self.experiment.objective.compute(validation.labels, logits)
        accuracy = scores.accuracy(validation.labels, logits)
        return scores.cross_entropy(validation.labels, logits), accuracy, float(objective)

    def weights(self) -> list[np.ndarray]:
        """Return the averaged weights, those that are validated and kept."""
        return [average.numpy() for average in self._averages]

    def take_snapshot(self, number: int) -> None:
        """Let the present weights enter their average, as snapshot `number` of the training, counted from 1.

        A snapshot's share falls with their number, so that the average always reaches back over the same share of
        the training so far: cutting the training off anywhere leaves the average of a training that ends there.

        Source: Shamir and Zhang 2013, "Stochastic gradient descent for non-smooth optimization", section 4
        (polynomial-decay averaging).
        """
        share = self.experiment.averaged_share
        decay = 1 / share - 1 if share else 0.0
        rate = (decay + 1) / (number + decay) if share else 1.0
        for average, weight in zip(self._averages, self.trained.weights, strict=True):
            is_float = weight.value.dtype.is_floating
            average.assign(average + rate * (weight.value - average) if is_float else weight.value)

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """Have the network stand at the averaged weights."""
        own = [tf.identity(weight.value) for weight in self.trained.weights]
        _assign(self.trained.weights, self._averages)
        yield
        _assign(self.trained.weights, own)

    def state(self) -> Iterator[np.ndarray]:
        """Yield the value of every variable that the next epoch starts from, the averaged weights last."""
        return (variable.numpy() for variable in self._variables())

    def restore(self, state: Iterable[np.ndarray]) -> None:
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def learning_rate(self) -> float:
        return float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))

    def _variables(self) -> list[Any]:
        return [*self.trained.variables, *self.optimizer.variables, *self._averages]

    def _batches(self, epoch: int) -> np.ndarray:
        return batches_of(len(self._data.train), self._batch_size, self._seed, epoch)

    def _augmented(self, inputs: Any) -> Any:
        changed = self.experiment.augment(self.hyperparameters, inputs, self.random)
        if changed.shape[1:] != inputs.shape[1:]:
            raise InvalidInput(
                f"augment must return inputs of the shape {tuple(inputs.shape[1:])} that it is given, and returns "
                f"{tuple(changed.shape[1:])}"
            )
        return changed

    def _losses(self, labels: Any, logits: Any) -> Any:
        losses = self.experiment.loss(self.hyperparameters, labels, logits)
        if losses.shape.rank != 1:
            raise InvalidInput(f"loss must return a number an example, shape (n,), and returns shape {losses.shape}")
        return losses


def _assign(variables: Iterable[Any], values: Iterable[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _checked_batch_size(size: Any) -> int:
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
        raise InvalidInput(f"batch_size must be an integer from 1, got {size!r}")
    return int(size)


def _check_optimizer(optimizer: Any) -> None:
    """Refuse what the loop would not do: keep averaged weights aside and swap them in at the end."""
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise InvalidInput(f"optimizer must return a Keras optimizer, got {type(optimizer).__name__}")
    if optimizer.use_ema and not optimizer.ema_overwrite_frequency:
        raise InvalidInput("optimizer must give ema_overwrite_frequency with use_ema: averages are used only so")
