"""How much memory a training takes, told from the network's shapes before any of it is taken.

Counted are the weights in all the copies that a training keeps, and what the layers put out for one batch, forward and
backward. What TensorFlow itself and a compiled program take is added as a constant. It is what a training takes beside
what its process holds before it begins: files that are mapped, as the data is, are no part of it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from components.core.data import DatasetInfo
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.training.trainer import VALIDATION_BATCH

NUMBER_BYTES = 4
BASE_BYTES = 220 * 2**20
"""What TensorFlow and a compiled program take of their own."""

KEPT_COPIES = 4
"""Of each weight, from epoch to epoch: the model's, the trainer's, the averaged and the best epoch's."""

STEP_COPIES = 2
"""Of each weight, within a step: its gradient and its next value."""

USUAL_SLOTS = 2.0
"""What an optimizer keeps of each weight, where it can't be asked: Adam keeps two."""

ACTIVATION_COPIES = 2
"""Forward values are kept for the way back, which makes gradients of the same size."""

SIDE = 64
"""Of the matrix on which an optimizer is asked."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a training takes.

    Attributes:
        parameters: how many weights the network has.
        weight_bytes: all copies of them, the optimizer's included.
        activation_bytes: what the layers put out, of a training or a validation batch, whichever takes more.
    """

    parameters: int
    weight_bytes: int
    activation_bytes: int

    @property
    def total_bytes(self) -> int:
        return BASE_BYTES + self.weight_bytes + self.activation_bytes


def estimate(
    experiment: Experiment, values: Mapping[str, Any], info: DatasetInfo, n_train: int, n_validation: int
) -> Footprint:
    """Return the `Footprint` of training a configuration, without making its weights.

    Args:
        experiment: the `Experiment`.
        values: Keras Tuner's flat values.
        info: shape of an example, and number of classes.
        n_train: training examples; a batch has no more.
        n_validation: validation examples.
    """
    hyperparameters = read_hyperparameters(experiment.search_space, dict(values))
    # In a graph nothing is computed, not even by a model that is called where it is made.
    with tf.Graph().as_default(), keras.StatelessScope(initialize_variables=False):
        model = experiment.create_model(hyperparameters, info.input_shape, info.n_classes)
    copies = KEPT_COPIES + STEP_COPIES + _slots(experiment, hyperparameters)
    parameters = sum(math.prod(weight.shape) for weight in model.weights)
    batch = min(int(experiment.batch_size(hyperparameters)), n_train)
    trained = batch * ACTIVATION_COPIES * sum(_n_outputs(layer) for layer in _layers(model))
    validated = min(VALIDATION_BATCH, n_validation) * max((_n_at_once(layer) for layer in _layers(model)), default=0)
    keras.backend.clear_session()  # or the weights would be made after all, when Keras next has the occasion
    return Footprint(parameters, int(NUMBER_BYTES * copies * parameters), NUMBER_BYTES * max(trained, validated))


def _slots(experiment: Experiment, hyperparameters: Any) -> float:
    """Return how many numbers the optimizer keeps of each weight, as found on a matrix of 64 by 64."""
    try:
        optimizer = experiment.optimizer(hyperparameters, 1)
        optimizer.build([keras.Variable("zeros", shape=(SIDE, SIDE), name="kernel")])
    except Exception:  # what is wrong with it is for the training to say
        return USUAL_SLOTS
    n_kept: int = sum(math.prod(variable.shape) for variable in optimizer.variables if len(variable.shape))
    return n_kept / SIDE**2


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _n_outputs(layer: keras.layers.Layer) -> int:
    """Return how many numbers a layer puts out for an example, 0 where that can't be told."""
    return _size(layer, "output")


def _n_at_once(layer: keras.layers.Layer) -> int:
    """Return how many numbers a layer works on for an example; one that changes no shape works in place."""
    taken, given = _size(layer, "input"), _size(layer, "output")
    return given if taken == given else taken + given


def _size(layer: keras.layers.Layer, side: str) -> int:
    """Return the numbers in what goes into a layer or comes out of it, for an example; 0 where that can't be told."""
    try:
        tensors = keras.tree.flatten(getattr(layer, side))
    except (AttributeError, ValueError):  # a model that is no graph of layers
        return 0
    return sum(math.prod(size for size in tensor.shape[1:] if size) for tensor in tensors)
