"""Hyperparameters read back without Keras Tuner."""

import keras_tuner as kt
import pytest

from components.core.errors import InvalidInput
from components.core.hyperparameters import HyperparameterReader, read_hyperparameters
from components.experiment.space import search_space


def reader(**values):
    """Return a reader whose hyperparameters have these values, or else their defaults."""
    return HyperparameterReader(lambda declared: values.get(declared.name, declared.default))


def test_each_method_returns_the_value_of_its_name():
    hp = reader(n=3, x=0.5, kind="batch", flag=True, constant=7)

    numbers = hp.Int("n", 1, 4), hp.Float("x", 0, 1, step=0.1), hp.Choice("kind", ["none", "batch"])
    assert numbers == (3, 0.5, "batch")
    assert (hp.Boolean("flag"), hp.Fixed("constant", 7), hp.get("n"), hp["x"]) == (True, 7, 3, 0.5)


def test_the_defaults_are_keras_tuner_s():
    ours, theirs = reader(), kt.HyperParameters()
    for hp in (ours, theirs):
        hp.Int("n", 2, 4)
        hp.Float("x", 0.5, 1)
        hp.Choice("kind", ["b", "a"])
        hp.Boolean("flag")
        hp.Int("m", 2, 4, default=3)
        hp.Fixed("constant", 7)

    assert ours.values == theirs.values


def scoped(hp):
    """Declare hyperparameters in scopes of both kinds."""
    with hp.name_scope("outer"):
        hp.Choice("kind", ["dense", "convolution"])
        with hp.conditional_scope("kind", ["convolution"]):
            filters = hp.Int("filters", 1, 9)
            with hp.name_scope("inner"):
                hp.Float("rate", 0, 1)
        with hp.conditional_scope("kind", "dense"):
            units = hp.Int("units", 1, 9)
    return filters, units


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_scopes_and_conditions_are_keras_tuner_s(kind):
    ours, theirs = reader(**{"outer/kind": kind}), kt.HyperParameters()
    theirs.values["outer/kind"] = kind

    assert scoped(ours) == scoped(theirs)
    assert ours.values == theirs.values
    assert [declared.name for declared in ours.declared.values()] == [hp.name for hp in theirs.space]


def test_what_keras_tuner_declares_reads_back_the_same():
    declared = kt.HyperParameters()
    expected = search_space(declared)

    assert read_hyperparameters(search_space, declared.values) == expected


def test_the_width_of_a_layer_that_was_not_chosen_is_missing_without_harm():
    declared = kt.HyperParameters()
    search_space(declared)
    values = {**declared.values, "hidden_layers": 1}
    del values["units_1"]

    assert read_hyperparameters(search_space, values).units == (512,)


def test_a_fixed_value_that_was_not_chosen_is_the_space_s():
    assert read_hyperparameters(lambda hp: hp.Fixed("constant", 7), {}) == 7


def test_a_scope_ends_with_its_block():
    hp = reader(kind="dense")
    hp.Choice("kind", ["dense", "convolution"])
    with hp.conditional_scope("kind", "convolution"):
        pass

    assert hp.Int("units", 2, 9) == 2


def test_a_hyperparameter_that_was_added_since_is_refused_by_name():
    with pytest.raises(InvalidInput, match="momentum is missing; run the tune step again"):
        read_hyperparameters(lambda hp: (hp.Int("n", 1, 2), hp.Float("momentum", 0, 1)), {"n": 2})


def test_a_hyperparameter_that_was_taken_out_since_is_refused_by_name():
    with pytest.raises(InvalidInput, match="momentum is none that is active"):
        read_hyperparameters(lambda hp: hp.Int("n", 1, 2), {"n": 2, "momentum": 0.5})


def test_a_name_with_two_ranges_is_refused_by_name():
    hp = reader()
    hp.Int("units", 1, 9)

    with pytest.raises(InvalidInput, match="must declare units once, or the same each time"):
        hp.Int("units", 1, 10)


def test_a_name_may_have_another_range_under_another_condition():
    hp = reader(kind="convolution")
    hp.Choice("kind", ["dense", "convolution"])

    assert hp.Int("n", 1, 9, parent_name="kind", parent_values="dense") is None
    assert hp.Int("n", 20, 30, parent_name="kind", parent_values="convolution") == 20


def test_a_condition_on_nothing_is_refused():
    with pytest.raises(InvalidInput, match="must declare kind before a condition on it"):
        reader().Int("n", 1, 9, parent_name="kind", parent_values="dense")


def test_reading_what_is_not_declared_is_refused_by_name():
    with pytest.raises(InvalidInput, match="must declare the hyperparameter momentum before it is read"):
        reader().get("momentum")
