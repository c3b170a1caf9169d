"""A Gaussian process over configurations: what a search believes, and how sure it is.

Matérn kernel of smoothness 5/2 with a length scale for each hyperparameter, unit variance over standardized scores,
noise learnt. Length scales and noise are those of the highest posterior density.

Source: Rasmussen and Williams 2006, "Gaussian processes for machine learning", algorithm 2.1 and equations 4.17, 5.9.
The prior of the length scales is that of Hvarfner, Hellsten and Nardi 2024, "Vanilla Bayesian optimization performs
great in high dimensions", equation 10: their typical size grows with the root of the number of hyperparameters.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

LENGTH_SCALE_SPREAD = np.sqrt(3)
LENGTH_SCALE_CENTER = np.sqrt(2)
NOISE_CENTER, NOISE_SPREAD = -2.0, 1.0
"""Logarithm of the noise's variance, as a share of the scores': two trainings that differ in their seed alone differ
by about a third of the deviation between configurations."""

MOST_FITTED = 200
"""Of more observations than these, so many evenly spread ones decide length scales and noise: the time for one fit
grows with the cube of their number."""

MOST_ITERATIONS = 60
JITTER = 1e-6


@dataclass(frozen=True)
class Process:
    """A Gaussian process that has seen observations.

    Attributes:
        points: where they are, shape (n, n_columns).
        weights: what a column's squared difference counts, the inverse square of its length scale, shape (n_columns,).
        noise: variance of an observation.
        center, scale: of the scores, which are standardized inside.
        factor: the Cholesky factor of the observations' covariance, lower triangular, shape (n, n).
        solved: that covariance's inverse times the standardized scores, shape (n,).
    """

    points: np.ndarray
    weights: np.ndarray
    noise: float
    center: float
    scale: float
    factor: np.ndarray
    solved: np.ndarray

    def mean(self, points: np.ndarray) -> np.ndarray:
        """Return the expected scores at points, shape (n_points,)."""
        mean: np.ndarray = self.center + self.scale * (self._covariance(points) @ self.solved)
        return mean

    def belief(self, points: np.ndarray) -> "Belief":
        """Return what is believed of a set of points together."""
        covariance = self._covariance(points)
        explained = solve_triangular(self.factor, covariance.T, lower=True)
        variances = np.maximum(1 - (explained**2).sum(axis=0), JITTER)
        return Belief(self, points, covariance @ self.solved, variances, explained)

    def _covariance(self, points: np.ndarray) -> np.ndarray:
        return matern(squared_distances(points, self.points, self.weights))


@dataclass
class Belief:
    """Means and variances of points, in standardized scores, which trainings in progress make surer.

    Attributes:
        process: what is believed.
        points: shape (n_points, n_columns).
        mean: shape (n_points,).
        variance: shape (n_points,), of the score without noise.
        explained: the part of the points' covariance that observations explain, one row an observation.
    """

    process: Process
    points: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    explained: np.ndarray

    def expect(self, index: int) -> None:
        """Take in that a point's result will come: the variances fall, the means stay.

        A result that is what was expected moves no mean; so the scale of the scores is that of real ones alone.

        Source: Desautels, Krause and Burdick 2014, "Parallelizing exploration-exploitation tradeoffs in Gaussian
        process bandit optimization", section 3.2.
        """
        point = self.points[index : index + 1]
        covariance = matern(squared_distances(self.points, point, self.process.weights))[:, 0]
        covariance = covariance - self.explained.T @ self.explained[:, index]
        column = covariance / np.sqrt(self.variance[index] + self.process.noise)
        self.variance = np.maximum(self.variance - column**2, JITTER)
        self.explained = np.vstack([self.explained, column])


def fit(points: np.ndarray, scores: np.ndarray, owners: np.ndarray) -> Process:
    """Return the process that has seen `scores` at `points`.

    Args:
        points: shape (n, n_columns), coordinates of about 0 to 1.
        scores: shape (n,), more is better.
        owners: which hyperparameter each column belongs to, int, shape (n_columns,): its columns share a length scale.
    """
    bounded = without_outliers(scores)
    center, scale = float(bounded.mean()), float(bounded.std()) or 1.0
    standard = (bounded - center) / scale
    weights, noise = _most_probable(points, standard, owners)
    covariance = matern(squared_distances(points, points, weights))
    factor = np.linalg.cholesky(covariance + (noise + JITTER) * np.eye(len(points)))
    solved = cho_solve((factor, True), standard)
    return Process(points, weights, noise, center, scale, factor, solved)


def without_outliers(scores: np.ndarray) -> np.ndarray:
    """Return scores in which those that are far worse than most are no worse than Tukey's fence.

    A training that diverged tells to stay away; how bad it was tells nothing about the good ones.

    Source: Tukey 1977, "Exploratory data analysis", section 2D.
    """
    low, high = np.quantile(scores, (0.25, 0.75))
    bounded: np.ndarray = np.maximum(scores, low - 1.5 * (high - low))
    return bounded


def squared_distances(points: np.ndarray, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted squared distances, shape (n_points, n_others)."""
    one, other = points * np.sqrt(weights), others * np.sqrt(weights)
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    positive: np.ndarray = np.maximum(squares, 0)
    return positive


