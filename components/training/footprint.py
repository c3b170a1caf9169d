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

from components.core.data import DatasetInfo
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.training.compilation import compilation_of
from components.training.trainer import VALIDATION_BATCH

NUMBER_BYTES = 4
COPIES = 6
USUAL_SLOTS = 2.0
"""What an optimizer keeps of each weight, where it can't be asked: Adam keeps two."""

BASE_BYTES = 250 * 2**20
_SIDE = 64


@dataclass(frozen=True)
class Footprint:
    """Bytes that a training takes.

    Attributes:
        parameters: how many weights the network has.
        weight_bytes: all copies of them.
        optimizer_bytes: what the optimizer keeps of them.
        activation_bytes: what the layers put out, of a training or a validation batch, whichever takes more.
    """

    parameters: int
    weight_bytes: int
    optimizer_bytes: int
    activation_bytes: int

    @property
    def total_bytes(self) -> int:
        return BASE_BYTES + self.weight_bytes + self.optimizer_bytes + self.activation_bytes


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
    with keras.StatelessScope(initialize_variables=False):
        model = experiment.create_model(hyperparameters, info.input_shape, info.n_classes)
    parameters = sum(math.prod(weight.shape) for weight in model.weights)
    outputs = [_n_outputs(layer) for layer in _layers(model)]
    slots = _slots(experiment, hyperparameters)
    batch = min(int(experiment.batch_size(hyperparameters)), n_train)
    trained = batch * sum(outputs) * 2
    validated = min(VALIDATION_BATCH, n_validation) * sum(outputs)
    keras.backend.clear_session()  # or the weights would be made after all, when Keras next has the occasion
    return Footprint(
        parameters,
        NUMBER_BYTES * COPIES * parameters,
        int(NUMBER_BYTES * slots * parameters),
        NUMBER_BYTES * max(trained, validated),
    )


def _slots(experiment: Experiment, hyperparameters: Any) -> float:
    """Return how many numbers the optimizer keeps of each weight, as found on a matrix of 64 by 64."""
    try:
        optimizer = experiment.optimizer(hyperparameters, 1)
        optimizer.build([keras.Variable("zeros", shape=(_SIDE, _SIDE), name="kernel")])
    except Exception:  # what is wrong with it is for the training to say
        return USUAL_SLOTS
    return sum(math.prod(variable.shape) for variable in optimizer.variables if variable.shape) / _SIDE**2


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _n_outputs(layer: keras.layers.Layer) -> int:
    """Return how many numbers a layer puts out for an example, 0 where that can't be told."""
    try:
        shapes = keras.tree.flatten(keras.tree.map_structure(lambda tensor: _size(tensor.shape), layer.output))
    except (AttributeError, ValueError):  # a model that is no graph of layers
        return 0
    return sum(shapes)


def _size(shape: tuple[int | None, ...]) -> int:
    return math.prod(size for size in shape[1:] if size)
