"""How long workers of a search in rounds wait for each round's last training, by recorded seconds; prints a JSON line.

python -m benchmarks.idle TABLE N_SEEDS
"""

import heapq
import json
import sys
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.table import Table, load

WORKERS = (2, 4, 8, 16, 64)
TRAININGS_A_WORKER = (1, 3)
FULL_TRAININGS = 64
REAL_IMAGES = 54_000
"""Training images of the pipeline's defaults: with more of them less of a training is compilation."""


def main(path: str, n_seeds: int) -> None:
    table = load(path)
    rows = [
        {"workers": workers, "round_size": size * workers, **measure(table, workers, size * workers, n_seeds)}
        for workers in WORKERS
        for size in TRAININGS_A_WORKER
    ]
    print(json.dumps({"table": table.name, "rows": rows}))


def measure(table: Table, n_workers: int, round_size: int, n_seeds: int) -> dict[str, float]:
    """Return the mean idle share of this project's search as recorded, and with as many images as by default."""
    from benchmarks.searchers import own_search

    budget = FULL_TRAININGS * table.n_epochs
    searches = [own_search(table, seed, round_size, budget)[1].rounds for seed in range(n_seeds)]
    kinds = {"recorded": None, "default": REAL_IMAGES}
    return {
        name: float(np.mean([idle_share(round_seconds(table, each, n_images), n_workers) for each in searches]))
        for name, n_images in kinds.items()
    }


def idle_share(rounds: Iterable[Sequence[float]], n_workers: int) -> float:
    """Return the share of all workers' time that they wait at the end of a round.

    Args:
        rounds: seconds of each training, by round; the longest are begun first.
        n_workers: how many trainings run at a time.
    """
    rounds = [list(seconds) for seconds in rounds]
    busy = sum(sum(seconds) for seconds in rounds)
    held = n_workers * sum(makespan(seconds, n_workers) for seconds in rounds)
    return 1 - busy / held if held else 0.0


def makespan(seconds: Iterable[float], n_workers: int) -> float:
    """Return when the last of some trainings ends, if each worker takes the longest that is left.

    Source: Graham 1969, "Bounds on multiprocessing timing anomalies", section 3 (longest processing time first).
    """
    ends = [0.0] * n_workers
    for each in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def round_seconds(
    table: Table, rounds: Iterable[Sequence[tuple[int, int]]], n_images: int | None = None
) -> list[list[float]]:
    """Return seconds of each training of a search, by round, each compiled anew.

    Args:
        table: what was recorded.
        rounds: for each round index of the configuration and epochs of each training.
        n_images: training images, where an epoch is to have another number of them than in the table.
    """
    scale = 1.0 if n_images is None else n_images / table.n_train
    return [
        [float(table.compile_seconds[index] + scale * epochs * table.epoch_seconds[index]) for index, epochs in each]
        for each in rounds
    ]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
