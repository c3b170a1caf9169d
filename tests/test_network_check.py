"""A network that does not fit the data, or could not be loaded, is found before the first trial."""

import signal
import time

import keras
import numpy as np
import pytest

from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.space import discover
from components.experiment import EXPERIMENT
from components.tune.network_check import refuse_unusable_network
from tests.idx import draw

DATA = TrainingData(
    Labelled(*draw(8, n_classes=3, shape=(6, 4))),
    Labelled(*draw(8, n_classes=3, shape=(6, 4))),
    DatasetInfo("drawn", ("a", "b", "c"), (6, 4)),
    "",
)


def network(*layers, shape=(6, 4), n_classes=3, activation=None):
    last = keras.layers.Dense(n_classes, activation=activation)
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), *layers, last])


def refuse(make):
    experiment = Experiment(search_space=lambda hp: hp.Int("units", 1, 3), create_model=lambda units, *_: make(units))
    refuse_unusable_network(experiment, discover(experiment.search_space), DATA)


def fails(units):
    raise KeyError("no such layer")


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


@keras.saving.register_keras_serializable(package="network_check")
class Forgetful(keras.layers.Layer):
    """A layer with an argument that its configuration does not give back."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def get_config(self):
        return {"name": self.name}

    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda units: network(n_classes=10), r"^create_model must give 3 logits an example, and gives shape \(10,\)"),
        (lambda units: network(n_classes=2), r"^create_model must give 3 logits an example, and gives shape \(2,\)"),
        (lambda units: network(activation="softmax"), "^create_model must give logits"),
        (lambda units: network(activation="sigmoid"), "^create_model must give logits, .* the activation sigmoid"),
        (lambda units: network(shape=(5, 4)), r"^ValueError: Input .* of the shape \(6, 4\) and 3 classes"),
        (fails, "^KeyError: 'no such layer'; create_model must give a network"),
        (lambda units: network(Unregistered()), "^Unregistered must be registered with Keras"),
        (lambda units: network(keras.layers.Lambda(lambda x: x)), "^the model must hold no Lambda layer"),
        (lambda units: network(Forgetful(3)), "^the model can't be (saved|loaded again)"),
        (lambda units: network(keras.layers.Rescaling(np.inf)), "^the untrained network gives numbers"),
    ],
)
def test_a_network_that_can_not_be_used_is_refused_with_the_cause_first(make, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        refuse(make)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


def test_a_network_that_only_some_points_have_is_left_to_the_trials():
    refuse(lambda units: fails(units) if units == 3 else network())


def test_the_project_s_own_networks_are_usable():
    refuse_unusable_network(EXPERIMENT, discover(EXPERIMENT.search_space), DATA)


def test_a_network_that_hangs_at_an_end_of_the_space_is_left_to_its_trials():
    def hangs(units, *_):
        while units > 8:
            time.sleep(0.01)
        return network()

    handler = signal.getsignal(signal.SIGALRM)
    space = discover(lambda hp: hp.Int("units", 4, 64, default=8))
    started = time.monotonic()

    experiment = Experiment(search_space=space.search_space, create_model=hangs)

    refuse_unusable_network(experiment, space, DATA, 4)

    assert time.monotonic() - started >= 4
    assert signal.getsignal(signal.SIGALRM) == handler and signal.getitimer(signal.ITIMER_REAL) == (0, 0)
