"""How much memory a training takes, before it takes it.

Counted are the weights in all the copies that a training keeps, and what the layers put out for one batch, forward and
backward. What TensorFlow itself and a compiled program take is added as a constant.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from components.core.data import DatasetInfo
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.training.trainer import VALIDATION_BATCH

NUMBER_BYTES = 4
COPIES = 5
"""Of each weight besides the optimizer's: itself, gradient, average, best epoch's, and the validation's spare copy."""

USUAL_SLOTS = 2
"""What an optimizer keeps of each weight, where it can't be asked: Adam keeps two."""

ACTIVATION_COPIES = 2
"""Forward values are kept for the backward pass, which makes gradients of the same size."""

BASE_BYTES = 350 * 2**20
"""What a training process has of its own besides: the compiler and its programs, pages that it no longer shares."""


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
    with keras.StatelessScope(initialize_variables=False):
        model = experiment.create_model(hyperparameters, info.input_shape, info.n_classes)
        parameters = sum(math.prod(weight.shape) for weight in model.weights)
        outputs = sum(_n_outputs(layer) for layer in _layers(model))
    batch = min(int(experiment.batch_size(hyperparameters)), n_train)
    trained = batch * outputs * ACTIVATION_COPIES
    validated = min(VALIDATION_BATCH, n_validation) * outputs
    weight_bytes = NUMBER_BYTES * parameters * (COPIES + USUAL_SLOTS)
    return Footprint(parameters, weight_bytes, NUMBER_BYTES * max(trained, validated))


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
