"""The matrix products of the list of trials and nothing else, by numpy, a process a worker; prints one JSON line.

python -m benchmarks.products TRAINING_DATA EPOCHS N_TRIALS N_WORKERS

What is left of a search when its start-up, compilation, normalization, dropout, loss, optimizer and validation cost
nothing: no training whose products run at numpy's speed is faster.
"""

import itertools
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.workload import TRIALS
from components.core import artifacts
from components.core.data import TrainingData


def layer_widths(data: TrainingData, units: Sequence[int]) -> tuple[int, ...]:
    """Return the widths from input to logits of a network with these hidden layers."""
    return (int(np.prod(data.info.input_shape)), *units, data.info.n_classes)


def epoch_products(n_images: int, widths: Sequence[int], batch_size: int) -> None:
    """Do an epoch's matrix products, forward and backward, of a network with layers of these widths."""
    random = np.random.default_rng(0)
    weights = [random.standard_normal(shape, dtype=np.float32) for shape in itertools.pairwise(widths)]
    values = [random.standard_normal((batch_size, width), dtype=np.float32) for width in widths]
    for _ in range(n_images // batch_size):
        for layer, weight in enumerate(weights):
            values[layer] @ weight
            values[layer].T @ values[layer + 1]
            if layer:
                values[layer + 1] @ weight.T


def _trial_products(n_images: int, widths: Sequence[int], batch_size: int, epochs: int) -> None:
    for _ in range(epochs):
        epoch_products(n_images, widths, batch_size)


def main(path: str, epochs: int, n_trials: int, n_workers: int) -> None:
    data = artifacts.read_training_data(path)
    start = time.perf_counter()
    with ProcessPoolExecutor(n_workers) as pool:
        trials = [
            pool.submit(
                _trial_products, len(data.train), layer_widths(data, trial["units"]), trial["batch_size"], epochs
            )
            for trial in TRIALS[:n_trials]
        ]
        for trial in trials:
            trial.result()
    print(json.dumps(time.perf_counter() - start))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
