"""Hyperparameters that decide nothing are found before a search begins."""

import collections
import dataclasses
import time
import types

import keras
import numpy as np
import pytest

from components.core.data import DatasetInfo, Labelled, TrainingData
from components.core.errors import InvalidInput
from components.core.experiment import Experiment
from components.core.space import discover
from components.experiment import EXPERIMENT
from components.training.inspection import refuse_unread_hyperparameters, unread_hyperparameters
from tests.idx import draw

DATA = TrainingData(
    Labelled(*draw(4, n_classes=3, shape=(6, 4))),
    Labelled(*draw(4, n_classes=3, shape=(6, 4))),
    DatasetInfo("drawn", ("a", "b", "c"), (6, 4)),
    "",
)


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    units: int
    optimizer: str = "adam"
    momentum: float = 0.0


def create_model(hyperparameters, input_shape, n_classes):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Dense(hyperparameters.units)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))


def unread(search_space, **parts):
    experiment = Experiment(search_space, **{"create_model": create_model, **parts})
    return unread_hyperparameters(experiment, discover(search_space), DATA)


def test_the_project_s_own_experiment_reads_all_that_it_declares():
    assert unread_hyperparameters(EXPERIMENT, discover(EXPERIMENT.search_space), DATA) == []


def test_one_that_is_declared_and_dropped_is_found():
    def search_space(hp):
        hp.Choice("optimizer", ["adam", "sgd"])
        return Hyperparameters(units=hp.Int("units", 4, 8))

    assert unread(search_space) == ["optimizer"]


def test_one_that_is_returned_and_read_by_nothing_is_found():
    def search_space(hp):
        return Hyperparameters(hp.Int("units", 4, 8), hp.Choice("optimizer", ["adam", "sgd"]))

    assert unread(search_space) == ["optimizer"]


def with_momentum(hp):
    optimizer = hp.Choice("optimizer", ["adam", "sgd"])
    momentum = hp.Float("momentum", 0, 0.9, parent_name="optimizer", parent_values="sgd")
    return Hyperparameters(hp.Int("units", 4, 8), optimizer, momentum)


def test_one_that_only_another_value_of_another_brings_into_play_is_seen_to_be_read():
    def optimizer(hyperparameters, n_steps):
        if hyperparameters.optimizer == "sgd":
            return keras.optimizers.SGD(0.1, momentum=hyperparameters.momentum)
        return keras.optimizers.Adam()

    assert unread(with_momentum, optimizer=optimizer) == []


def test_one_that_nothing_reads_even_there_is_found():
    def optimizer(hyperparameters, n_steps):
        return keras.optimizers.get(hyperparameters.optimizer)

    assert unread(with_momentum, optimizer=optimizer) == ["momentum"]


@pytest.mark.parametrize("declare", [lambda hp: hp.Fixed("decay", 0.1), lambda hp: hp.Choice("decay", [0.1])])
def test_one_that_has_a_single_value_is_found_too(declare):
    def search_space(hp):
        declare(hp)
        return Hyperparameters(hp.Int("units", 4, 8))

    assert unread(search_space) == ["decay"]


Named = collections.namedtuple("Named", ["units", "rate"])


@dataclasses.dataclass(slots=True)
class Slotted:
    units: int
    rate: float


@pytest.mark.parametrize("wrap", [Named, Slotted, lambda units, rate: types.SimpleNamespace(units=units, rate=rate)])
def test_hyperparameters_of_any_type_are_looked_through(wrap):
    assert unread(lambda hp: wrap(hp.Int("units", 4, 8), hp.Float("rate", 0, 1))) == ["rate"]


def model_of_items(hyperparameters, input_shape, n_classes):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Dense(hyperparameters["units"])(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))


def declared_on_hp(hp):
    hp.Int("units", 4, 8)
    hp.Float("rate", 0, 1)
    return hp


@pytest.mark.parametrize(
    "search_space",
    [lambda hp: {"units": hp.Int("units", 4, 8), "rate": hp.Float("rate", 0, 1)}, declared_on_hp],
    ids=["mapping", "hp itself"],
)
def test_hyperparameters_by_item_are_looked_through(search_space):
    assert unread(search_space, create_model=model_of_items) == ["rate"]


def test_one_that_is_read_and_not_there_is_refused_with_the_part_that_reads_it():
    with pytest.raises(InvalidInput, match="must return learning_rate, which optimizer reads, and does not"):
        unread(
            lambda hp: Hyperparameters(hp.Int("units", 4, 8)),
            optimizer=lambda hyperparameters, n_steps: keras.optimizers.SGD(hyperparameters.learning_rate),
        )


def test_a_default_that_is_no_hyperparameter_may_be_read():
    assert (
        unread(
            lambda hp: Hyperparameters(hp.Int("units", 4, 8)),
            optimizer=lambda hyperparameters, n_steps: keras.optimizers.SGD(0.1, hyperparameters.momentum),
        )
        == []
    )


def test_a_network_that_can_not_be_built_is_left_to_the_trial_that_says_why():
    def broken(hyperparameters, input_shape, n_classes):
        raise ValueError("no such layer")

    assert unread(lambda hp: Hyperparameters(hp.Int("units", 4, 8)), create_model=broken) == []


def test_what_is_found_is_refused_by_name():
    space = discover(lambda hp: Hyperparameters(hp.Int("units", 4, 8), hp.Choice("optimizer", ["adam", "sgd"])))
    experiment = Experiment(space.search_space, create_model)

    with pytest.raises(InvalidInput, match="nothing reads optimizer"):
        refuse_unread_hyperparameters(experiment, space, DATA)


def test_looking_does_not_change_what_is_trained():
    before = np.array(DATA.train.inputs)

    unread(lambda hp: Hyperparameters(hp.Int("units", 4, 8)))

    assert np.array_equal(DATA.train.inputs, before)


def test_a_network_that_hangs_is_left_to_the_trial_that_says_why():
    def hangs(*_):
        while True:
            time.sleep(0.01)

    experiment = Experiment(search_space=lambda hp: hp.Int("units", 1, 3), create_model=hangs)

    assert unread_hyperparameters(experiment, discover(experiment.search_space), DATA, 0.2) == []
