"""An experiment of another kind to judge searches by: a small convolutional network on small images.

Its space has what the default one has not: categories without an order, one of them decisive (a learning rate that
suits Adam does not suit SGD), and a branch with hyperparameters of its own.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from components.core.experiment import Experiment

MOMENTUM = 0.9


@dataclass(frozen=True)
class Hyperparameters:
    """What decides a training; `units` and `dropout_rate` are of the dense head alone."""

    filters: int
    activation: str
    head: str
    units: int | None
    dropout_rate: float | None
    optimizer: str
    learning_rate: float
    batch_size: int


def search_space(hp: Any) -> Hyperparameters:
    """Return the hyperparameters that `hp` holds, declaring each on the way."""
    head = hp.Choice("head", ["pooling", "dense"], default="dense")
    with hp.conditional_scope("head", ["dense"]):
        units = hp.Int("units", 16, 128, step=16, default=64)
        dropout_rate = hp.Float("dropout_rate", 0.0, 0.6, step=0.1, default=0.2)
    return Hyperparameters(
        filters=hp.Int("filters", 4, 16, step=4, default=12),
        activation=hp.Choice("activation", ["relu", "sigmoid", "tanh", "gelu"], default="relu"),
        head=head,
        units=units,
        dropout_rate=dropout_rate,
        optimizer=hp.Choice("optimizer", ["sgd", "adam", "rmsprop"], default="adam"),
        learning_rate=hp.Float("learning_rate", 3e-4, 1e-1, sampling="log", default=3e-3),
        batch_size=hp.Choice("batch_size", [32, 64, 128, 256], default=64),
    )


def create_model(hyperparameters: Hyperparameters, input_shape: tuple[int, ...], n_classes: int) -> keras.Model:
    """Return two convolutions, each halving the image, and the head; grey images to logits."""
    activation = hyperparameters.activation
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Reshape((*input_shape, 1))(keras.layers.Normalization(axis=None)(inputs))
    for filters in (hyperparameters.filters, 2 * hyperparameters.filters):
        hidden = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation=activation)(hidden)
    if hyperparameters.head == "pooling":
        hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    else:
        hidden = keras.layers.Dense(hyperparameters.units, activation)(keras.layers.Flatten()(hidden))
        hidden = keras.layers.Dropout(hyperparameters.dropout_rate)(hidden)
    return keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))


def optimizer(hyperparameters: Hyperparameters, n_steps: int) -> keras.optimizers.Optimizer:
    """Return the chosen optimizer, whose rate falls to zero along a cosine."""
    rate = keras.optimizers.schedules.CosineDecay(hyperparameters.learning_rate, n_steps)
    if hyperparameters.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=MOMENTUM)
    kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    return kinds[hyperparameters.optimizer](rate)


def batch_size(hyperparameters: Hyperparameters) -> int:
    """Return how many examples a step is made on."""
    return hyperparameters.batch_size


def halved(images: np.ndarray) -> np.ndarray:
    """Return grey images of half the height and width, uint8: each pixel is the mean of four."""
    n, height, width = images.shape
    blocks = images.reshape(n, height // 2, 2, width // 2, 2)
    means: np.ndarray = np.round(blocks.mean(axis=(2, 4)))
    return means.astype(np.uint8)


EXPERIMENT = Experiment(
    search_space=search_space,
    create_model=create_model,
    batch_size=batch_size,
    optimizer=optimizer,
)
