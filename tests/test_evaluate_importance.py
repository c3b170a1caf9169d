"""Which hyperparameter matters: the variances of trees that can be worked by hand."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from components.evaluate.importance import importance, variances

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def shares(values):
    """Return the shares of the variance of a tree that knows the four corners of a square."""
    main, total = variances(DecisionTreeRegressor(random_state=0).fit(CORNERS, values).tree_)
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

    assert variances(tree.tree_)[1] == pytest.approx(0.75 * 0.25)


def test_a_forest_finds_the_hyperparameter_that_matters():
    table = np.random.default_rng(0).uniform(size=(60, 3))
    found = importance(table, table[:, 1])

    assert found.main.argmax() == 1 and found.explained > 0.9


def test_equal_accuracies_have_no_importance():
    assert importance(np.random.default_rng(0).uniform(size=(20, 2)), np.full(20, 0.5)) is None


def test_an_inactive_hyperparameter_explains_nothing():
    random = np.random.default_rng(0)
    table = random.uniform(size=(60, 2))
    table[table[:, 0] < 0.5, 1] = np.nan
    found = importance(table, np.where(np.isnan(table[:, 1]), 0.2, 0.8))

    assert found.main[0] > 0.9 > 0.1 > found.main[1]
