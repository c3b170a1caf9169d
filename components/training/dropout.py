"""Dropout that XLA runs well, in the place of Keras' own while a network is trained."""

from typing import Any

import keras
import tensorflow as tf

from components.training.randomness import StepRandom


class FastDropout(keras.layers.Layer):
    """Drops each input with probability `rate` while training and scales the others by 1 / (1 - rate).

    Source: Srivastava et al. 2014, "Dropout", in its inverted form, as in `keras.layers.Dropout`.
    """

    def __init__(self, rate: float, random: StepRandom, stream: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rate = rate
        self._random = random
        self._stream = stream

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self._rate == 0:
            return inputs
        keep = self._random.hashes(self._stream, tf.size(inputs)) >= tf.constant(int(self._rate * 2**32), tf.uint32)
        return tf.where(tf.reshape(keep, tf.shape(inputs)), inputs / (1 - self._rate), tf.zeros_like(inputs))


def with_fast_dropout(model: keras.Model, random: StepRandom) -> keras.Model:
    """Return a clone of `model` with the same weights, in which each plain `Dropout` is a `FastDropout`."""
    n_dropouts = 0

    def clone_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
        nonlocal n_dropouts
        config = layer.get_config()
        if type(layer) is not keras.layers.Dropout or config["noise_shape"]:
            return layer.__class__.from_config(config)
        n_dropouts += 1
        return FastDropout(config["rate"], random, f"dropout {n_dropouts}", name=layer.name)

    clone = keras.models.clone_model(model, clone_function=clone_layer, recursive=True)
    clone.set_weights(model.get_weights())
    for layer in clone._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # computes what it scales by from the weights that it was just given
    return clone
