"""Which hyperparameter matters: the shares of trees and functions that can be worked by hand."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from components.evaluate.axes import axes_of
from components.evaluate.factors import Factor, are_conditions_known, factors_of, table_of
from components.evaluate.importance import importance, variances
from tests import report_samples
from tests.report_page import text_in
from tests.report_samples import trial

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def ranges(n):
    """Return the factors of `n` ranges without steps."""
    return [Factor(slice(place, place + 1), None, np.array([0.5])) for place in range(n)]


def shares(values):
    """Return the shares of the variance of a tree that knows the four corners of a square."""
    main, total = variances(DecisionTreeRegressor(random_state=0).fit(CORNERS, values).tree_, ranges(2))
    return main / total


def test_a_sum_is_explained_by_its_terms():
    """3a + b: the variances of the terms are as nine to one."""
    assert shares(3 * CORNERS[:, 0] + CORNERS[:, 1]) == pytest.approx([0.9, 0.1])


def test_an_exclusive_or_is_explained_by_no_hyperparameter_alone():
    assert shares([0.0, 1.0, 1.0, 0.0]) == pytest.approx([0.0, 0.0])


def test_what_has_no_effect_has_no_share():
    assert shares(CORNERS[:, 1]) == pytest.approx([0.0, 1.0])


def test_the_box_counts_and_not_how_many_trials_fell_into_it():
    """A step at 3/4, half way between 0.5 and 1: the variance of a step is p (1 - p)."""
    tree = DecisionTreeRegressor().fit([[0.0], [0.1], [0.5], [1.0]], [0.0, 0.0, 0.0, 1.0])

    assert variances(tree.tree_, ranges(1))[1] == pytest.approx(0.75 * 0.25)


def test_steps_are_equally_likely_those_at_the_ends_too():
    """Of three steps one differs: p (1 - p) with p a third, where the box of its cell has a quarter."""
    levels = np.array([[0.0], [0.5], [1.0]])
    tree = DecisionTreeRegressor().fit(levels, [0.0, 0.0, 1.0])

    assert variances(tree.tree_, [Factor(slice(0, 1), levels, np.array([0.5]))])[1] == pytest.approx(2 / 9)


def test_an_inactive_child_makes_no_difference():
    """f = x where the parent is on, else 0: variance 1/6 - 1/16, of the parent's mean 1/16, of the child's 1/48."""
    parent = Factor(slice(0, 1), np.array([[0.0], [1.0]]), np.array([0.5]))
    child = Factor(slice(1, 2), None, np.array([-1.0]), parent=0, active=np.array([False, True]))
    grid = (np.arange(200) + 0.5) / 200
    points = np.concatenate([np.stack([np.ones(200), grid], axis=1), [[0.0, -1.0]]])
    tree = DecisionTreeRegressor().fit(points, [*grid, 0.0])
    main, total = variances(tree.tree_, [parent, child])

    assert total == pytest.approx(5 / 48, rel=1e-3)
    assert main / total == pytest.approx([0.6, 0.2], rel=1e-3)


def test_a_child_of_a_child_is_active_where_both_are():
    """f = 1 where a, b and c are all on, each by a half and the latter two only below the one before: p = 1/8."""
    levels = np.array([[0.0], [1.0]])
    on = np.array([False, True])
    factors = [
        Factor(slice(place, place + 1), levels, np.array([-1.0]), place - 1 if place else None, on if place else None)
        for place in range(3)
    ]
    points = np.array([[0, -1, -1], [1, 0, -1], [1, 1, 0], [1, 1, 1]])
    main, total = variances(DecisionTreeRegressor().fit(points, [0, 0, 0, 1]).tree_, factors)

    assert total == pytest.approx(1 / 8 - 1 / 64)
    assert main == pytest.approx([1 / 64, 1 / 64, 1 / 64])  # the mean is 1/4 or 0, each by a half


SPACE = [
    {"name": "rate", "kind": "Float", "min_value": 1e-4, "max_value": 1.0, "sampling": "log", "step": None},
    {"name": "width", "kind": "Int", "min_value": 1, "max_value": 5, "sampling": "linear", "step": 1},
    {"name": "kind", "kind": "Choice", "values": ["a", "b", "c", "d"], "ordered": False},
    {"name": "momentum", "kind": "Boolean"},
    {
        "name": "share",
        "kind": "Float",
        "min_value": 0.0,
        "max_value": 1.0,
        "sampling": "linear",
        "step": None,
        "conditions": [{"name": "momentum", "values": [True]}],
    },
]

TERMS = {
    "rate": lambda values: 1.5 * (np.log10(values["rate"]) + 4) / 4,
    "width": lambda values: 0.3 * (values["width"] - 1),
    "kind": lambda values: {"a": 0.0, "b": 1.2, "c": 0.0, "d": 1.2}[values["kind"]],
    "momentum": lambda values: 2 * values["share"] if values["momentum"] else 0.0,
}

# 1.5² / 12; 0.3² (5² - 1) / 12; 1.2² / 4; and of 2 share where momentum is on, as above, four times 1/16, 1/48, 1/48.
TRUTH = {"rate": 0.1875, "width": 0.18, "kind": 0.36, "momentum": 0.25, "share": 1 / 12, "together": 1 / 12}


def drawn(random, crowd):
    """Return a random configuration of the space; most are from a corner of it, as a search's are."""
    u = random.uniform(size=4) ** (3 if random.uniform() < crowd else 1)
    values = {"rate": 10 ** (-4 + 4 * u[0]), "width": 1 + int(5 * u[1]), "kind": "abcd"[int(4 * u[2])]}
    values["momentum"] = bool(random.uniform() < 0.5)
    return values | ({"share": u[3]} if values["momentum"] else {})


