"""A cheap stand-in for training: a function of the hyperparameters shaped like the accuracies that training gives."""

import math

import numpy as np

from components.experiment.space import Hyperparameters

NOISE = 0.0015


def true_accuracy(chosen: Hyperparameters) -> float:
    """Return the noiseless accuracy of these hyperparameters, about 0.85 to 0.91.

    Shaped by what real searches show: an optimal learning rate that grows with the batch size and shrinks with
    depth, width with falling returns, dropout that pays off in wide networks, and normalization that forgives a bad
    rate. The constants are made up.
    """
    capacity = math.log2(sum(chosen.units) / 64)
    rate = math.log10(chosen.learning_rate)
    best_rate = -3.2 + 0.25 * math.log2(chosen.batch_size / 128) - 0.15 * (len(chosen.units) - 2)
    tolerance = {"none": 0.5, "layer": 0.8, "batch": 0.9}[chosen.normalization]
    best_dropout = 0.05 + 0.08 * capacity
    return (
        0.880
        + 0.0090 * capacity
        - 0.0008 * capacity**2
        - 0.0025 * (len(chosen.units) - 2.7) ** 2
        - 0.010 * ((rate - best_rate) / tolerance) ** 2
        - 0.12 * (chosen.dropout_rate - best_dropout) ** 2
        + {"none": -0.002, "layer": 0.0, "batch": 0.002}[chosen.normalization]
        - 0.0006 * abs(math.log2(chosen.batch_size / 64))
    )


def observed_accuracy(chosen: Hyperparameters, seed: int | list[int]) -> float:
    """Return `true_accuracy` with the noise of one training, standard deviation `NOISE`."""
    return true_accuracy(chosen) + NOISE * float(np.random.default_rng(seed).standard_normal())
