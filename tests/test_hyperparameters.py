"""Hyperparameters read back without Keras Tuner."""

import keras_tuner as kt
import pytest

from components.core.errors import InvalidInput
from components.core.hyperparameters import ChosenValues
from components.experiment.network import search_space


def test_each_method_returns_the_value_of_its_name():
    hp = ChosenValues({"n": 3, "x": 0.5, "kind": "batch", "flag": True, "constant": 7})

    assert (hp.Int("n", 1, 4), hp.Float("x", 0, 1, step=0.1), hp.Choice("kind", ["none", "batch"])) == (
        3,
        0.5,
        "batch",
    )
    assert (hp.Boolean("flag"), hp.Fixed("constant", 7), hp.get("n")) == (True, 7, 3)


def test_a_fixed_value_that_was_not_chosen_is_the_space_s():
    assert ChosenValues({}).Fixed("constant", 7) == 7


def test_what_keras_tuner_declares_reads_back_the_same():
    declared = kt.HyperParameters()
    expected = search_space(declared)

    assert search_space(ChosenValues(declared.values)) == expected


def test_the_width_of_a_layer_that_was_not_chosen_is_missing_without_harm():
    declared = kt.HyperParameters()
    search_space(declared)
    values = {**declared.values, "hidden_layers": 1}
    del values["units_1"]

    assert search_space(ChosenValues(values)).units == (512,)


def test_a_value_inside_a_scope_that_does_not_hold_is_none():
    hp = ChosenValues({"kind": "dense"})

    with hp.conditional_scope("kind", ["convolution"]):
        assert hp.Int("filters", 1, 9) is None


def test_a_scope_ends_with_its_block():
    hp = ChosenValues({"kind": "dense"})
    with hp.conditional_scope("kind", "convolution"):
        pass

    with pytest.raises(InvalidInput, match="units is missing"):
        hp.Int("units", 1, 9)


@pytest.mark.parametrize("conditions", [{}, {"parent_name": "hidden_layers", "parent_values": [1, 2]}])
def test_a_hyperparameter_that_was_added_since_is_refused_by_name(conditions):
    with pytest.raises(InvalidInput, match="momentum is missing; run the tune step again"):
        ChosenValues({"hidden_layers": 2}).Float("momentum", 0, 1, **conditions)