def matern(squares: np.ndarray) -> np.ndarray:
    """Return the Matérn covariance of smoothness 5/2 at squared distances."""
    distances = np.sqrt(5 * squares)
    covariance: np.ndarray = (1 + distances + distances**2 / 3) * np.exp(-distances)
    return covariance


def _matern_slope(squares: np.ndarray) -> np.ndarray:
    """Return the covariance's derivative by the squared distance."""
    distances = np.sqrt(5 * squares)
    slope: np.ndarray = -5 / 6 * (1 + distances) * np.exp(-distances)
    return slope


def _most_probable(points: np.ndarray, scores: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each column's weight and the noise's variance of highest posterior density."""
    chosen = np.linspace(0, len(points) - 1, min(len(points), MOST_FITTED)).astype(int)
    points, scores = points[chosen], scores[chosen]
    n_scales = int(owners.max()) + 1 if len(owners) else 0
    squares = np.zeros((n_scales, len(points), len(points)))
    for column, owner in enumerate(owners):
        squares[owner] += (points[:, column, None] - points[None, :, column]) ** 2
    center = LENGTH_SCALE_CENTER + np.log(max(1, n_scales)) / 2
    # The prior's mode: its median is so long that nothing seems to matter, where few scores can pull it down.
    start = np.append(np.full(n_scales, center - LENGTH_SCALE_SPREAD**2), NOISE_CENTER)
    found = minimize(
        _negative_log_posterior,
        start,
        args=(squares, scores, center),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-4.0, 8.0)] * n_scales + [(-9.0, 1.0)],
        options={"maxiter": MOST_ITERATIONS},
    )
    scales = np.exp(found.x[:n_scales])
    return scales[owners] ** -2.0, float(np.exp(found.x[-1]))


def _negative_log_posterior(
    logs: np.ndarray, squares: np.ndarray, scores: np.ndarray, center: float
) -> tuple[float, np.ndarray]:
    """Return the negative log posterior density, up to a constant, and its gradient.

    Args:
        logs: logarithms of the length scales, then of the noise's variance, shape (n_scales + 1,).
        squares: squared distances in each hyperparameter, shape (n_scales, n, n).
        scores: standardized, shape (n,).
        center: of the length scales' prior.
    """
    weights, noise = np.exp(-2 * logs[:-1]), np.exp(logs[-1])
    total = np.tensordot(weights, squares, 1)
    covariance = matern(total) + (noise + JITTER) * np.eye(len(scores))
    factor = cho_factor(covariance, lower=True)
    solved = cho_solve(factor, scores)
    density = 0.5 * scores @ solved + np.log(np.diag(factor[0])).sum()
    # The derivative by an entry of the covariance (equation 5.9), with the sign of the negative density.
    by_covariance = 0.5 * (cho_solve(factor, np.eye(len(scores))) - np.outer(solved, solved))
    by_squares = by_covariance * _matern_slope(total)
    gradient = np.append(-2 * weights * np.tensordot(squares, by_squares, 2), noise * np.trace(by_covariance))
    deviations = np.append((logs[:-1] - center) / LENGTH_SCALE_SPREAD, (logs[-1] - NOISE_CENTER) / NOISE_SPREAD)
    spreads = np.append(np.full(len(weights), LENGTH_SCALE_SPREAD), NOISE_SPREAD)
    return density + 0.5 * (deviations**2).sum(), gradient + deviations / spreads
