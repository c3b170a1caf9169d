"""The gate's rule: what is promoted, and what only looks better."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from components.promote import gate
from components.promote.gate import Cells, Rule

NAMES = ("shirt", "shoe")


def models(both, only_candidate, only_champion, neither):
    """Return whether candidate and champion are right, and labels: even examples of class 0, odd ones of class 1."""
    counts = (both, only_candidate, only_champion, neither)
    candidate = np.repeat([True, True, False, False], counts)
    champion = np.repeat([True, False, True, False], counts)
    return candidate, champion, np.arange(sum(counts)) % 2


def decision(*counts, **rule):
    candidate, champion, labels = models(*counts)
    return gate.decide(candidate, champion, labels, NAMES, Rule(**{"class_loss": 1.0, **rule}))


def test_the_exact_test_is_twice_the_tail_of_a_binomial_with_one_half():
    tail = sum(math.comb(14, k) for k in range(5)) / 2**14

    assert gate.mcnemar_p_value(Cells(80, 10, 4, 6)) == pytest.approx(2 * tail)
    assert gate.mcnemar_p_value(Cells(80, 4, 10, 6)) == pytest.approx(2 * tail)
    assert gate.mcnemar_p_value(Cells(90, 0, 0, 10)) == 1.0
    assert gate.mcnemar_p_value(Cells(90, 5, 5, 0)) == 1.0


@pytest.mark.parametrize("counts", [(900, 30, 40, 30), (50, 3, 0, 7), (50, 0, 0, 10), (8000, 300, 310, 1390)])
@pytest.mark.parametrize("margin", [0.005, 0.02, 0.1])
def test_not_worse_is_tested_with_the_likeliest_shares_under_the_margin(counts, margin):
    """The share that the score test needs, found here by looking for the largest likelihood."""
    cells = Cells(*counts)
    n, b, c = cells.n, cells.only_candidate, cells.only_champion

    def unlikely(worse):
        better = max(worse - margin, 1e-300)
        rest = max(1 - better - worse, 1e-300)
        return -(b * math.log(better) + c * math.log(worse) + (n - b - c) * math.log(rest))

    worse = minimize_scalar(unlikely, bounds=(margin, (1 + margin) / 2), method="bounded", options={"xatol": 1e-12}).x
    statistic = (b - c + n * margin) / math.sqrt(n * (2 * worse - margin - margin**2))
    expected = 0.5 * math.erfc(statistic / math.sqrt(2))

    assert gate.not_worse_p_value(cells, margin) == pytest.approx(expected, rel=1e-3, abs=1e-12)


def test_a_candidate_that_is_clearly_better_is_promoted():
    found = decision(800, 60, 20, 120)

    assert found.promoted and found.p_value < 0.001
    assert found.accuracy == pytest.approx(0.86)
    assert "that it is better is shown: 60 examples only the candidate has right, 20 only the champion" in found.reason


def test_a_candidate_that_is_better_by_luck_is_not_promoted():
    found = decision(800, 28, 20, 152)

    assert found.accuracy > 0.82 and not found.promoted
    assert "is not shown" in found.reason


def test_a_worse_candidate_is_not_promoted_however_sure_that_is():
    assert not decision(800, 20, 60, 120).promoted


def test_equal_models_are_promoted_no_more_often_than_the_level_says():
    """Two of 0.9 accuracy whose mistakes have nothing to do with each other: better by luck half of the time."""
    random = np.random.default_rng(1)
    labels = np.zeros(1000, int)
    promoted = [
        gate.decide(random.random(1000) < 0.9, random.random(1000) < 0.9, labels, NAMES, Rule(class_loss=1.0)).promoted
        for _ in range(1000)
    ]

    assert np.mean(promoted) <= 0.05


def test_with_a_margin_one_that_is_about_as_good_is_promoted_and_one_that_is_worse_by_more_is_not():
    assert decision(8000, 100, 110, 1790, margin=0.01).promoted
    assert not decision(8000, 100, 250, 1650, margin=0.01).promoted
    assert not decision(80, 1, 2, 17, margin=0.01).promoted  # too few examples to tell


def test_one_that_is_better_in_total_and_loses_a_class_is_not_promoted():
    labels = np.repeat([0, 1], 500)
    champion, candidate = np.ones(1000, bool), np.ones(1000, bool)
    champion[:100] = False
    candidate[500:540] = False

    found = gate.decide(candidate, champion, labels, NAMES, Rule())

    assert found.cells.difference > 0 and found.p_value < 0.05
    assert not found.promoted
    assert [change.name for change in found.losses] == ["shoe"]
    assert found.reason.endswith("but shoe falls from 1.0000 to 0.9200")
    assert gate.decide(candidate, champion, labels, NAMES, Rule(class_loss=0.08)).promoted


def test_a_class_without_examples_loses_nothing():
    found = gate.decide(np.ones(9, bool), np.zeros(9, bool), np.zeros(9, int), NAMES, Rule())

    assert found.promoted


@pytest.mark.parametrize(("minimum", "promoted"), [(0.0, True), (0.69, True), (0.72, False)])
def test_a_first_model_is_promoted_when_the_lower_end_of_its_interval_reaches_the_minimum(minimum, promoted):
    correct = np.arange(100) < 79

    found = gate.decide_alone(correct, Rule(minimum_accuracy=minimum))

    assert found.interval[0] == pytest.approx(0.7001, abs=1e-3)
    assert found.promoted is promoted
