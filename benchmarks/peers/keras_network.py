"""The project's network in plain Keras, compiled for `fit`."""

from typing import Any

import keras

from benchmarks.peers.task import Task

VALIDATION_BATCH_SIZE = 1_000
"""With `fit`'s default, the training's batch size, each epoch would take longer for nothing."""


def compiled_network(values: dict[str, Any], n_features: int, n_classes: int) -> keras.Model:
    """Return the network of some hyperparameters, with Adam at their learning rate."""
    hidden = inputs = keras.Input((n_features,))
    for layer in range(values["hidden_layers"]):
        hidden = _hidden_layer(hidden, values[f"units_{layer}"], values)
    model = keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(values["learning_rate"]), loss, metrics=["accuracy"])
    return model


def _hidden_layer(inputs: Any, units: int, values: dict[str, Any]) -> Any:
    normalization = {"none": None, "batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    normalize = normalization[values["normalization"]]
    hidden = keras.layers.Dense(units, use_bias=normalize is None, kernel_initializer="he_normal")(inputs)
    if normalize:
        hidden = normalize()(hidden)
    return keras.layers.Dropout(values["dropout_rate"])(keras.layers.ReLU()(hidden))


class Report(keras.callbacks.Callback):
    """Reports each epoch of a trial."""

    def __init__(self, task: Task, trial: int) -> None:
        super().__init__()
        self.task = task
        self.trial = trial

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.task.report(self.trial, epoch + 1, logs["val_accuracy"])
