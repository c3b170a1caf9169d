"""How long workers of a search in rounds wait for each round's last training, by recorded seconds; prints a JSON line.

python -m benchmarks.idle TABLE N_SEEDS
"""

import heapq
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.searchers import Training, own_search
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
    budget = FULL_TRAININGS * table.n_epochs
    searches = [own_search(table, seed, round_size, budget)[1].rounds[:-1] for seed in range(n_seeds)]
    kinds = {"recorded": table.n_train, "default": REAL_IMAGES}
    return {
        name: float(np.mean([idle_share(timed_rounds(table, each, n_images), n_workers) for each in searches]))
        for name, n_images in kinds.items()
    }


@dataclass(frozen=True)
class Timed:
    """A training's seconds, and whether the next round is decided without it."""

    seconds: float
    runs_on: bool = False


def idle_share(rounds: Iterable[Sequence[Timed]], n_workers: int) -> float:
    """Return the share of all workers' time that they wait, from the first training to the end of the last.

    The next round is decided when this one's trainings are over but for those that run on, which are waited for one
    round later.

    Args:
        rounds: of trainings.
        n_workers: how many trainings run at a time.
    """
    workers, decided = Workers(n_workers), 0.0
    ran_on: list[int] = []
    for trainings in rounds:
        numbers = workers.queue([each.seconds for each in trainings])
        due = [*ran_on, *(number for number, each in zip(numbers, trainings, strict=True) if not each.runs_on)]
        ran_on = [number for number, each in zip(numbers, trainings, strict=True) if each.runs_on]
        decided = workers.run_until_over(due, decided)
    decided = workers.run_until_over(ran_on, decided)
    return 1 - workers.busy / (len(workers.free) * decided) if decided else 0.0


class Workers:
    """Workers, each of which takes the longest training that is left when it has ended one.

    Source: Graham 1969, "Bounds on multiprocessing timing anomalies", section 3.

    Attributes:
        free: when each worker has ended what it has begun, a heap.
        busy: seconds of all trainings that have begun.
    """

    def __init__(self, n_workers: int) -> None:
        self.free = [0.0] * n_workers
        self.busy = 0.0
        self._waiting: list[tuple[float, int]] = []
        self._n_queued = 0
        self._ends: dict[int, float] = {}

    def queue(self, seconds: Sequence[float]) -> range:
        """Enter trainings; return their numbers."""
        numbers = range(self._n_queued, self._n_queued + len(seconds))
        self._n_queued += len(seconds)
        self._waiting = sorted([*self._waiting, *zip(seconds, numbers, strict=True)], reverse=True)
        return numbers

    def run_until_over(self, due: Sequence[int], now: float) -> float:
        """Go on from a time to when all that is due is over, and return that time."""
        while not all(number in self._ends for number in due):
            self._begin(now)
        end = max([now, *(self._ends[number] for number in due)])
        while self._waiting and self.free[0] < end:
            self._begin(now)
        return end

    def _begin(self, now: float) -> None:
        seconds, number = self._waiting.pop(0)
        self._ends[number] = max(self.free[0], now) + seconds
        heapq.heapreplace(self.free, self._ends[number])
        self.busy += seconds


def timed_rounds(table: Table, rounds: Iterable[Sequence[Training]], n_images: int) -> list[list[Timed]]:
    """Return how long a search's trainings take, each compiled anew, with so many training images."""
    seconds = table.epoch_seconds * n_images / table.n_train
    return [
        [
            Timed(float(table.compile_seconds[each.index] + each.epochs * seconds[each.index]), each.runs_on)
            for each in trainings
        ]
        for trainings in rounds
    ]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
