"""The plan of a search: what it spends, decided before it starts and stated in its journal's header."""

import math
from dataclasses import dataclass
from typing import Any

REDUCTION = 3
"""Of the configurations that reach a rung, one in so many goes on to the next (Li et al. 2020 use 3 or 4)."""

GOING_ON = 1.4
"""So many times as many as a third go on to the next rung: the best third changes as more come. Counted in simulated
searches of 24 and of 64 configurations."""

ROUND_SHARE = 3
"""Trainings in a round for each that runs at once: less idle time at a round's end, against later news."""

INITIAL_SHARE = 1 / 3
MOST_INITIAL_POINTS = 12
MOST_FINALISTS = 4


@dataclass(frozen=True)
class Plan:
    """What a search and its finals spend.

    Attributes:
        max_trials: configurations that are tried.
        rungs: the epochs at which they are compared, ascending; the last is the most that one gets in the search.
        round_size: trainings that are decided at a time.
        finalists: configurations that are trained to the end.
        finals: trainings to the end, at least as many; the surplus repeats finalists with other seeds.
        training_epochs: epochs of a training to the end, over which the schedule is stretched; rungs are its prefix.
    """

    max_trials: int
    rungs: tuple[int, ...]
    round_size: int
    finalists: int
    finals: int
    training_epochs: int

    @property
    def n_initial(self) -> int:
        """How many configurations are spread out before the search learns; a share of the plan, whatever the width."""
        return max(1, min(MOST_INITIAL_POINTS, round(self.max_trials * INITIAL_SHARE)))

    def rung_of(self, epochs: int) -> int:
        """Return the highest rung, from 0, that a training of so many epochs has reached; -1 for none."""
        return sum(rung <= epochs for rung in self.rungs) - 1

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-like values."""
        return {**self.__dict__, "rungs": list(self.rungs)}

    def __str__(self) -> str:
        budget = (
            f"{self.rungs[0]} to {self.rungs[-1]} epochs" if len(self.rungs) > 1 else _count(self.rungs[0], "epoch")
        )
        seeds = f" in {self.finals} trainings" if self.finals > self.finalists else ""
        return (
            f"{_count(self.max_trials, 'configuration')}, {budget}, {_count(self.finalists, 'finalist')}{seeds} of "
            f"{_count(self.training_epochs, 'epoch')}"
        )


def make_plan(
    *,
    max_trials: int,
    trial_epochs: int,
    training_epochs: int,
    stop_trials_early: bool,
    round_size: int,
    finalists: int,
    processors: int,
) -> Plan:
    """Return the plan for the pipeline parameters of these names.

    Args:
        max_trials: configurations.
        trial_epochs: the highest rung; above `training_epochs` it is these.
        training_epochs: epochs of a final.
        stop_trials_early: whether there are rungs below the highest.
        round_size: trainings a round; 0 for three a processor.
        finalists: how many; 0 for one a processor, at least two and at most four. Processors that are left over train
            finalists with other seeds.
        processors: how many trainings run side by side where the plan is made: its GPUs or, without any, processors.
    """
    highest = min(trial_epochs, training_epochs)
    chosen = min(max_trials, finalists or min(MOST_FINALISTS, max(2, processors)))
    return Plan(
        max_trials=max_trials,
        rungs=rungs(highest) if stop_trials_early else (highest,),
        round_size=round_size or ROUND_SHARE * processors,
        finalists=chosen,
        finals=chosen if finalists else max(chosen, min(processors, 2 * chosen)),
        training_epochs=training_epochs,
    )


def rungs(highest: int) -> tuple[int, ...]:
    """Return the rungs up to the highest: each a third of the next, rounded up."""
    epochs = [highest]
    while epochs[0] >= REDUCTION:
        epochs.insert(0, math.ceil(epochs[0] / REDUCTION))
    return tuple(epochs)


def expected_epochs(plan: Plan) -> tuple[int, int]:
    """Return about how many epochs the search and the finals take."""
    going_on = [1.0, *(GOING_ON / REDUCTION**rung for rung in range(1, len(plan.rungs)))]
    entering = [max(1, round(plan.max_trials * share)) for share in going_on]
    spent = [n * (high - low) for n, low, high in zip(entering, (0, *plan.rungs), plan.rungs, strict=False)]
    continued = plan.finalists * (plan.training_epochs - plan.rungs[-1])
    return sum(spent), continued + (plan.finals - plan.finalists) * plan.training_epochs


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
