"""What is inferred from the values that were tried: kind, scale and ticks of each hyperparameter."""

import numpy as np
import pytest

from components.evaluate.axes import axes_of, positions, text_of
from tests.report_samples import trial


def axis(*values):
    """Return the axis of a hyperparameter `x` that took these values."""
    return next(each for each in axes_of([trial(n, x=value) for n, value in enumerate(values)]) if each.name == "x")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ((0.1, 0.2, 0.5), "linear"),
        ((1e-4, 1e-3, 1e-2), "log"),
        ((0.01, 0.3, 0.6), "linear"),
        ((0.0, 0.001, 0.5), "linear"),
        ((32, 64, 256), "log"),
        ((1, 2, 3, 4), "linear"),
        (("adam", "sgd"), "choice"),
        ((True, False), "choice"),
        ((1, "one"), "choice"),
        ((None, 1.0), "choice"),
    ],
)
def test_the_scale_follows_from_the_values(values, scale):
    assert axis(*values).scale == scale


def test_a_logarithmic_middle_is_the_geometric_mean():
    assert axis(1e-4, 1e-3, 1e-2).position(1e-3) == pytest.approx(0.5)


def test_choices_are_evenly_spaced():
    assert [axis("a", "b", "c").position(value) for value in "abc"] == [0.0, 0.5, 1.0]


def test_a_choice_of_one_and_true_are_two_choices():
    assert len(axis(1, True).values) == 2


def test_a_value_that_never_changed_is_in_the_middle():
    assert axis(0.5, 0.5).position(0.5) == 0.5


def test_few_values_are_ticks_of_their_own():
    assert axis(1, 2, 4).ticks() == [(0.0, "1"), (0.5, "2"), (1.0, "4")]


def test_ticks_of_many_values_are_round_numbers():
    assert [text for _, text in axis(*np.linspace(0.03, 0.97, 20).tolist()).ticks()] == ["0.25", "0.5", "0.75"]


def test_ticks_of_many_powers_of_two_are_powers_of_two():
    assert [text for _, text in axis(*(2**n for n in range(5, 13))).ticks()] == ["32", "128", "512", "2048"]


def test_an_inactive_hyperparameter_has_no_position():
    trials = [trial(0, x=1.0), trial(1), trial(2, x=2.0)]
    table = positions([each for each in axes_of(trials) if each.name == "x"], trials)

    assert np.isnan(table[:, 0]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (256, "256"),
        (0.2, "0.2"),
        (0.00123456, "0.00123"),
        (0.00012, "1.2e-4"),
        (1e-5, "1e-5"),
        (True, "yes"),
        (2.0, "2"),
    ],
)
def test_values_are_short_text(value, text):
    assert text_of(value) == text
