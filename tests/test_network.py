"""The network and its search space."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from components.experiment.network import create_model
from components.experiment.space import Hyperparameters, search_space
from components.training.scaling import fit_normalization


def hyperparameters(**changes):
    values = {"units": (8, 4), "normalization": "batch", "dropout_rate": 0.5, "learning_rate": 0.01, "batch_size": 8}
    return Hyperparameters(**{**values, **changes})


def searched(**values):
    """Return Keras Tuner's hyperparameters, all declared, those that are named with their values."""
    hp = kt.HyperParameters()
    hp.values.update(values)
    search_space(hp)
    return hp


def layer_types(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("hidden_layers", [1, 2, 3, 4])
def test_a_network_has_as_many_widths_as_hidden_layers(hidden_layers):
    assert search_space(searched(hidden_layers=hidden_layers)).units == (512,) * hidden_layers


def test_the_width_of_a_layer_that_does_not_exist_is_inactive():
    hp = searched(hidden_layers=2)

    assert [name for name in hp.values if name.startswith("units_")] == ["units_0", "units_1"]
    assert [hp.is_active(f"units_{layer}") for layer in range(4)] == [True, True, False, False]


def test_every_hyperparameter_is_declared_on_the_first_call():
    names = {hp.name for hp in searched().space}

    widths = {f"units_{layer}" for layer in range(4)}
    assert names >= {"hidden_layers", "normalization", "dropout_rate", "learning_rate", "batch_size"} | widths


def test_a_raw_image_goes_in_and_a_logit_a_class_comes_out():
    model = create_model(hyperparameters(), (6, 4), 3)

    assert model.input.shape == (None, 6, 4)
    assert model.output.dtype == "float32" and model.output.shape == (None, 3)


def test_the_output_is_no_probability():
    model = create_model(hyperparameters(units=(8,), normalization="none"), (6, 4), 3)
    model.layers[-1].set_weights([np.zeros((8, 3)), np.array([-5.0, 0.0, 7.0])])

    assert model(np.zeros((1, 6, 4), np.uint8)).numpy().tolist() == [[-5.0, 0.0, 7.0]]


def test_pixels_are_scaled_inside_the_model():
    model = create_model(hyperparameters(units=(1,), normalization="none", dropout_rate=0.0), (1, 1), 1)
    model.layers[3].set_weights([np.array([[2.0]]), np.zeros(1)])
    model.layers[5].set_weights([np.array([[1.0]]), np.zeros(1)])
    fit_normalization(model, np.zeros((1, 1, 1), np.uint8))

    assert model(np.array([[[51]]], np.uint8)).numpy() == pytest.approx(2 * 51 / 255)


def test_the_model_is_not_compiled():
    assert not create_model(hyperparameters(), (6, 4), 3).compiled


@pytest.mark.parametrize(
    ("normalization", "layer"), [("batch", "BatchNormalization"), ("layer", "LayerNormalization"), ("none", None)]
)
def test_each_hidden_layer_is_dense_normalization_relu_dropout(normalization, layer):
    types = layer_types(create_model(hyperparameters(normalization=normalization), (6, 4), 3))

    hidden = [name for name in ("Dense", layer, "ReLU", "Dropout") if name]
    assert types == ["InputLayer", "Flatten", "Normalization", *hidden, *hidden, "Dense"]


def test_without_dropout_there_is_no_dropout_layer():
    assert "Dropout" not in layer_types(create_model(hyperparameters(dropout_rate=0.0), (6, 4), 3))


def test_a_saved_network_loads_in_safe_mode_without_code_of_ours(tmp_path):
    model = create_model(hyperparameters(), (6, 4), 3)
    model.save(tmp_path / "model.keras")
    images = np.arange(48, dtype=np.uint8).reshape(2, 6, 4)

    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={}, compile=False, safe_mode=True)

    assert np.array_equal(loaded(images), model(images))
