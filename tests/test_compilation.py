"""Which models go to XLA on a CPU, which to TensorFlow's graph, and which to Keras' fit."""

import keras
import pytest

from components.training.compilation import compilation_of

layers = keras.layers


@keras.saving.register_keras_serializable("tests")
class Gate(layers.Layer):
    def call(self, inputs):
        return inputs * keras.ops.sigmoid(inputs)


def network(*stack, shape=(8, 8, 1)):
    return keras.Sequential([keras.Input(shape), *stack, layers.Flatten(), layers.Dense(3)])


def attention(rate):
    inputs = keras.Input((8, 4))
    return keras.Model(inputs, layers.MultiHeadAttention(2, 4, dropout=rate)(inputs, inputs))


@pytest.mark.parametrize(
    "model",
    [
        network(layers.Dense(4), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.2)),
        network(layers.LSTM(4), shape=(8, 4)),
        attention(0.0),
        network(network(layers.Dense(4), layers.Dropout(0.5))),
    ],
    ids=["dense", "recurrent", "attention", "nested"],
)
def test_matrix_products_and_elementwise_layers_go_to_xla(model):
    assert compilation_of(model) == "xla"


@pytest.mark.parametrize(
    "model",
    [
        network(layers.Conv2D(4, 3), layers.MaxPooling2D()),
        network(layers.Conv1D(4, 3), shape=(8, 4)),
        network(layers.SeparableConv2D(4, 3)),
        network(layers.MaxPooling2D()),
        network(network(layers.Conv2D(4, 3))),
        network(layers.GaussianNoise(0.1)),
        network(layers.LSTM(4, dropout=0.2), shape=(8, 4)),
        attention(0.1),
        network(Gate()),
        network(layers.TimeDistributed(layers.Conv1D(4, 3)), shape=(2, 8, 4)),
    ],
    ids=[
        "convolution",
        "1-d convolution",
        "separable",
        "pooling",
        "nested",
        "noise",
        "recurrent dropout",
        "attention dropout",
        "a layer of one's own",
        "wrapped convolution",
    ],
)
def test_convolutions_random_layers_and_unknown_ones_go_to_the_graph(model):
    assert compilation_of(model) == "graph"


def test_a_model_with_a_loss_of_its_own_goes_to_fit():
    class Own(keras.Model):
        def compute_loss(self, *arguments, **options):
            return super().compute_loss(*arguments, **options)

    inputs = keras.Input((4,))
    assert compilation_of(Own(inputs, layers.Dense(3)(inputs))) == "fit"
