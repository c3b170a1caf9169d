"""The network and its search space: the file to fork.

Put in another architecture by changing `create_model`, another search space by changing `search_space`, and what
passes between them by changing `Hyperparameters`. The training loop reads `learning_rate` and `batch_size`, and where
they are there `weight_decay`, `label_smoothing`, `flip_images` and `erase_share`; the rest is between these two
functions.
"""

from dataclasses import dataclass
from typing import Any

import keras

MAX_HIDDEN_LAYERS = 4


@dataclass(frozen=True)
class Hyperparameters:
    """What decides a training, apart from data, epochs and seed.

    Attributes:
        units: width of each hidden layer, from the input on.
        normalization: `batch`, `layer` or `none`, between each hidden layer's weights and its ReLU.
        dropout_rate: share of each hidden layer's outputs that is dropped while training, 0 to below 1.
        learning_rate: AdamW's rate at the start; it falls to zero along a cosine.
        batch_size: images a step.
        weight_decay: AdamW's decoupled decay of the weight matrices, times the learning rate a step.
        label_smoothing: probability spread evenly over the classes in the training loss, 0 to below 1.
        flip_images: whether each training image is mirrored left to right with probability one half; right for
            garments, wrong for digits.
        erase_share: height and width, as a share of the image's, of the rectangle that is blanked in half of the
            training images; 0 for none.
    """

    units: tuple[int, ...]
    normalization: str
    dropout_rate: float
    learning_rate: float
    batch_size: int
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    flip_images: bool = False
    erase_share: float = 0.0


def search_space(hp: Any) -> Hyperparameters:
    """Return the hyperparameters that `hp` holds, declaring each with its range on the way.

    Args:
        hp: a `keras_tuner.HyperParameters`, or anything with its methods.
    """
    hidden_layers = hp.Int("hidden_layers", 1, MAX_HIDDEN_LAYERS, default=2)
    units = [_units(hp, layer) for layer in range(MAX_HIDDEN_LAYERS)]
    return Hyperparameters(
        units=tuple(units[:hidden_layers]),
        normalization=hp.Choice("normalization", ["none", "layer", "batch"], default="batch"),
        dropout_rate=hp.Float("dropout_rate", 0.1, 0.5, step=0.05, default=0.2),
        learning_rate=hp.Float("learning_rate", 3e-4, 1e-2, sampling="log", default=3e-3),
        batch_size=hp.Choice("batch_size", [32, 64, 128, 256, 512], default=256),
        # Measured rather than tuned (docs/decisions/0006-recipe.md); a Choice or a Float in its place tunes one.
        weight_decay=hp.Fixed("weight_decay", 0.2),
        label_smoothing=hp.Fixed("label_smoothing", 0.1),
        flip_images=hp.Fixed("flip_images", True),
        erase_share=hp.Fixed("erase_share", 0.3),
    )


def _units(hp, layer):
    """Return the width of a hidden layer, which is a hyperparameter only of networks that have the layer."""
    deep_enough = list(range(layer + 1, MAX_HIDDEN_LAYERS + 1))
    return hp.Int(
        f"units_{layer}", 64, 512, step=64, default=512, parent_name="hidden_layers", parent_values=deep_enough
    )


def create_model(hyperparameters: Hyperparameters, input_shape: tuple[int, ...], n_classes: int) -> keras.Model:
    """Return a fully connected classifier, freshly initialized and not compiled.

    Raw images go in (uint8, shape (batch, *input_shape)), logits come out (float32, shape (batch, n_classes)):
    scaling is a layer of the model, so that serving needs no preprocessing.

    Args:
        hyperparameters: hidden layers, normalization and dropout.
        input_shape: shape of one image.
        n_classes: number of classes.
    """
    inputs = keras.Input(input_shape, dtype="uint8", name="image")
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    for units in hyperparameters.units:
        hidden = _hidden_layer(hidden, units, hyperparameters)
    logits = keras.layers.Dense(n_classes, name="logits")(hidden)
    return keras.Model(inputs, logits)


def _hidden_layer(inputs, units, hyperparameters):
    normalization = {"none": None, "batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    normalize = normalization[hyperparameters.normalization]
    hidden = keras.layers.Dense(units, use_bias=normalize is None, kernel_initializer="he_normal")(inputs)
    if normalize:
        hidden = normalize()(hidden)
    hidden = keras.layers.ReLU()(hidden)
    if hyperparameters.dropout_rate:
        hidden = keras.layers.Dropout(hyperparameters.dropout_rate)(hidden)
    return hidden
