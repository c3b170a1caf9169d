"""Replays searches on a recorded table over many seeds; prints one JSON line.

python -m benchmarks.replay TABLE N_SEEDS ROUND_SIZES [SEARCHERS] (the last two with commas between)

TABLE is the name of one of benchmarks/tables, or a path. Optuna runs in the environment of the peers, or in the one
whose Python OPTUNA_PYTHON names.
"""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import environment
from benchmarks.table import Table, load, path_of

FULL_TRAININGS = (20, 40, 64)
"""Budgets, in trainings to the end. A search's finals are part of it."""

LEAST_ROUND_SIZES = {20: 1, 40: 8, 64: 32}
"""A large budget is replayed only in rounds that suit it: one in small rounds takes hours, and nobody would wait."""

OPTUNA_PYTHON = "OPTUNA_PYTHON"
SEARCHES = ("random", "random-halving", "keras-tuner", "optuna", "own")

N_SEEDS_OF_RANDOM = 2_000


def main(path: str, n_seeds: int, round_sizes: Sequence[int], searchers: Sequence[str]) -> None:
    table = load(path)
    if "optuna" in searchers and OPTUNA_PYTHON not in os.environ:
        os.environ[OPTUNA_PYTHON] = str(environment.installed())
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))  # of the processes below
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        rows = [
            {"search": name, "round_size": size, **_regrets(pool, table, path, name, size, n_seeds)}
            for name in searchers
            for size in ([1] if name == "random" else round_sizes)  # which is the same in rounds of any size
        ]
    print(json.dumps({"table": table.name, "full_trainings": FULL_TRAININGS, "rows": rows}))


def budgets(table: Table, name: str, round_size: int) -> list[int]:
    """Return the budgets in epochs that a search is replayed with."""
    in_rounds = name not in ("random", "keras-tuner")
    return [n * table.n_epochs for n in FULL_TRAININGS if not in_rounds or round_size >= LEAST_ROUND_SIZES[n]]


def search(path: str, name: str, round_size: int, seed: int) -> list[int]:
    """Return which configuration a search chooses, for each budget."""
    table = load(path)
    epochs = budgets(table, name, round_size)
    if name == "optuna":
        return _optuna(path, round_size, epochs, seed)
    from benchmarks.searchers import SEARCHERS

    return SEARCHERS[name](table, seed, round_size, epochs)


def _regrets(
    pool: ProcessPoolExecutor, table: Table, path: str, name: str, round_size: int, n_seeds: int
) -> dict[str, list[float]]:
    """Return mean regrets in points, and their standard errors, for each of `budgets`."""
    seeds = range(max(n_seeds, N_SEEDS_OF_RANDOM) if name == "random" else n_seeds)
    chosen = pool.map(partial(search, path, name, round_size), seeds, chunksize=max(1, len(seeds) // 64))
    regrets = np.array([[table.regret(index) for index in of_seed] for of_seed in chosen])
    errors = regrets.std(axis=0, ddof=1) / np.sqrt(len(regrets)) if len(regrets) > 1 else regrets[0] * np.nan
    return {"mean": regrets.mean(axis=0).tolist(), "error": errors.tolist()}


def _optuna(path: str, round_size: int, epochs: Sequence[int], seed: int) -> list[int]:
    command = [os.environ[OPTUNA_PYTHON], "-m", "benchmarks.optuna_searcher", str(path_of(path)), str(round_size)]
    done = subprocess.run(
        [*command, json.dumps(epochs), json.dumps([seed])],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        check=True,
    )
    chosen: list[list[int]] = json.loads(done.stdout.splitlines()[-1])
    return chosen[0]


def _names(text: str) -> list[Any]:
    return text.split(",")


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]),
        list(map(int, _names(sys.argv[3]))),
        _names(sys.argv[4]) if len(sys.argv) > 4 else SEARCHES,
    )
