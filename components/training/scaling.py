"""`Normalization` layers, whose mean and variance come from the training data."""

from typing import Any

import keras
import numpy as np

from components.core.errors import InvalidInput

BYTE_RANGE = 255.0
MOST_ROWS = 20_000
SHAPES_ONLY = (
    keras.layers.InputLayer,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Identity,
)


def fit_normalization(model: keras.Model, inputs: np.ndarray) -> None:
    """Set the layers of a model that have neither mean nor variance of their own.

    Bytes are divided by 255. Of other numbers each feature, as the layer's `axis` tells them apart, gets mean 0 and
    deviation 1 over the first 20,000 examples; one that never changes keeps its scale.

    Args:
        model: a built Keras model.
        inputs: the training split, uint8 or float32, shape (n, *input_shape).

    Raises:
        InvalidInput: such a layer does not come first, so that its inputs change while the model is trained.
    """
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            features = _features(model, layer)
            if inputs.dtype == np.uint8:
                _set(layer, 0.0, BYTE_RANGE**2)
            else:
                layer.adapt(np.asarray(features.predict(inputs[:MOST_ROWS], verbose=0)))
                variance = keras.ops.convert_to_numpy(layer.adapt_variance)
                _set(layer, keras.ops.convert_to_numpy(layer.adapt_mean), np.where(variance > 0, variance, 1.0))


def _features(model: keras.Model, layer: keras.layers.Layer) -> keras.Model:
    """Return the model up to the layer, which only changes shapes."""
    try:
        before = keras.Model(model.inputs, layer.input)
    except (AttributeError, ValueError):
        before = None
    if before is None or not all(isinstance(each, SHAPES_ONLY) for each in before.layers):
        raise InvalidInput(
            f"the Normalization layer {layer.name} must come straight after the input, where the data alone decides "
            "its mean and variance; give it both, or use BatchNormalization"
        )
    return before


def _set(layer: keras.layers.Normalization, mean: Any, variance: Any) -> None:
    layer.adapt_mean.assign(np.broadcast_to(np.float32(mean), layer.adapt_mean.shape))
    layer.adapt_variance.assign(np.broadcast_to(np.float32(variance), layer.adapt_variance.shape))
    layer.finalize_state()
