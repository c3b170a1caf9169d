"""The parts of an experiment, and the figures it can be judged by."""

import numpy as np
import pytest

from components.core import scores
from components.core.errors import InvalidInput
from components.core.experiment import ACCURACY, MACRO_F1, Experiment, Metric

LABELS = np.array([0, 0, 0, 1])
LOGITS = np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
"""Two of three examples of class 0 are right, and the only one of class 1."""


def test_accuracy_is_the_share_that_is_right():
    assert scores.accuracy(LABELS, LOGITS) == 3 / 4


def test_balanced_accuracy_is_the_mean_of_the_recalls():
    assert scores.balanced_accuracy(LABELS, LOGITS) == pytest.approx((2 / 3 + 1) / 2)


def test_macro_f1_is_the_mean_of_the_classes_f1():
    """Class 0: precision 1, recall 2/3; class 1: precision 1/2, recall 1."""
    assert scores.macro_f1(LABELS, LOGITS) == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_a_class_without_examples_counts_in_no_mean():
    wider = np.column_stack([LOGITS, np.zeros(4)])

    assert scores.balanced_accuracy(LABELS, wider) == scores.balanced_accuracy(LABELS, LOGITS)
    assert scores.macro_f1(LABELS, wider) == scores.macro_f1(LABELS, LOGITS)


def test_cross_entropy_is_in_nats():
    assert scores.cross_entropy(np.array([1]), np.array([[0.0, np.log(3)]])) == pytest.approx(-np.log(3 / 4))


def test_a_direction_that_is_none_is_refused_by_name():
    with pytest.raises(InvalidInput, match="direction of the metric F1 must be max or min, got 'maximize'"):
        Metric("F1", scores.macro_f1, "maximize")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"objective": "accuracy"}, "objective and metrics of an experiment must each be a Metric, got 'accuracy'"),
        ({"metrics": MACRO_F1}, "metrics of an experiment must be a tuple of Metric"),
        ({"loss": "crossentropy"}, "loss of an experiment must be a function, got 'crossentropy'"),
    ],
)
def test_a_part_of_another_kind_is_refused_by_name(part, message):
    with pytest.raises(InvalidInput, match=message):
        Experiment(**{"search_space": lambda hp: None, "create_model": lambda *_: None, **part})


@pytest.mark.parametrize("metrics", [(ACCURACY,), (MACRO_F1, MACRO_F1)])
def test_two_figures_of_one_name_are_refused(metrics):
    with pytest.raises(InvalidInput, match="must each have a name of its own"):
        Experiment(search_space=lambda hp: None, create_model=lambda *_: None, metrics=metrics)
