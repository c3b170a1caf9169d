"""What is in a round of the search: configurations that go on, and new ones.

Successive halving without waiting: as soon as three configurations have reached a rung, the best of them goes on to
the next; what is left of a round is for new configurations. A round is a function of the plan, the seed and the rounds
before it, whoever ran them and in whatever order they finished; of the last one before, only of its new
configurations: those that went on may take longer, and are looked at one round later.

Source: Li et al. 2020, "A system for massively parallel hyperparameter tuning", algorithm 2, in rounds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from components.core.experiment import Direction
from components.core.plan import REDUCTION, Plan
from components.core.trial import Trial, end_score
from components.tune.suggestions import Observation, Suggester, Values


@dataclass(frozen=True)
class Stretch:
    """A training that is asked for: of a configuration, up to an epoch, after those that it has had."""

    number: int
    hyperparameters: Values
    last: int


NOTHING: Mapping[int, int] = {}


class Rounds:
    """Decides rounds.

    Args:
        plan: what the search spends.
        suggester: chooses configurations.
        direction: of the objective.
        learned: an earlier search's trials, to learn from.
    """

    def __init__(self, plan: Plan, suggester: Suggester, direction: Direction, learned: Sequence[Trial] = ()) -> None:
        self.plan = plan
        self.suggester = suggester
        self._sign = 1 if direction == "max" else -1
        self._learned = [trial for trial in learned if trial.curve and trial.status != "failed"]

    def next(self, trials: Sequence[Trial], running: Mapping[int, int] = NOTHING) -> list[Stretch]:
        """Return the next round; nothing, with nothing running, when the search is over.

        Args:
            trials: all configurations so far, by number.
            running: those of the last round's that may run on, with the epochs that they had before. What has become
                of them is not looked at, even where it is known already.
        """
        seen = [_as_before(trial, running[trial.number]) if trial.number in running else trial for trial in trials]
        promotions = [stretch for stretch in self._promotions(seen) if stretch.number not in running]
        going_on = promotions[: self.plan.round_size]
        n_new = min(self.plan.round_size - len(going_on), self.plan.max_trials - len(seen))
        return going_on + self._new(n_new, seen)

    def runs_on(self, stretch: Stretch) -> bool:
        """Return whether a stretch may still run while the next round does: those beyond the lowest rung, which would
        have all other workers wait for them."""
        return stretch.last > self.plan.rungs[0]

    def finalists(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the configurations to train to the end, the most promising first.

        They are the ones that the process expects most of, among those that came furthest: one training's own score
        is a noisy, and as the best of many a flattering, account of its configuration.
        """
        measured = [trial for trial in trials if trial.curve and trial.status != "failed"]
        furthest = sorted(measured, key=lambda trial: -self.plan.rung_of(trial.epochs))
        n_least = min(self.plan.finalists, len(furthest))
        lowest = self.plan.rung_of(furthest[n_least - 1].epochs) if n_least else 0
        eligible = [trial for trial in measured if self.plan.rung_of(trial.epochs) >= lowest]
        observations = self.observations(trials)
        if len(observations) < 2:
            return eligible[:n_least]
        expected = self.suggester.expected([trial.hyperparameters for trial in eligible], observations)
        order = sorted(range(len(eligible)), key=lambda index: (-expected[index], eligible[index].number))
        return [eligible[index] for index in order[:n_least]]

    def observations(self, trials: Sequence[Trial]) -> list[Observation]:
        """Return the scores of configurations at the rungs they reached, as if all were of the highest.

        What a rung adds is estimated by those that reached both it and the next.
        """
        known = [trial for trial in (*self._learned, *trials) if trial.status != "failed" and trial.curve]
        gains = self._gains(known)
        highest = len(self.plan.rungs) - 1
        return [
            Observation(trial.hyperparameters, rung / highest if highest else 1.0, score + sum(gains[rung:]))
            for trial in known
            for rung, score in self._scores(trial)
        ]

    def _promotions(self, trials: Sequence[Trial]) -> list[Stretch]:
        """Return the configurations that go on, from the highest rung down."""
        return [
            Stretch(trial.number, trial.hyperparameters, self.plan.rungs[rung + 1])
            for rung in reversed(range(len(self.plan.rungs) - 1))
            for trial in self._best_third(trials, rung)
            if self.plan.rung_of(trial.epochs) == rung and trial.status != "failed"
        ]

    def _best_third(self, trials: Sequence[Trial], rung: int) -> list[Trial]:
        """Return the best third of the configurations that have reached a rung, those that went on included."""
        epochs = self.plan.rungs[rung]
        reached = [trial for trial in trials if len(trial.curve) >= epochs]
        reached.sort(key=lambda trial: (-self._score_at(trial, epochs), trial.number))
        return reached[: len(reached) // REDUCTION]

    def _new(self, n: int, trials: Sequence[Trial]) -> list[Stretch]:
        if n <= 0:
            return []
        tried = [trial.hyperparameters for trial in trials]
        observations = self.observations(trials)
        n_spread = self.plan.n_initial - len(self._learned) - len(trials)
        if n_spread > 0 or len(observations) < 2:
            n = min(n, n_spread) if n_spread > 0 else n
            values = self.suggester.spread(n, tried)
        else:
            values = self.suggester.promising(n, tried, observations, len(trials) / self.plan.max_trials)
        return [Stretch(len(trials) + index, each, self.plan.rungs[0]) for index, each in enumerate(values)]

    def _scores(self, trial: Trial) -> Iterator[tuple[int, float]]:
        """Yield (rung, score there) of each rung that a configuration reached, or of its end below the lowest."""
        if len(trial.curve) < self.plan.rungs[0]:
            yield 0, self._score_at(trial, len(trial.curve))
        for rung, epochs in enumerate(self.plan.rungs):
            if len(trial.curve) >= epochs:
                yield rung, self._score_at(trial, epochs)

    def _score_at(self, trial: Trial, epochs: int) -> float:
        return self._sign * end_score(trial.curve[:epochs])

    def _gains(self, trials: Sequence[Trial]) -> list[float]:
        """Return what each rung but the highest lacks to the next, the mean over those that reached both."""
        gains = []
        for low, high in pairwise(self.plan.rungs):
            both = [trial for trial in trials if len(trial.curve) >= high]
            gains.append(
                fmean(self._score_at(trial, high) - self._score_at(trial, low) for trial in both) if both else 0.0
            )
        return gains


def _as_before(trial: Trial, epochs: int) -> Trial:
    """Return what was known of a configuration after so many epochs."""
    accuracy = trial.validation_accuracy or 0.0  # no round looks at it
    curve = trial.curve[:epochs]
    return replace(
        trial, status="stopped", curve=curve, epochs=len(curve), validation_accuracy=accuracy, reason="runs on"
    )
