"""Models on disk: what they need is written down, and what can't be loaded is refused before it is written."""

import subprocess
import sys

import keras
import pytest

from components.core import models
from components.core.errors import InvalidInput
from tests import runs


@keras.saving.register_keras_serializable("tests.models")
class Gate(keras.layers.Layer):
    def call(self, inputs):
        return inputs * keras.ops.sigmoid(inputs)


@keras.saving.register_keras_serializable("tests.models")
def twice(inputs):
    return 2 * inputs


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def plain(inputs):
    return inputs


class WithoutConfig(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units
        self.anything = object()

    def get_config(self):
        raise NotImplementedError("no configuration")


def network(*layers):
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, activation="relu")])


def test_keras_own_layers_need_nothing():
    assert models.custom_objects(network(keras.layers.LayerNormalization())) == []


def test_registered_layers_and_functions_are_named_also_inside_of_others():
    inner = network(Gate())

    assert models.custom_objects(network(inner, keras.layers.Dense(2, activation=twice))) == [
        "tests.models>Gate",
        "tests.models>twice",
    ]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Unregistered(), "Unregistered must be registered with Keras"),
        (keras.layers.Activation(plain), "plain must be registered with Keras"),
        (keras.layers.Lambda(lambda inputs: inputs), "must hold no Lambda layer"),
        (WithoutConfig(3), "the model can't be saved: .*give its layers a get_config"),
    ],
)
def test_what_could_not_be_loaded_is_refused_by_name_and_not_written(layer, message, tmp_path):
    with pytest.raises(InvalidInput, match=message):
        models.write(network(layer), {}, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def written(folder):
    model = network(Gate())
    models.write(model, {"custom_objects": models.custom_objects(model)}, folder / "model")
    return folder / "model"


def test_a_registered_layer_is_loaded_where_its_module_is_imported(tmp_path):
    assert type(models.read(written(tmp_path)).layers[0]) is Gate


def test_loading_elsewhere_fails_with_a_line_that_names_it(tmp_path):
    code = f"from components.core import models; models.read({str(written(tmp_path))!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=runs.environment())

    assert done.returncode == 1
    assert "needs tests.models>Gate, which no imported module registers" in done.stderr.splitlines()[-1]
