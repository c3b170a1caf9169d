"""Seconds for one suggestion after many finished trials; prints one JSON line.

python -m benchmarks.suggestion_seconds N_FINISHED …
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.surrogate import observed_accuracy
from components.core.hyperparameters import read_hyperparameters
from components.core.journal import Trial
from components.core.space import discover
from components.experiment.space import search_space
from components.tune.tuner import CustomTuner
from components.tune.unit_cube import UnitCube


def main(counts: Sequence[int]) -> None:
    print(json.dumps([[count, _measure(count)] for count in counts]))


def _measure(n_finished: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        tuner = CustomTuner(max_trials=n_finished + 1, seed=1, directory=folder)
        cube, random = UnitCube(discover(search_space)), np.random.default_rng(0)
        for number in range(n_finished):
            values = cube.decode(random.random(cube.n_dimensions))
            accuracy = observed_accuracy(read_hyperparameters(search_space, values), number)
            tuner.observe(Trial(number, "completed", values, accuracy, (accuracy,), 1, 1.0, None))
        start = time.perf_counter()
        tuner.suggest(n_finished)
        return time.perf_counter() - start


if __name__ == "__main__":
    main(list(map(int, sys.argv[1:])))
