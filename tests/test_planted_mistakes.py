"""`check` finds what is wrong with an experiment, names it, and ends with 1."""

import pytest

from tests import fork

pytestmark = pytest.mark.slow

ROOM = '''"""A small experiment without a mistake."""

from dataclasses import dataclass

import keras

from components.core.experiment import ACCURACY, Experiment, Metric


@dataclass(frozen=True)
class Hyperparameters:
    units: int
    dropout_rate: float


def search_space(hp):
    return Hyperparameters(hp.Choice("units", [4, 8]), hp.Float("dropout_rate", 0, 0.2, step=0.1))


def create_model(hyperparameters, input_shape, n_classes):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Normalization()(keras.layers.Flatten()(inputs))
    hidden = keras.layers.Dense(hyperparameters.units)(hidden)
    hidden = keras.layers.Dropout(hyperparameters.dropout_rate)(hidden)
    return keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))


EXPERIMENT = Experiment(search_space, create_model, objective=ACCURACY)
'''

LAYER = """class Gate(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units, activation="sigmoid")

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        return inputs * self.dense(inputs)

    def get_config(self):
        return {"name": self.name}


def create_model("""
GATED = {"def create_model(": LAYER, "rate)(hidden)": "rate)(Gate(hyperparameters.units)(hidden))"}
REGISTERED = '@keras.saving.register_keras_serializable("planted")\n' + LAYER

MISTAKES = {
    "a hyperparameter that nothing reads": (
        {"    return Hyperparameters(": '    hp.Float("momentum", 0, 0.9)\n    return Hyperparameters('},
        ["nothing reads the hyperparameter momentum"],
    ),
    "a hyperparameter that is returned and not read": (
        {"Dropout(hyperparameters.dropout_rate)": "Dropout(0.1)"},
        ["nothing reads the hyperparameter dropout_rate"],
    ),
    "a hyperparameter that is not declared": (
        {"Dense(hyperparameters.units)": "Dense(hyperparameters.width)"},
        ["search_space must return width, which create_model reads"],
    ),
    "a layer that is not registered": (GATED, ["Gate must be registered with Keras"]),
    "a layer that forgets its configuration": (
        {**GATED, "def create_model(": REGISTERED},
        ["can't be loaded again", "units"],
    ),
    "a Lambda layer": (
        {"rate)(hidden)": "rate)(keras.layers.Lambda(lambda each: each * 2)(hidden))"},
        ["must hold no Lambda layer"],
    ),
    "an operation that runs at import": (
        {"def create_model(": "ONES = keras.ops.ones(3)\n\n\ndef create_model("},
        ["components/experiment must run no TensorFlow operation when it is imported"],
    ),
    "a corner of the space that does not build": (
        {"[4, 8]": "[4, 8, 0]"},
        ["units=0", "no network", "units"],
    ),
    "an objective that is no number": (
        {"objective=ACCURACY": 'objective=Metric("precision", lambda labels, logits: float("nan"))'},
        ["the objective precision is not finite"],
    ),
    "a network that ends in a softmax": (
        {"Dense(n_classes)": 'Dense(n_classes, activation="softmax")'},
        ["leave out the softmax"],
    ),
    "a network with too few outputs": (
        {"Dense(n_classes)": "Dense(n_classes - 1)"},
        ["create_model must give 3 logits an example"],
    ),
}
"""What is changed in the room, and the words of the problem that must be found."""


def checked(folder, tiny_data, changes):
    """Return (status, problems, output) of a check of the room with some changes."""
    source = ROOM
    for old, new in changes.items():
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    fork.with_experiment(folder, source)
    done = fork.python(folder, "pipeline.py", "check", "--data-source", tiny_data, "--workers", "1")
    lines = done.stdout.splitlines()
    return done.returncode, [line for line in lines if line.startswith("problem: ")], done.stdout + done.stderr


def test_an_experiment_without_a_mistake_passes(tiny_data, tmp_path):
    status, problems, output = checked(tmp_path, tiny_data, {})

    assert (status, problems) == (0, []), output
    assert "The whole run takes about" in output


@pytest.mark.parametrize(("changes", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found_and_named(changes, words, tiny_data, tmp_path):
    status, problems, output = checked(tmp_path, tiny_data, changes)

    assert status == 1, output
    assert any(all(word in problem for word in words) for problem in problems), output
    assert "Traceback" not in output
