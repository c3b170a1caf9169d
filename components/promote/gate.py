"""The gate: whether a candidate goes into service, by a rule that is stated before it is measured.

Both models are run on the same examples, so what tells them apart is those on which one is right and the other wrong.
"""

import math
from dataclasses import dataclass

import numpy as np

from components.core.intervals import wilson_interval


@dataclass(frozen=True)
class Rule:
    """What a candidate must show.

    Attributes:
        minimum_accuracy: what the lower end of its accuracy's 95 % interval must reach where nothing is in service.
        level: the chance, at most, of promoting one that is not better (or, with a margin, worse by more than that).
        margin: by how much its accuracy may be worse, where "not worse" is enough; 0 asks for a better one.
        class_loss: by how much the recall of a class may fall.
    """

    minimum_accuracy: float = 0.0
    level: float = 0.05
    margin: float = 0.0
    class_loss: float = 0.03


@dataclass(frozen=True)
class Cells:
    """How many examples both models classify rightly, one of them alone, or none."""

    both: int
    only_candidate: int
    only_champion: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.only_candidate + self.only_champion + self.neither

    @property
    def difference(self) -> float:
        """The candidate's accuracy minus the champion's."""
        return (self.only_candidate - self.only_champion) / self.n


@dataclass(frozen=True)
class ClassChange:
    """The recall of a class, by both models."""

    name: str
    n_examples: int
    candidate: float
    champion: float

    @property
    def loss(self) -> float:
        return self.champion - self.candidate


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        promoted: whether the candidate goes into service.
        reason: why, in words.
        accuracy, interval: the candidate's, with its 95 % interval.
        cells: against the champion, or None where there is none.
        p_value: of the test, or None.
        losses: classes whose recall falls by more than the rule allows.
    """

    promoted: bool
    reason: str
    accuracy: float
    interval: tuple[float, float]
    cells: Cells | None = None
    p_value: float | None = None
    losses: tuple[ClassChange, ...] = ()


def decide_alone(correct: np.ndarray, rule: Rule) -> Decision:
    """Return what the gate says of a candidate where nothing that it could be held against is in service.

    Args:
        correct: bool, shape (n,): whether it is right.
        rule: what is asked for.
    """
    accuracy, interval = _accuracy(correct)
    promoted = interval[0] >= rule.minimum_accuracy
    relation = "reaches" if promoted else "does not reach"
    reason = (
        f"there is no champion to compare with, and the lower end of its accuracy's 95 % interval, {interval[0]:.4f}, "
        f"{relation} the minimum accuracy, {rule.minimum_accuracy:g}"
    )
    return Decision(promoted, reason, accuracy, interval)


def decide(
    candidate: np.ndarray, champion: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...], rule: Rule
) -> Decision:
    """Return what the gate says of a candidate beside the champion.

    Args:
        candidate, champion: bool, shape (n,): whether each is right.
        labels: int, shape (n,): the true classes.
        class_names: of the classes.
        rule: what is asked for.
    """
    cells = cells_of(candidate, champion)
    changes = class_changes(candidate, champion, labels, class_names)
    losses = tuple(change for change in changes if change.loss > rule.class_loss + 1e-12)
    if rule.margin:
        p_value, passed = not_worse_p_value(cells, rule.margin), True
        claim = f"not worse by {rule.margin:g} or more"
    else:
        p_value, passed = mcnemar_p_value(cells), cells.only_candidate > cells.only_champion
        claim = "better"
    passed = passed and p_value <= rule.level
    shown = "is shown" if passed else "is not shown"
    reason = (
        f"that it is {claim} {shown}: {cells.only_candidate} examples only the candidate has right, "
        f"{cells.only_champion} only the champion, p = {p_value:.3g}, level {rule.level:g}"
    )
    if passed and losses:
        worst = max(losses, key=lambda each: each.loss)
        reason += f"; but {worst.name} falls from {worst.champion:.4f} to {worst.candidate:.4f}"
    return Decision(passed and not losses, reason, *_accuracy(candidate), cells, p_value, losses)


def cells_of(candidate: np.ndarray, champion: np.ndarray) -> Cells:
    """Return how many examples each of two models has right."""
    return Cells(
        int((candidate & champion).sum()),
        int((candidate & ~champion).sum()),
        int((~candidate & champion).sum()),
        int((~candidate & ~champion).sum()),
    )


def mcnemar_p_value(cells: Cells) -> float:
    """Return the exact two-sided p-value that both are right equally often, 1 where they never differ.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages";
    exact: the smaller of both counts is binomial with one half.
    """
    few, n = min(cells.only_candidate, cells.only_champion), cells.only_candidate + cells.only_champion
    if n == 0:
        return 1.0
    from scipy.stats import binom

    return min(1.0, 2 * float(binom.cdf(few, n, 0.5)))


def not_worse_p_value(cells: Cells, margin: float) -> float:
    """Return the one-sided p-value that the candidate's accuracy is lower by at least a margin, by the score test.

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17, with the difference at minus the margin.

    Args:
        cells: the counts.
        margin: above 0, below 1.
    """
    n, better, worse, difference = cells.n, cells.only_candidate, cells.only_champion, -margin
    b = -better - worse + (2 * n - better + worse) * difference
    c = -worse * difference * (1 - difference)
    share_worse = (math.sqrt(b * b - 8 * n * c) - b) / (4 * n)
    variance = n * (2 * share_worse + difference * (1 - difference))
    statistic = (better - worse - n * difference) / math.sqrt(variance)
    return 0.5 * math.erfc(statistic / math.sqrt(2))


def class_changes(
    candidate: np.ndarray, champion: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> list[ClassChange]:
    """Return the recalls of each class that has examples."""
    return [
        ClassChange(name, int(own.sum()), float(candidate[own].mean()), float(champion[own].mean()))
        for index, name in enumerate(class_names)
        if (own := labels == index).any()
    ]


def _accuracy(correct: np.ndarray) -> tuple[float, tuple[float, float]]:
    return float(correct.mean()), wilson_interval(int(correct.sum()), len(correct))
