"""The Gaussian process, against closed forms and its own definition."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from components.tune import process

OWNERS = np.arange(2)


def drawn(n, n_columns=2, seed=0):
    return np.random.default_rng(seed).random((n, n_columns))


def test_the_covariance_is_the_closed_form_of_smoothness_five_halves():
    distance = 0.7
    root = np.sqrt(5) * distance
    assert process.matern(np.array(distance**2)) == pytest.approx((1 + root + 5 / 3 * distance**2) * np.exp(-root))


def test_the_gradient_is_that_of_the_density():
    points, scores = drawn(20), drawn(20, 1, seed=1)[:, 0]
    squares = np.stack([(points[:, None, d] - points[None, :, d]) ** 2 for d in range(2)])
    start = np.array([-0.5, 0.3, -1.0])

    error = check_grad(
        lambda logs: process._negative_log_posterior(logs, squares, scores, 1.0)[0],
        lambda logs: process._negative_log_posterior(logs, squares, scores, 1.0)[1],
        start,
    )

    assert error < 1e-4


def test_mean_and_variance_are_those_of_conditioning_a_normal_distribution():
    points = drawn(12)
    fitted = process.fit(points, np.sin(4 * points[:, 0]), OWNERS)
    asked = drawn(3, seed=1)

    everything = np.vstack([points, asked])
    covariance = process.matern(process.squared_distances(everything, everything, fitted.weights))
    seen = covariance[:12, :12] + (fitted.noise + process.JITTER) * np.eye(12)
    across = covariance[12:, :12] @ np.linalg.inv(seen)
    standard = (process.without_outliers(np.sin(4 * points[:, 0])) - fitted.center) / fitted.scale
    belief = fitted.belief(asked)

    assert belief.mean == pytest.approx(across @ standard, abs=1e-6)
    assert belief.variance == pytest.approx(np.diag(covariance[12:, 12:] - across @ covariance[:12, 12:]), abs=1e-6)
    assert fitted.mean(asked) == pytest.approx(fitted.center + fitted.scale * belief.mean)


def test_expecting_a_result_narrows_as_a_real_one_would_and_moves_no_mean():
    points = drawn(12)
    fitted = process.fit(points, np.sin(4 * points[:, 0]), OWNERS)
    asked = drawn(4, seed=1)
    belief = fitted.belief(asked)
    before = belief.mean.copy()
    belief.expect(2)

    covariance = process.matern(process.squared_distances(points, points, fitted.weights))
    noise = (fitted.noise + process.JITTER) * np.eye(13)
    seen = process.matern(
        process.squared_distances(np.vstack([points, asked[2:3]]), np.vstack([points, asked[2:3]]), fitted.weights)
    )
    across = process.matern(process.squared_distances(asked, np.vstack([points, asked[2:3]]), fitted.weights))
    expected = 1 - np.einsum("ij,jk,ik->i", across, np.linalg.inv(seen + noise), across)

    assert covariance.shape == (12, 12)
    assert belief.mean == pytest.approx(before)
    assert belief.variance == pytest.approx(expected, abs=1e-5)


def test_what_matters_gets_a_shorter_length_scale_than_what_does_not():
    points = drawn(60)
    fitted = process.fit(points, np.sin(6 * points[:, 0]), OWNERS)
    assert fitted.weights[0] > 10 * fitted.weights[1]


def test_noise_is_learnt():
    points = drawn(80)
    clean = np.sin(3 * points[:, 0])
    noisy = clean + np.random.default_rng(2).normal(0, 0.5, 80)

    assert process.fit(points, clean, OWNERS).noise < 0.1 < process.fit(points, noisy, OWNERS).noise


def test_one_that_diverged_does_not_stretch_the_scale():
    scores = np.array([0.89, 0.90, 0.91, 0.90, 0.89, 0.1])
    assert process.without_outliers(scores).min() > 0.85
    assert process.without_outliers(scores)[:5] == pytest.approx(scores[:5])


def test_equal_scores_are_no_error():
    fitted = process.fit(drawn(5), np.full(5, 0.9), OWNERS)
    assert fitted.mean(drawn(2, seed=1)) == pytest.approx([0.9, 0.9])
