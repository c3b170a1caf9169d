"""How much memory a training takes, told from the network's shapes before any of it is taken.

Counted are the weights in all the copies that a training keeps, and what the layers put out for one batch, forward and
backward. What TensorFlow itself and a compiled program take is added as a constant. It is what a training takes beside
what its process holds before it begins: files that are mapped, as the data is, are no part of it.

The constants are from measurements: the most anonymous memory that a worker's child held beyond what it shared with
the worker, sampled every few milliseconds over three epochs, a continuation from a checkpoint among them. In MiB:

| network, on images of 28 × 28 unless said | trained as | measured | estimated |
|---|---|---|---|
| dense 64, batch 256 | XLA | 175 | 227 |
| dense 4 × 512, batch 256 | XLA | 279 | 277 |
| dense 4 × 2048, batch 256 | XLA | 834 | 723 |
| dense 2 × 8192, batch 256 | XLA | 2594 | 2602 |
| dense 40,000, batch 256 | XLA | 1290 | 1514 |
| dense 4 × 512, batch 256 | fit | 145 | 277 |
| dense 2 × 4096, batch 256 | fit | 724 | 901 |
| convolutions 8, 16, batch 64, few validation images | graph | 86 | 241 |
| convolutions 32, 64, batch 64 | graph | 373 | 478 |
| convolutions 32, 64, batch 256 | graph | 429 | 483 |
| convolutions 32, 64, 128 on 32 × 32 × 3, batch 64 | graph | 478 | 551 |
| LSTM 64, batch 128 | XLA | 237 | 283 |
| LSTM 256, batch 256 | XLA | 446 | 461 |
| bidirectional GRU 128, batch 128 | graph | 202 | 400 |
| attention, 8 heads of 16, batch 128 | XLA | 571 | 468 |
| attention on 196 × 16, 4 heads of 16, batch 32 | XLA | 1826 | 1887 |
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
    """Return how many numbers a layer puts out for an example, those that it keeps inside included."""
    return _size(_tensors(layer, "output")) + _n_inside(layer)


def _n_at_once(layer: keras.layers.Layer) -> int:
    """Return how many numbers a layer works on for an example; one that changes no shape works in place."""
    taken, given = (_size(_tensors(layer, side)) for side in ("input", "output"))
    return (given if taken == given else taken + given) + _n_inside(layer)


def _n_inside(layer: keras.layers.Layer) -> int:
    """Return what a layer keeps inside for an example: each step's gates; each pair's attention, and what is made of
    queries, keys and values."""
    tensors = _tensors(layer, "input")
    if not tensors or len(tensors[0].shape) < 3:
        return 0
    first, last = (tensor.shape[1] or 0 for tensor in (tensors[0], tensors[-1]))
    cells = [inner for inner in layer._flatten_layers() if hasattr(inner, "recurrent_kernel")]
    n_gates = sum(cell.recurrent_kernel.shape[-1] for cell in cells)
    n_attended = getattr(layer, "num_heads", 0) * (last + 4 * getattr(layer, "key_dim", 0))
    return int(first * (n_gates + n_attended))


def _tensors(layer: keras.layers.Layer, side: str) -> list[Any]:
    """Return what goes into a layer or comes out of it, nothing for a model that is no graph of layers."""
    try:
        return list(keras.tree.flatten(getattr(layer, side)))
    except (AttributeError, ValueError):
        return []


def _size(tensors: list[Any]) -> int:
    return sum(math.prod(size for size in tensor.shape[1:] if size) for tensor in tensors)
