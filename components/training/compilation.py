"""How a model is compiled: decided by its layers and the device, never by a timing, so that equal seeds train alike.

On a CPU XLA makes one program of a step's many small operations, which for dense networks is several times as fast as
TensorFlow's graph. Its convolutions and poolings are many times slower there, and so are its random numbers. So XLA
gets the models that are made of layers known to be fast, and the graph all others.
"""

from typing import Literal

import keras
import tensorflow as tf

Compilation = Literal["xla", "graph", "fit"]

FAST_WITH_XLA = frozenset(
    """
    Activation Add AdditiveAttention Attention Average AveragePooling1D BatchNormalization CategoryEncoding Concatenate
    Cropping1D Cropping2D Dense Dot Dropout EinsumDense ELU Embedding Flatten GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalMaxPooling1D GroupNormalization GroupQueryAttention GRU GRUCell Identity InputLayer
    LayerNormalization LeakyReLU LSTM LSTMCell Maximum Minimum MultiHeadAttention Multiply Normalization Permute PReLU
    ReLU RepeatVector Rescaling Reshape RMSNormalization SimpleRNN SimpleRNNCell Softmax Subtract TimeDistributed
    UnitNormalization ZeroPadding1D ZeroPadding2D
    """.split()  # noqa: SIM905 - fifty lines otherwise
)
"""Keras' own layers, by name. A layer that is none of them may hold anything, and goes to the graph."""


def compilation_of(model: keras.Model) -> Compilation:
    """Return how the model's training is to be compiled.

    Returns:
        `fit` for a model with a `train_step` of its own, which only Keras' `fit` calls. On a GPU `xla`, unless a layer
        says that it does not support it or is recurrent (cuDNN is faster). On a CPU `xla` for the layers of
        `FAST_WITH_XLA` without a hidden dropout, else `graph`.
    """
    if (
        type(model).train_step is not keras.Model.train_step
        or type(model).compute_loss is not keras.Model.compute_loss
    ):
        return "fit"
    layers = [layer for layer in model._flatten_layers(include_self=False) if not isinstance(layer, keras.Model)]
    if has_gpu():
        fast = all(layer.supports_jit and not isinstance(layer, keras.layers.RNN) for layer in layers)
    else:
        fast = is_plain(model) and all(_is_fast(layer) for layer in layers) and not _has_hidden_dropout(model)
    return "xla" if fast else "graph"


def is_plain(model: keras.Model) -> bool:
    """Return whether Keras can clone the model: layers and their connections are all that it is."""
    return type(model).__module__.startswith("keras.")


def _is_fast(layer: keras.layers.Layer) -> bool:
    return type(layer).__module__.startswith("keras.") and type(layer).__name__ in FAST_WITH_XLA


def _has_hidden_dropout(model: keras.Model) -> bool:
    """Return whether a layer drops something by itself, where no faster dropout can take its place."""
    outer = {id(layer) for layer in _layers_of(model)}
    for layer in model._flatten_layers(include_self=False):
        inner = isinstance(layer, keras.layers.Dropout) and id(layer) not in outer and layer.rate > 0
        if inner or any(getattr(layer, name, 0) for name in ("dropout", "recurrent_dropout")):
            return True
    return False


def _layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers that the model and the models in it are made of, not those inside of a layer."""
    nested = [_layers_of(layer) for layer in model.layers if isinstance(layer, keras.Model)]
    return [*model.layers, *(layer for layers in nested for layer in layers)]


def has_gpu() -> bool:
    """Return whether TensorFlow in this process trains on a GPU."""
    return bool(tf.config.get_visible_devices("GPU"))
