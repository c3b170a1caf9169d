"""How much of the objective's variation each hyperparameter accounts for: functional ANOVA over a random forest.

A forest learns the score from the hyperparameters. Of what it predicts over the whole declared space, every point as
likely as a random search would draw it, a hyperparameter's share is the variance of the mean over all others. How
often the search tried a region decides what the forest knows of it, not what it weighs. Ranges are uniform on their
declared scale, steps and categories are equally likely; categories have no order; while a hyperparameter is inactive,
by a condition that the space declares, its value makes no difference.

Source: Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014
(algorithm 2, the marginals of a tree), on which the steps, categories and conditions are this module's own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evaluate.factors import Factor

MIN_TRIALS = 15
"""With fewer trials a forest learns next to nothing about ten hyperparameters."""

N_TREES = 100


@dataclass(frozen=True)
class Importance:
    """The shares of the variance of the objective that the forest predicts over the whole space.

    Attributes:
        main: shape (n_hyperparameters,), the share each explains alone, 0 to 1.
        spread: shape (n_hyperparameters,), standard deviation of the share between trees.
        explained: R² of the forest on trials that its trees had not seen; 0 or less: it learned nothing.
    """

    main: np.ndarray
    spread: np.ndarray
    explained: float

    @property
    def interactions(self) -> float:
        """The share that only combinations of hyperparameters explain."""
        return max(0.0, 1.0 - float(self.main.sum()))


def importance(factors: Sequence[Factor], table: np.ndarray, values: np.ndarray) -> Importance | None:
    """Return the `Importance` of each hyperparameter, or None when the values don't differ.

    Args:
        factors: the hyperparameters.
        table: float array, shape (n_trials, n_columns), their values as `factors.table_of` returns them.
        values: float array, shape (n_trials,), the scores.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(N_TREES, min_samples_leaf=2, oob_score=True, random_state=0)
    forest.fit(table, values)
    parts = [variances(tree.tree_, factors) for tree in forest.estimators_]
    shares = np.array([main / total for main, total in parts if total > 0])
    if not len(shares):
        return None
    return Importance(shares.mean(axis=0), shares.std(axis=0), float(forest.oob_score_))


def variances(tree: Any, factors: Sequence[Factor]) -> tuple[np.ndarray, float]:
    """Return the variance that each factor of a regression tree explains alone, and the tree's whole variance.

    Both are over the distribution of the factors, for which a tree is constant in boxes, so that its marginals are
    exact sums.

    Args:
        tree: scikit-learn's low-level `Tree`.
        factors: whose columns the tree's features are.

    Returns:
        Float array, shape (n_factors,), and a float.
    """
    low, high, values = _leaf_boxes(tree)
    cells = [_cells(factor, low, high) for factor in factors]
    volumes, reach = _volumes(factors, cells)
    mean = volumes @ values
    total = volumes @ (values - mean) ** 2
    main = [
        each.weights @ ((values * above) @ (each.below - (each.below @ each.weights)[:, None])) ** 2
        for each, above in zip(cells, reach, strict=True)
    ]
    return np.array(main), float(total)


@dataclass
class _Cells:
    """The cells into which a tree cuts a factor: all values in one are the same to every leaf.

    Attributes:
        weights: shape (n_cells,), how likely each is.
        inside: bool, shape (n_leaves, n_cells), whether the factor's value there lets a point into a leaf.
        outside: bool, shape (n_leaves,), whether its being inactive does.
        below: shape (n_leaves, n_cells), how likely factor and descendants let a point in, the factor being there.
        absent: shape (n_leaves,), the same, the factor being inactive.
    """

    weights: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    below: np.ndarray
    absent: np.ndarray


def _cells(factor: Factor, low: np.ndarray, high: np.ndarray) -> _Cells:
    low, high = low[:, factor.columns], high[:, factor.columns]
    points, weights = factor.levels, None
    if points is None:
        cuts = np.concatenate([low.ravel(), high.ravel()])
        edges = np.unique(np.concatenate([[0.0, 1.0], cuts[(cuts > 0) & (cuts < 1)]]))
        points, weights = ((edges[1:] + edges[:-1]) / 2)[:, None], np.diff(edges)
    else:
        weights = np.full(len(points), 1 / len(points))
    inside = _lets_in(low, high, points)
    outside = _lets_in(low, high, factor.inactive[None])[:, 0]
    return _Cells(weights, inside, outside, inside.astype(float), outside.astype(float))


def _lets_in(low: np.ndarray, high: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return which points lie in which boxes, shape (n_boxes, n_points); a box is open below and closed above."""
    inside: np.ndarray = np.all((low[:, None] < points) & (points <= high[:, None]), axis=2)
    return inside


def _volumes(factors: Sequence[Factor], cells: Sequence[_Cells]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return how likely a point is in each leaf, and how likely all that doesn't hang on a factor lets it in.

    Goes up the tree of conditions, where it fills in `below` and `absent`, and down again. A factor's own chance and
    that of its descendants, which are active only where it is, are left out of the second, and so is all that happens
    where it is inactive: there it makes no difference.

    Returns:
        Float array, shape (n_leaves,), and one of that shape a factor.
    """
    children: dict[int | None, list[int]] = {place: [] for place in (None, *range(len(factors)))}
    for place, factor in enumerate(factors):
        children[factor.parent].append(place)
    for place in reversed(range(len(factors))):
        for child in children[place]:
            cells[place].below *= _by_parent(factors[child], cells[child])
            cells[place].absent *= cells[child].absent
    reach: list[np.ndarray] = []
    for place, factor in enumerate(factors):
        others = [other for other in children[factor.parent] if other != place]
        if factor.parent is None:
            reach.append(math.prod((_chance(cells[other]) for other in others), start=np.ones(len(cells[0].inside))))
        else:
            parent = cells[factor.parent]
            beside = math.prod((_by_parent(factors[other], cells[other]) for other in others), start=parent.inside)
            reach.append(reach[factor.parent] * (beside @ (parent.weights * factor.active)))
    roots = [_chance(cells[place]) for place in children[None]]
    return math.prod(roots, start=np.ones(len(cells[0].inside))), reach


def _chance(cells: _Cells) -> np.ndarray:
    """Return how likely an active factor and its descendants let a point into each leaf, shape (n_leaves,)."""
    chance: np.ndarray = cells.below @ cells.weights
    return chance


def _by_parent(factor: Factor, cells: _Cells) -> np.ndarray:
    """Return how likely a child and its descendants let a point in, by the parent's level: (n_leaves, n_levels)."""
    assert factor.active is not None  # as of any factor with a parent
    return np.where(factor.active, _chance(cells)[:, None], cells.absent[:, None])


def _leaf_boxes(tree: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lower and upper corners, shape (n_leaves, n_features), and the values of a tree's leaves."""
    low = np.full((tree.node_count, tree.n_features), -np.inf)
    high = np.full((tree.node_count, tree.n_features), np.inf)
    leaves = tree.children_left < 0
    for node in np.flatnonzero(~leaves):  # a parent's number is lower than its children's
        left, right, feature = tree.children_left[node], tree.children_right[node], tree.feature[node]
        low[[left, right]], high[[left, right]] = low[node], high[node]
        high[left, feature] = low[right, feature] = tree.threshold[node]
    return low[leaves], high[leaves], tree.value[leaves, 0, 0]
