"""True accuracy of the best trial after 10, 20 and 40, on the surrogate, over many seeds; prints one JSON line.

python -m benchmarks.sample_efficiency {own,stock,stock-varying,random} N_SEEDS [LAG]
"""

import json
import sys
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.hyperparameters import Fixed
from keras_tuner.engine.trial import Trial

from benchmarks.surrogate import observed_accuracy, true_accuracy
from components.core.space import discover
from components.experiment.space import search_space
from components.tune.oracle import Oracle
from components.tune.tuner import N_INITIAL_POINTS, NOISE
from components.tune.unit_cube import as_keras_tuner

CHECKPOINTS = (10, 20, 40)


def make_oracle(kind: str, seed: int, lag: int) -> Any:
    """Return a new oracle over the default search space."""
    space = discover(search_space)
    shared: dict[str, Any] = {
        "objective": kt.Objective("accuracy", "max"),
        "max_trials": max(CHECKPOINTS),
        "seed": seed + 1,
    }
    if kind == "own":
        return Oracle(space=space, lag=lag, num_initial_points=N_INITIAL_POINTS, alpha=NOISE, **shared)
    shared["hyperparameters"] = as_keras_tuner(space.declarations)
    if kind == "random":
        return kt.oracles.RandomSearchOracle(**shared)
    # The default is three initial points for each hyperparameter, also for one that is fixed.
    n_varying = sum(not isinstance(hp, Fixed) for hp in shared["hyperparameters"].space)
    initial = {"stock": None, "stock-varying": 3 * n_varying}[kind]
    return kt.oracles.BayesianOptimizationOracle(num_initial_points=initial, **shared)


def run(kind: str, seed: int, lag: int = 0) -> list[float]:
    """Return the true accuracy of the trial that looks best after each of `CHECKPOINTS` trials."""
    oracle = make_oracle(kind, seed, lag)
    found: list[float] = []
    observed: list[float] = []
    for number in range(max(CHECKPOINTS)):
        chosen = oracle.hyperparameters.copy()
        chosen.values = oracle.populate_space(f"{number:02d}")["values"]
        trial = Trial(chosen, trial_id=f"{number:02d}", status="COMPLETED")
        hyperparameters = search_space(chosen.copy())
        trial.score = float(observed_accuracy(hyperparameters, [seed, number]))
        oracle.trials[trial.trial_id] = trial
        observed.append(trial.score)
        found.append(true_accuracy(hyperparameters))
    return [found[int(np.argmax(observed[:count]))] for count in CHECKPOINTS]


def main(kind: str, n_seeds: int, lag: int = 0) -> None:
    results = np.array([run(kind, seed, lag) for seed in range(n_seeds)])
    errors = results.std(axis=0) / np.sqrt(n_seeds)
    print(json.dumps({"after": CHECKPOINTS, "mean": results.mean(axis=0).tolist(), "error": errors.tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
