"""The network: a fully connected classifier."""

from typing import Any

import keras

from components.experiment.space import Hyperparameters


def create_model(hyperparameters: Hyperparameters, input_shape: tuple[int, ...], n_classes: int) -> keras.Model:
    """Return a fully connected classifier, freshly initialized and not compiled.

    Raw inputs go in (uint8 or float32, shape (batch, *input_shape)), logits come out (float32, shape
    (batch, n_classes)): scaling is a layer of the model, so that serving needs no preprocessing.

    A `Normalization` layer that has no mean and variance gets them before the training starts, from the training
    split: bytes are divided by 255, other numbers have each feature's mean taken off and are divided by its deviation.
    A layer of your own must be registered with `keras.saving.register_keras_serializable`, or it could not be loaded.

    Args:
        hyperparameters: hidden layers, normalization and dropout.
        input_shape: shape of one example.
        n_classes: number of classes.
    """
    inputs = keras.Input(input_shape, name="inputs")
    hidden = keras.layers.Normalization()(keras.layers.Flatten()(inputs))
    for units in hyperparameters.units:
        hidden = _hidden_layer(hidden, units, hyperparameters)
    logits = keras.layers.Dense(n_classes, name="logits")(hidden)
    return keras.Model(inputs, logits)


def _hidden_layer(inputs: Any, units: int, hyperparameters: Hyperparameters) -> Any:
    normalization = {"none": None, "batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    normalize = normalization[hyperparameters.normalization]
    hidden = keras.layers.Dense(units, use_bias=normalize is None, kernel_initializer="he_normal")(inputs)
    if normalize:
        hidden = normalize()(hidden)
    hidden = keras.layers.ReLU()(hidden)
    if hyperparameters.dropout_rate:
        hidden = keras.layers.Dropout(hyperparameters.dropout_rate)(hidden)
    return hidden
