"""A search by its rungs: how many trials reached each, and how trials of different budgets compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np

from components.core import journal
from components.evaluate.objective import Objective
from components.evaluate.trials import SearchRecord


@dataclass(frozen=True)
class Rung:
    """What came of the trials at one rung.

    Attributes:
        epochs: what a trial has had there.
        n_reached: how many trials came so far.
        n_higher: how many of them reached the next rung, too.
        median, best: of the scores there; None where no trial came.
    """

    epochs: int
    n_reached: int
    n_higher: int
    median: float | None
    best: float | None


@dataclass(frozen=True)
class Gain:
    """What trials gained from one rung to the next: the mean over those that reached both."""

    first: int
    last: int
    score: float


@dataclass(frozen=True)
class Scored:
    """A trial, and a score that can be compared with those of the others, which it may have reached or not."""

    trial: journal.Trial
    score: float


def rungs_of(search: SearchRecord) -> list[Rung]:
    """Return a `Rung` for each of the search's."""
    reached = [[trial for trial in search.trials if search.rung_of(trial) >= n] for n in range(len(search.rungs))]
    return [
        _rung(search, number, trials, len(higher)) for number, (trials, higher) in enumerate(pairwise([*reached, []]))
    ]


def gains(search: SearchRecord) -> list[Gain]:
    """Return what lies between each two rungs, up to the highest that trials have reached."""
    found = []
    for rung in range(len(search.rungs) - 1):
        both = [trial for trial in search.measured if search.rung_of(trial) > rung]
        if not both:
            break
        mean = fmean(search.score_at(trial, rung + 1) - search.score_at(trial, rung) for trial in both)
        found.append(Gain(search.rungs[rung], search.rungs[rung + 1], mean))
    return found


def comparable(search: SearchRecord) -> list[Scored]:
    """Return the trials that have a score, in order of number, as if all had reached the highest rung that any has.

    A trial of a lower rung counts with its score there and, on top, the gains of those that went on: what has had more
    epochs is better for that alone, so that plain scores of different budgets say little of the hyperparameters. The
    search compares them in the same way.
    """
    added = [gain.score for gain in gains(search)]
    return [
        Scored(trial, _own_score(search, trial) + sum(added[_rung_or_first(search, trial) :]))
        for trial in search.measured
    ]


def ranking(scored: Sequence[Scored], objective: Objective) -> list[Scored]:
    """Return scored trials from the worst to the best."""
    return sorted(scored, key=lambda each: objective.sign * each.score)


def _rung_or_first(search: SearchRecord, trial: journal.Trial) -> int:
    return max(0, search.rung_of(trial))


def _own_score(search: SearchRecord, trial: journal.Trial) -> float:
    """Return a trial's score at the highest rung that it reached, or at its end below the lowest."""
    return search.score_at(trial, _rung_or_first(search, trial))


def _rung(search: SearchRecord, number: int, trials: Sequence[journal.Trial], n_higher: int) -> Rung:
    scores = [search.score_at(trial, number) for trial in trials]
    if not scores:
        return Rung(search.rungs[number], 0, 0, None, None)
    best = search.objective.sign * max(search.objective.sign * score for score in scores)
    return Rung(search.rungs[number], len(scores), n_higher, float(np.median(scores)), best)
