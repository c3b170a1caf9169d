"""Networks of several kinds, from a 28 x 28 image to what its logits are made of."""

from typing import Any

import keras

layers = keras.layers


def dense(inputs: Any) -> Any:
    hidden = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    for units in (256, 128):
        hidden = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(hidden)))
        hidden = layers.Dropout(0.2)(hidden)
    return hidden


def convolutional(inputs: Any) -> Any:
    """Return two blocks of a convolution and a pooling."""
    hidden = _image(inputs)
    for filters in (16, 32):
        hidden = layers.MaxPooling2D()(layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden))
    return layers.Dropout(0.2)(layers.Dense(64, activation="relu")(layers.Flatten()(hidden)))


def residual(inputs: Any) -> Any:
    hidden = layers.MaxPooling2D()(layers.Conv2D(8, 3, padding="same")(_image(inputs)))
    for _ in range(2):
        inner = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(hidden)))
        inner = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(inner))
        hidden = layers.ReLU()(layers.Add()([hidden, inner]))
    return layers.GlobalAveragePooling2D()(hidden)


def recurrent(inputs: Any) -> Any:
    """Return an LSTM's last state after an image's rows."""
    return layers.LSTM(32)(layers.Rescaling(1 / 255)(inputs))


def attention(inputs: Any) -> Any:
    """Return a block of attention over 49 patches of 16 pixels."""
    patches = layers.Dense(32)(layers.Rescaling(1 / 255)(layers.Reshape((49, 16))(inputs)))
    attended = layers.LayerNormalization()(layers.Add()([patches, layers.MultiHeadAttention(2, 16)(patches, patches)]))
    inner = layers.Dense(32)(layers.Dense(64, activation="gelu")(attended))
    return layers.GlobalAveragePooling1D()(layers.Add()([attended, inner]))


@keras.saving.register_keras_serializable("benchmarks")
class Gate(keras.layers.Layer):
    """Multiplies its inputs by a sigmoid of a linear function of them."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], input_shape[-1]))

    def call(self, inputs: Any) -> Any:
        return inputs * keras.ops.sigmoid(keras.ops.matmul(inputs, self.kernel))


def with_a_custom_layer(inputs: Any) -> Any:
    return Gate()(layers.Dense(128, activation="relu")(layers.Flatten()(layers.Rescaling(1 / 255)(inputs))))


def _image(inputs: Any) -> Any:
    return layers.Rescaling(1 / 255)(layers.Reshape((28, 28, 1))(inputs))


NETWORKS = {
    "dense": dense,
    "convolutional, two blocks": convolutional,
    "residual": residual,
    "LSTM over rows": recurrent,
    "attention over patches": attention,
    "with a custom layer": with_a_custom_layer,
}
