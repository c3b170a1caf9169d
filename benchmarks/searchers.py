"""Searches of a recorded table: this project's, and what it is compared with.

Each is given a table, a seed, how many trainings are decided at a time, and budgets in epochs; it returns the index of
the configuration that it chooses when so many epochs are spent. A training gets the table's curve, epoch by epoch.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial as KerasTunerTrial

from benchmarks.table import Table
from components.core.plan import Plan, expected_epochs, make_plan
from components.core.trial import Trial
from components.tune.rounds import Rounds, Stretch
from components.tune.suggestions import Observation, Suggester
from components.tune.unit_cube import UnitCube, as_keras_tuner

TRIAL_SHARE = 0.6
"""The highest rung, as a share of a training to the end: that of the pipeline's defaults, 18 epochs of 30."""

PROCESSOR_TRAININGS = 3
"""How many trainings a round has for each processor, as in `make_plan`."""

Searcher = Callable[[Table, int, int, Sequence[int]], list[int]]


@dataclass(frozen=True)
class Training:
    """A training that was spent on.

    Attributes:
        index: of the configuration.
        epochs: after those that it had before.
        runs_on: whether the next round is decided without it.
    """

    index: int
    epochs: int
    runs_on: bool = False


@dataclass
class Spending:
    """What a search has spent.

    Attributes:
        budget: epochs that it may spend.
        rounds: of trainings; the last one is the finals.
    """

    budget: int
    rounds: list[list[Training]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        return sum(training.epochs for each in self.rounds for training in each)

    def begin_round(self) -> None:
        self.rounds.append([])

    def spend(self, training: Training, reserve: int = 0) -> bool:
        """Enter a training into the round, if the budget allows it and `reserve` epochs afterwards; say whether."""
        if self.epochs + training.epochs + reserve > self.budget:
            return False
        self.rounds[-1].append(training)
        return True


def own(table: Table, seed: int, round_size: int, budgets: Sequence[int]) -> list[int]:
    """Search by this project's rounds, with a plan of its own for each budget."""
    return [own_search(table, seed, round_size, budget)[0] for budget in budgets]


def own_search(table: Table, seed: int, round_size: int, budget: int) -> tuple[int, Spending]:
    """Return what this project's search chooses, and what it has spent."""
    suggester = Suggester(table.space, seed, table.configurations)
    rounds = Rounds(plan_for(table, budget, round_size), suggester, table.direction)
    return run_rounds(table, rounds, budget)


def random_halving(table: Table, seed: int, round_size: int, budgets: Sequence[int]) -> list[int]:
    """Search by the same rungs, rounds and finals over random configurations."""
    chosen = []
    for budget in budgets:
        rounds = Rounds(plan_for(table, budget, round_size), RandomSuggester(table, seed), table.direction)
        chosen.append(run_rounds(table, rounds, budget)[0])
    return chosen


def random_search(table: Table, seed: int, round_size: int, budgets: Sequence[int]) -> list[int]:
    """Train random configurations to the end and choose the one with the best end."""
    order = np.random.default_rng(seed).permutation(len(table))
    counts = [budget // table.n_epochs for budget in budgets]
    return [int(max(order[:count], key=lambda index: table.sign * table.ends[index])) for count in counts]


def keras_tuner(table: Table, seed: int, round_size: int, budgets: Sequence[int]) -> list[int]:
    """Search by stock Keras Tuner's Bayesian optimization, each trial to the end, scored by its best epoch.

    It is stock but for where its confidence bound is minimized: over the table's untried configurations.
    """
    oracle = TableOracle(table, seed)
    bests = table.sign * (table.sign * table.curves).max(axis=1)
    while len(oracle.tried) < min(len(table), max(budgets) // table.n_epochs):
        trials = [oracle.begin() for _ in range(min(round_size, len(table) - len(oracle.tried)))]
        for trial, index in trials:
            oracle.end(trial, float(bests[index]))
    counts = [budget // table.n_epochs for budget in budgets]
    return [max(oracle.tried[:count], key=lambda index: table.sign * bests[index]) for count in counts]


def plan_for(table: Table, budget: int, round_size: int) -> Plan:
    """Return the plan with the most configurations that is expected to spend at most `budget` epochs."""
    processors = max(1, round_size // PROCESSOR_TRAININGS)
    plan = make_plan(
        max_trials=1,
        trial_epochs=round(TRIAL_SHARE * table.n_epochs),
        training_epochs=table.n_epochs,
        stop_trials_early=True,
        round_size=round_size,
        finalists=0,
        processors=processors,
    )
    finalists = min(4, max(2, processors))
    plans = (
        dataclasses.replace(plan, max_trials=n, finalists=finalists, finals=finalists)
        for n in range(1, len(table) + 1)
    )
    return max((each for each in plans if sum(expected_epochs(each)) <= budget), key=lambda each: each.max_trials)


def run_rounds(table: Table, rounds: Rounds, budget: int) -> tuple[int, Spending]:
    """Return what a search in rounds chooses, its finals within the budget, and what it has spent."""
    spending = Spending(budget)
    plan = rounds.plan
    finals = plan.finalists * (table.n_epochs - plan.rungs[-1])
    trials: dict[int, Trial] = {}
    running: dict[int, int] = {}
    is_over = False
    while not is_over:
        stretches = rounds.next(_in_order(trials), running)
        spending.begin_round()
        had = {each.number: trials[each.number].epochs if each.number in trials else 0 for each in stretches}
        trained = [
            each
            for each in stretches
            if spending.spend(
                Training(table.index(each.hyperparameters), each.last - had[each.number], rounds.runs_on(each)), finals
            )
        ]
        trials |= {each.number: _trained(table, each, plan) for each in trained}
        is_over = len(trained) < len(stretches) or not (stretches or running)
        running = {each.number: had[each.number] for each in trained if rounds.runs_on(each)}
    spending.begin_round()
    finalists = [
        table.index(trial.hyperparameters)
        for trial in rounds.finalists(_in_order(trials))
        if spending.spend(Training(table.index(trial.hyperparameters), table.n_epochs - trial.epochs))
    ]
    return max(finalists, key=lambda index: table.sign * table.ends[index]), spending


class RandomSuggester(Suggester):
    """Suggests a table's configurations in random order, and expects of each what it was last seen to be."""

    def __init__(self, table: Table, seed: int) -> None:
        super().__init__(table.space, seed, table.configurations)

    def promising(
        self, n: int, tried: Sequence[dict[str, Any]], observations: Sequence[Observation], spent: float
    ) -> list[dict[str, Any]]:
        return self.spread(n, tried)

    def expected(self, configurations: Sequence[dict[str, Any]], observations: Sequence[Observation]) -> np.ndarray:
        last = {id(each.values): each.score for each in sorted(observations, key=lambda each: each.fidelity)}
        return np.array([last[id(values)] for values in configurations])


class TableOracle(kt.oracles.BayesianOptimizationOracle):
    """Keras Tuner's oracle with its defaults, choosing among a table's configurations."""

    def __init__(self, table: Table, seed: int) -> None:
        super().__init__(
            objective=kt.Objective("objective", table.direction),
            max_trials=len(table),
            seed=seed + 1,  # it takes a seed of zero for none
            hyperparameters=as_keras_tuner(table.space.declarations),
        )
        self._table = table
        self._points = UnitCube(table.space).encode(table.configurations)
        self.tried: list[int] = []

    def begin(self) -> tuple[KerasTunerTrial, int]:
        """Return a running trial, and the index of its configuration."""
        index = self._next()
        trial = self._trial(index, str(len(self.tried)))
        self.trials[trial.trial_id] = trial
        self.ongoing_trials[trial.trial_id] = trial
        self.tried.append(index)
        return trial, index

    def end(self, trial: KerasTunerTrial, score: float) -> None:
        trial.status, trial.score = "COMPLETED", score
        del self.ongoing_trials[trial.trial_id]

    def _next(self) -> int:
        untried = sorted(set(range(len(self._table))) - set(self.tried))
        n_initial = 3 * len(self.hyperparameters.space)
        if len(self.tried) - len(self.ongoing_trials) < n_initial:
            return int(self._random_state.choice(untried))
        self.gpr.fit(*map(np.nan_to_num, self._vectorize_trials()))
        mean, deviation = self.gpr.predict(self._points[untried], return_std=True)
        return untried[int(np.argmin(mean - self.beta * deviation))]

    def _trial(self, index: int, trial_id: str) -> KerasTunerTrial:
        chosen = self.hyperparameters.copy()
        chosen.values = dict(self._table.configurations[index])
        return KerasTunerTrial(chosen, trial_id=trial_id, status="RUNNING")


def _in_order(trials: Mapping[int, Trial]) -> list[Trial]:
    return [trials[number] for number in sorted(trials)]


def _trained(table: Table, stretch: Stretch, plan: Plan) -> Trial:
    """Return a trial as a search sees it after a stretch."""
    curve = table.curves[table.index(stretch.hyperparameters), : stretch.last].tolist()
    status = "completed" if stretch.last >= plan.rungs[-1] else "stopped"
    accuracy = min(1.0, max(0.0, max(curve)))
    return Trial(stretch.number, status, stretch.hyperparameters, accuracy, curve, len(curve), 0.0, None)


SEARCHERS: Mapping[str, Searcher] = {
    "random": random_search,
    "random-halving": random_halving,
    "keras-tuner": keras_tuner,
    "own": own,
}
