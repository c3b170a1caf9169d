"""The axes of hyperparameters: scales, ends and orders as the search space declares them."""

import numpy as np
import pytest

from components.evaluate.axes import axes_of, positions
from components.pages.texts import text_of
from tests.report_samples import trial


def number(kind, low, high, sampling="linear", step=None):
    return {"name": "x", "kind": kind, "min_value": low, "max_value": high, "sampling": sampling, "step": step}


def choice(*values):
    return {"name": "x", "kind": "Choice", "values": list(values), "ordered": False}


def fixed(value):
    return {"name": "x", "kind": "Fixed", "value": value}


BOOLEAN = {"name": "x", "kind": "Boolean"}


def axes(declarations, *values):
    """Return the axes, none or one, of a hyperparameter `x` that is so declared and took these values."""
    return [
        each
        for each in axes_of(declarations, [trial(n, x=value) for n, value in enumerate(values)])
        if each.name == "x"
    ]


def axis(*declarations, tried):
    (found,) = axes(declarations, *tried)
    return found


def ticks(*declarations, tried):
    return [text for _, text in axis(*declarations, tried=tried).ticks()]


def test_the_ends_are_those_of_the_space():
    assert axis(number("Float", 0.0, 1.0), tried=[0.4, 0.5]).position(0.5) == 0.5


def test_a_logarithmic_middle_is_the_geometric_mean():
    assert axis(number("Float", 1e-4, 1e-2, "log"), tried=[1e-3]).position(1e-3) == pytest.approx(0.5)


def test_a_reverse_logarithmic_axis_is_widest_at_its_end():
    """Keras Tuner's value at a share p: high + low - low (high / low)^(1 - p); at one half 1.01 - 0.1."""
    found = axis(number("Float", 0.01, 1.0, "reverse_log"), tried=[0.5])

    assert [found.position(value) for value in (0.01, 0.91, 1.0)] == pytest.approx([0.0, 0.5, 1.0])


def test_choices_are_evenly_spaced_in_the_order_in_which_they_are_declared():
    found = axis(choice("sgd", "adam", "lion"), tried=["adam"])

    assert [found.position(value) for value in ("sgd", "adam", "lion")] == [0.0, 0.5, 1.0]


def test_numbers_to_choose_from_keep_their_order():
    assert axis(choice(64, 16, 32), tried=[16, 32]).position(16) == 0.5


def test_a_choice_of_one_and_true_are_two_choices():
    assert len(axis(choice(1), choice(True), tried=[1, True]).values) == 2


def test_a_boolean_has_both_its_values():
    assert ticks(BOOLEAN, tried=[True]) == ["no", "yes"]


def test_what_is_fixed_has_no_axis():
    assert axes([fixed(0.2)], 0.2, 0.2) == []


def test_two_ranges_of_one_name_are_one_axis():
    found = axis(number("Int", 1, 5), number("Int", 10, 50), tried=[2, 20])

    assert [found.position(value) for value in (1, 50)] == [0.0, 1.0]


def test_a_range_and_choices_of_one_name_are_choices():
    assert axis(choice("auto"), number("Int", 1, 5), tried=["auto", 3]).values == ("auto", 3)


def test_a_fixed_value_lies_on_the_axis_of_the_same_names_range():
    assert axis(number("Float", 1.0, 2.0), fixed(0.0), tried=[0.0, 1.5]).position(0.0) == 0.0


def test_a_zero_beside_a_logarithmic_range_stands_before_it_and_the_scale_stays():
    """A gap of a tenth, and the geometric mean in the middle of the rest."""
    found = axis(number("Float", 1e-4, 1e-2, "log"), fixed(0.0), tried=[0.0, 1e-3])

    assert found.scale == "log"
    assert [found.position(value) for value in (0.0, 1e-4, 1e-3, 1e-2)] == pytest.approx([0.0, 0.1, 0.55, 1.0])


def test_of_a_logarithmic_and_a_linear_range_the_logarithmic_scale_shows_both():
    found = axis(number("Float", 1e-4, 1e-2, "log"), number("Float", 1e-3, 1.0), tried=[1e-2])

    assert found.scale == "log" and found.position(1e-2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("declared", "ordered"),
    [
        ({**choice("a", "b"), "ordered": True}, True),
        (choice(1, 2), False),
        ({"name": "x", "kind": "Choice", "values": [1, 2]}, True),
        (BOOLEAN, False),
    ],
    ids=["said so", "said not", "numbers", "boolean"],
)
def test_choices_are_ordered_where_the_space_says_so(declared, ordered):
    assert axis(declared, tried=[declared.get("values", [True])[0]]).is_ordered is ordered


def test_a_value_beyond_the_range_makes_the_axis_longer():
    assert axis(number("Float", 0.0, 1.0), tried=[2.0, 0.5]).position(2.0) == 1.0


def test_a_hyperparameter_that_no_trial_has_is_left_out():
    assert "y" not in [each.name for each in axes_of([{**choice("a", "b"), "name": "y"}], [trial(0)])]


@pytest.mark.parametrize(
    ("values", "scale"),
    [((0.1, 0.2, 0.5), "linear"), (("b", "a"), "choice"), ((True, False), "choice"), ((1, "one"), "choice")],
)
def test_without_a_declaration_there_are_numbers_and_choices(values, scale):
    assert axis(tried=values).scale == scale


def test_ticks_of_few_steps_are_the_steps():
    assert ticks(number("Int", 1, 4, step=1), tried=[1, 2]) == ["1", "2", "3", "4"]


def test_ticks_of_many_steps_are_some_of_them():
    assert ticks(number("Int", 64, 512, step=64), tried=[64]) == ["64", "192", "320", "448", "512"]


def test_a_range_whose_last_step_falls_short_ends_there():
    assert axis(number("Int", 1, 10, step=4), tried=[1]).values == (1, 5, 9)


def test_ticks_of_powers_of_two_are_powers_of_two():
    assert ticks(number("Int", 32, 512, "log", step=2), tried=[32]) == ["32", "64", "128", "256", "512"]


def test_ticks_of_decades_are_powers_of_ten_between_the_ends():
    assert ticks(number("Float", 3e-4, 1e-1, "log"), tried=[0.01]) == ["3e-4", "0.001", "0.01", "0.1"]


def test_ticks_without_steps_are_round_numbers_between_the_ends():
    assert ticks(number("Float", 0.03, 0.97), tried=[0.5]) == ["0.03", "0.25", "0.5", "0.75", "0.97"]


def test_an_inactive_hyperparameter_has_no_position():
    trials = [trial(0, x=1.0), trial(1), trial(2, x=2.0)]
    table = positions([each for each in axes_of([], trials) if each.name == "x"], trials)

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
