"""Optuna's search of a recorded table: TPE with its Hyperband pruner; prints one JSON line.

It runs in an environment of its own, which has Optuna and numpy and nothing else:

python -m benchmarks.optuna_searcher TABLE.npz ROUND_SIZE BUDGETS SEEDS (the last two as JSON lists)
"""

import json
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import optuna

from benchmarks.table import Table, load
from components.core.declaration import Declaration


def search(table: Table, seed: int, round_size: int, budgets: Sequence[int]) -> list[int]:
    """Return the index of the best complete trial when so many epochs are spent, for each budget.

    A trial reports the objective after each epoch, and its value is the last one. A suggestion is moved to the
    nearest untried configuration of the table, and Optuna told so.
    """
    study = _study(table, seed)
    finished: list[tuple[int, int]] = []  # epochs spent when a trial was complete, and its configuration
    untried, spent = list(range(len(table))), 0
    while spent < max(budgets) and untried:
        begun = []
        for _ in range(min(round_size, len(untried))):
            trial = study.ask()
            index = table.nearest(suggested(trial, table), untried)
            untried.remove(index)
            _move(study, trial, table, index)
            begun.append((trial, index))
        for trial, index in begun:
            epochs = train(study, trial, table, index)
            spent += epochs
            if epochs == table.n_epochs:
                finished.append((spent, index))
    return [_best(table, [index for at, index in finished if at <= budget], budget) for budget in budgets]


def suggested(trial: Any, table: Table) -> dict[str, Any]:
    """Return flat values that Optuna suggests for the active hyperparameters."""
    values: dict[str, Any] = {}
    for declared in table.space.declarations:
        if declared.name not in values and all(condition.holds(values) for condition in declared.conditions):
            values[declared.name] = _suggest(trial, declared)
    return values


def train(study: Any, trial: Any, table: Table, index: int) -> int:
    """Return how many epochs a trial gets."""
    for epoch in range(1, table.n_epochs + 1):
        trial.report(table.objective(index, epoch), epoch)
        if epoch < table.n_epochs and trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return epoch
    study.tell(trial, table.objective(index, table.n_epochs))
    return table.n_epochs


def _study(table: Table, seed: int) -> Any:
    return optuna.create_study(
        study_name=str(seed),  # which Hyperband draws a trial's bracket by
        direction="maximize" if table.direction == "max" else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=table.n_epochs, reduction_factor=3),
    )


def _suggest(trial: Any, declared: Declaration) -> Any:
    distribution = _distribution(declared)
    if distribution is None:
        return declared.default
    return trial._suggest(declared.name, distribution)


def _distribution(declared: Declaration) -> Any:
    settings = declared.settings
    if declared.kind == "Fixed":
        return None
    if declared.kind == "Boolean":
        return optuna.distributions.CategoricalDistribution([False, True])
    if declared.kind == "Choice":
        return optuna.distributions.CategoricalDistribution(settings["values"])
    kinds = {"Int": optuna.distributions.IntDistribution, "Float": optuna.distributions.FloatDistribution}
    is_log = settings["sampling"] == "log"
    step = {} if is_log or settings["step"] is None else {"step": settings["step"]}
    return kinds[declared.kind](settings["min_value"], settings["max_value"], log=is_log, **step)


def _move(study: Any, trial: Any, table: Table, index: int) -> None:
    """Have Optuna learn from the configuration that is looked up, not from the one that it suggested."""
    values = table.configurations[index]
    for declared in table.space.declarations:
        distribution = _distribution(declared)
        if distribution is not None and declared.name in values:
            value = distribution.to_internal_repr(values[declared.name])
            study._storage.set_trial_param(trial._trial_id, declared.name, value, distribution)


def _best(table: Table, finished: Sequence[int], budget: int) -> int:
    if not finished:
        raise ValueError(f"a budget must allow for one training of {table.n_epochs} epochs, got {budget}")
    return max(finished, key=lambda index: table.sign * table.objective(index, table.n_epochs))


def main(path: str, round_size: int, budgets: Sequence[int], seeds: Sequence[int]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of `group`, for conditional spaces
    table = load(path)
    print(json.dumps([search(table, seed, round_size, budgets) for seed in seeds]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4]))
