"""Stratified splits: every class is divided in the same proportion."""

from typing import Any

import numpy as np

from components.core.data import Labelled
from components.core.errors import InvalidInput

Array = np.ndarray[Any, Any]

FEWEST_PER_CLASS = 2
"""Training examples that each class needs, one for either side of the split."""

# Random streams of their own, so that nothing else drawn from the seed moves them.
_VALIDATION_STREAM, _TEST_STREAM = 1, 4


def split(labelled: Labelled, validation_fraction: float, seed: int) -> tuple[Labelled, Labelled]:
    """Return the training and the validation part of `labelled`, each in its original order.

    Every class is divided in the same proportion, to the nearest example, with at least one on either side.

    Args:
        labelled: examples with labels 0 to n_classes - 1, each of which occurs.
        validation_fraction: share of each class that goes to validation, 0.01 to 0.5.
        seed: decides which examples.

    Raises:
        InvalidInput: a class has a single example.
    """
    for class_index, n_examples in enumerate(np.bincount(labelled.labels)):
        if n_examples < FEWEST_PER_CLASS:
            rule = "every class must have at least 2 training examples, one for either side of the split"
            raise InvalidInput(f"data_source: {rule}, but class {class_index} has {n_examples}")
    held_out = _hold_out(labelled.labels, validation_fraction, seed, _VALIDATION_STREAM, n_kept=1)
    return _part(labelled, ~held_out), _part(labelled, held_out)


def choose_test(classes: Array, test_fraction: float, seed: int) -> Array:
    """Return which examples become the test split: a share of each class, to the nearest example, at least one.

    Args:
        classes: class indices from 0, shape (n,), at least 3 of each.
        test_fraction: share of each class, 0.01 to 0.5; two examples of each stay for training and validation.
        seed: decides which examples.
    """
    return _hold_out(classes, test_fraction, seed, _TEST_STREAM, n_kept=FEWEST_PER_CLASS)


def _hold_out(classes: Array, fraction: float, seed: int, stream: int, n_kept: int) -> Array:
    random = np.random.default_rng([seed, stream])
    held_out = np.zeros(len(classes), bool)
    for class_index, n_examples in enumerate(np.bincount(classes)):
        n_held_out = min(max(1, round(n_examples * fraction)), n_examples - n_kept)
        held_out[random.permutation(np.flatnonzero(classes == class_index))[:n_held_out]] = True
    return held_out


def _part(labelled: Labelled, chosen: Array) -> Labelled:
    return Labelled(labelled.inputs[chosen], labelled.labels[chosen])
