"""The estimate of what a training takes in memory, held against what can be counted."""

import dataclasses
import resource

import keras
import numpy as np
import pytest

from components.core.data import DatasetInfo
from components.core.experiment import Experiment
from components.core.hyperparameters import read_hyperparameters
from components.experiment import EXPERIMENT
from components.training import footprint

INFO = DatasetInfo("drawn", ("a", "b", "c"), (6, 4))
VALUES = {
    "hidden_layers": 2,
    "units_0": 64,
    "units_1": 32,
    "normalization": "batch",
    "dropout_rate": 0.3,
    "learning_rate": 0.01,
    "flip_images": True,
    "batch_size": 32,
}


def estimate(experiment=EXPERIMENT, values=VALUES, n_train=1000, n_validation=10):
    return footprint.estimate(experiment, values, INFO, n_train, n_validation)


def experiment_of(create_model):
    return Experiment(search_space=lambda hp: hp.Int("units", 1, 200_000), create_model=create_model)


def dense(units, input_shape, n_classes):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Dense(units)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes)(keras.layers.Dense(units)(hidden)))


@pytest.mark.parametrize("normalization", ["batch", "layer", "none"])
def test_the_weights_of_the_default_network_are_counted_exactly(normalization):
    values = {**VALUES, "normalization": normalization}
    chosen = read_hyperparameters(EXPERIMENT.search_space, values)
    built = EXPERIMENT.create_model(chosen, INFO.input_shape, INFO.n_classes)

    assert estimate(values=values).parameters == built.count_params()


def test_the_weights_of_dense_layers_are_counted_exactly():
    """Layers of 24 to 10, 10 to 10 and 10 to 3, each with its biases."""
    assert estimate(experiment_of(dense), {"units": 10}).parameters == 24 * 10 + 10 + 10 * 10 + 10 + 10 * 3 + 3


def test_a_network_that_fits_into_no_memory_is_estimated_without_it():
    estimate()  # imports and first uses aside
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    found = estimate(experiment_of(dense), {"units": 100_000})

    assert found.parameters > 10**10 and found.total_bytes > 10**11
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100e6


def test_a_network_that_is_called_where_it_is_made_is_estimated_without_memory_too():
    class Called(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units)

        def call(self, inputs):
            return self.dense(self.dense(inputs))

    def create(units, input_shape, n_classes):
        model = Called(units)
        model(np.zeros((1, units), np.float32))
        return model

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert estimate(experiment_of(create), {"units": 100_000}).parameters == 10**10 + 10**5
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100e6


@pytest.mark.parametrize(
    ("optimizer", "kept"),
    [
        (lambda: keras.optimizers.SGD(0.1), 0),
        (lambda: keras.optimizers.SGD(0.1, momentum=0.9), 1),
        (lambda: keras.optimizers.Adam(0.1), 2),
        (lambda: keras.optimizers.Adam(0.1, amsgrad=True), 3),
        (lambda: 1 / 0, 2),
    ],
)
def test_what_the_optimizer_keeps_of_each_weight_is_counted(optimizer, kept):
    with_optimizer = dataclasses.replace(EXPERIMENT, optimizer=lambda hyperparameters, n_steps: optimizer())
    found, copies = estimate(with_optimizer), footprint.KEPT_COPIES + footprint.STEP_COPIES

    assert found.weight_bytes == 4 * found.parameters * (copies + kept)


def test_a_larger_batch_takes_more():
    sizes = [estimate(values={**VALUES, "batch_size": size}).total_bytes for size in (32, 64, 128)]

    assert sizes == sorted(set(sizes))


def test_a_batch_is_no_larger_than_the_data():
    small, large = (estimate(values={**VALUES, "batch_size": size}, n_train=40) for size in (64, 128))

    assert small == large


def test_more_validation_examples_take_more_up_to_a_part():
    few, many, more = (estimate(n_train=1, n_validation=n).activation_bytes for n in (100, 2048, 60_000))

    assert few < many == more


def test_the_layers_of_a_model_within_a_model_count():
    def nested(units, input_shape, n_classes):
        inputs = keras.Input(input_shape)
        inner = keras.Sequential([keras.Input((24,)), keras.layers.Dense(units), keras.layers.Dense(units)])
        return keras.Model(inputs, keras.layers.Dense(n_classes)(inner(keras.layers.Flatten()(inputs))))

    flat, within = (estimate(experiment_of(create), {"units": 10}) for create in (dense, nested))

    assert within == flat


def test_an_estimate_leaves_keras_as_it_was():
    estimate()
    chosen = read_hyperparameters(EXPERIMENT.search_space, VALUES)

    built = EXPERIMENT.create_model(chosen, INFO.input_shape, INFO.n_classes)

    assert all(weight.numpy().shape == tuple(weight.shape) for weight in built.weights)


def test_the_total_is_the_sum_of_its_parts():
    found = estimate()

    assert found.total_bytes == footprint.BASE_BYTES + found.weight_bytes + found.activation_bytes
    assert dataclasses.replace(found, weight_bytes=0).total_bytes < found.total_bytes