@pytest.mark.parametrize("crowd", [0.0, 0.5], ids=["spread out", "crowded into a corner"])
def test_a_known_function_has_its_known_shares(crowd):
    """A sum of a logarithmic range, steps, categories in no order and a condition, over the declared space."""
    random = np.random.default_rng(0)
    trials = []
    for number in range(600):
        values = drawn(random, crowd)
        curve = [sum(term(values) for term in TERMS.values())]
        trials.append(report_samples.journal.Trial(number, "completed", values, 0.5, curve, 1, 1.0, None))
    axes = axes_of(SPACE, trials)
    factors = factors_of(axes)
    found = importance(factors, table_of(axes, factors, trials), np.array([each.curve[0] for each in trials]))
    whole = sum(TRUTH.values())

    assert [axis.name for axis in axes] == [*TRUTH][:-1]
    assert found.main == pytest.approx([share / whole for share in TRUTH.values()][:-1], abs=0.06)


def test_categories_have_a_column_each_and_two_of_them_one():
    axes = axes_of(SPACE, [trial(0, kind="a", momentum=True), trial(1, kind="d", momentum=False)])
    width = {
        axis.name: factor.columns.stop - factor.columns.start
        for axis, factor in zip(axes, factors_of(axes), strict=True)
    }

    assert (width["kind"], width["momentum"]) == (4, 1)


def test_a_condition_is_followed_to_the_hyperparameter_that_decides():
    trials = [trial(0, momentum=True, share=0.5), trial(1, momentum=False)]
    axes = [axis for axis in axes_of(SPACE, trials) if axis.name in ("momentum", "share")]
    parent, child = factors_of(axes)

    assert (child.parent, child.active.tolist()) == (0, [False, True]) and parent.parent is None
    assert are_conditions_known(axes[1], child)


def test_what_is_inactive_by_no_declared_condition_is_named():
    """`units_1` exists in networks of two layers alone, by a Python `if`, which no header tells of."""
    text = text_in(report_samples.run(20))

    assert "only units_1 and units_2 count as always active" in text


def test_a_forest_finds_the_hyperparameter_that_matters():
    table = np.random.default_rng(0).uniform(size=(60, 3))
    found = importance(ranges(3), table, table[:, 1])

    assert found.main.argmax() == 1 and found.explained > 0.9


def test_equal_accuracies_have_no_importance():
    assert importance(ranges(2), np.random.default_rng(0).uniform(size=(20, 2)), np.full(20, 0.5)) is None
