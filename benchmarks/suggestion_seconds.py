"""Seconds for one suggestion after many finished trials; prints one JSON line.

python -m benchmarks.suggestion_seconds N_FINISHED …
"""

import json
import sys
import tempfile
import time

import numpy as np

from benchmarks.surrogate import observed_accuracy
from components.core.hyperparameters import ChosenValues
from components.core.journal import Trial
from components.experiment.network import search_space
from components.tune.tuner import CustomTuner, declared_space


def main(counts):
    print(json.dumps([[count, _measure(count)] for count in counts]))


def _measure(n_finished):
    with tempfile.TemporaryDirectory() as folder:
        tuner = CustomTuner(max_trials=n_finished + 1, seed=1, directory=folder)
        for number in range(n_finished):
            values = _random_values(number)
            accuracy = float(observed_accuracy(search_space(ChosenValues(values)), number))
            tuner.observe(Trial(number, "completed", values, accuracy, (accuracy,), 1, 1.0, None))
        start = time.perf_counter()
        tuner.suggest(n_finished)
        return time.perf_counter() - start


def _random_values(seed):
    space = declared_space()
    random = np.random.default_rng(seed)
    for hp in space.space:
        if space.is_active(hp):
            space.values[hp.name] = hp.prob_to_value(random.random())
    space.ensure_active_values()
    return {name: value for name, value in space.values.items() if space.is_active(name)}


if __name__ == "__main__":
    main(list(map(int, sys.argv[1:])))
