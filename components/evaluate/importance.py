"""How much of the objective's variation each hyperparameter accounts for: functional ANOVA over a random forest.

Source: Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

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


def importance(table: np.ndarray, values: np.ndarray) -> Importance | None:
    """Return the `Importance` of each hyperparameter, or None when the values don't differ.

    Args:
        table: float array, shape (n_trials, n_hyperparameters), 0 to 1; NaN where inactive. An inactive one takes
            the median, so that whether a layer exists counts for the number of layers, not for its width.
        values: float array, shape (n_trials,), the scores.
    """
    from sklearn.ensemble import RandomForestRegressor

    filled = np.where(np.isnan(table), np.nanmedian(table, axis=0), table)
    forest = RandomForestRegressor(N_TREES, min_samples_leaf=2, oob_score=True, random_state=0)
    forest.fit(filled, values)
    parts = [variances(tree.tree_) for tree in forest.estimators_]
    shares = np.array([main / total for main, total in parts if total > 0])
    if not len(shares):
        return None
    return Importance(shares.mean(axis=0), shares.std(axis=0), float(forest.oob_score_))


def variances(tree: Any) -> tuple[np.ndarray, float]:
    """Return the variance that each feature of a regression tree explains alone, and the tree's whole variance.

    Both are over the uniform distribution on the unit cube, on which a tree is constant in boxes, so that its
    marginals are exact sums (algorithm 2 of the paper).

    Args:
        tree: scikit-learn's low-level `Tree`.

    Returns:
        Float array, shape (n_features,), and a float.
    """
    low, high, values = _leaf_boxes(tree)
    sides = high - low
    volumes = sides.prod(axis=1)
    mean = volumes @ values
    total = volumes @ (values - mean) ** 2
    main = [
        _marginal_variance(low[:, feature], high[:, feature], volumes / sides[:, feature] * values, mean)
        for feature in range(tree.n_features)
    ]
    return np.array(main), float(total)


def _marginal_variance(low: np.ndarray, high: np.ndarray, weighted: np.ndarray, mean: float) -> float:
    """Return the variance of one feature's marginal, a step function between the boxes' edges.

    Args:
        low, high: shape (n_leaves,), the boxes' ends along the feature.
        weighted: shape (n_leaves,), their values times their volume over the other features.
        mean: the tree's mean.
    """
    edges = np.unique(np.concatenate([low, high]))
    middles = (edges[1:] + edges[:-1]) / 2
    inside = (low <= middles[:, None]) & (middles[:, None] < high)
    return float(np.diff(edges) @ (inside @ weighted - mean) ** 2)


def _leaf_boxes(tree: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lower and upper corners, shape (n_leaves, n_features), and the values of a tree's leaves."""
    low, high = np.zeros((tree.node_count, tree.n_features)), np.ones((tree.node_count, tree.n_features))
    leaves = tree.children_left < 0
    for node in np.flatnonzero(~leaves):  # a parent's number is lower than its children's
        left, right, feature = tree.children_left[node], tree.children_right[node], tree.feature[node]
        low[[left, right]], high[[left, right]] = low[node], high[node]
        high[left, feature] = low[right, feature] = tree.threshold[node]
    return low[leaves], high[leaves], tree.value[leaves, 0, 0]
