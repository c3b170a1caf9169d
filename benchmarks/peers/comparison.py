"""Runs this project and its peers one after the other on two processors, and tabulates their best accuracies."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import environment, own
from benchmarks.peers.own import Line
from benchmarks.workload import data_source
from components.core import artifacts, files
from components.core.data import TrainingData
from components.core.space import space_for
from components.experiment import EXPERIMENT
from components.sources import dataset

OUTPUT = environment.ROOT / "build/peers"
"""Keeps what each run reported and printed."""

SHARES = (1 / 8, 1 / 4, 1 / 2, 1)
"""Of the time, when the best accuracy so far is looked at."""

OWN = "this project"
STOCK = ("Keras Tuner, Bayesian", "Keras Tuner, Hyperband")
TORCH = "Optuna, PyTorch"
PEERS = {
    STOCK[0]: ("stock_bayesian",),
    STOCK[1]: ("stock_hyperband",),
    "Optuna, Keras `fit`": ("optuna_keras",),
    TORCH: ("optuna_torch",),
    "Optuna, PyTorch, our recipe": ("optuna_torch", "--recipe", "ours"),
}
"""Programs of this folder, with their options."""

GRACE_S = 60


@dataclass(frozen=True)
class Course:
    """What one run reported: `lines` by time, see `benchmarks.peers`."""

    lines: Sequence[Line]

    @property
    def n_trials(self) -> int:
        return len({line["trial"] for line in self.lines})

    def best_at(self, seconds: float) -> float | None:
        """Return the best accuracy that was known by then, or None before the first."""
        return max((line["accuracy"] for line in self.lines if line["seconds"] <= seconds), default=None)

    def seconds_to(self, accuracy: float) -> float | None:
        """Return when an accuracy was reached, or None when it never was."""
        return min((line["seconds"] for line in self.lines if line["accuracy"] >= accuracy), default=None)


Courses = Mapping[str, Sequence[Course]]


def run_all(plans: Sequence[float], seeds: Sequence[int]) -> Courses:
    """Return the courses of each contestant, one for each seed. The machine should have nothing else to do.

    Args:
        plans: the seconds that this project is planned for, each in a run of its own; the peers get the most of them.
        seeds: decide split and search.
    """
    seconds = max(plans)
    python = environment.installed()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    courses: dict[str, list[Course]] = {}
    with two_processors():
        for seed in seeds:
            data = OUTPUT / f"data-{seed}"
            write_data(data, seed)
            for plan in sorted(plans):
                courses.setdefault(f"{OWN}, planned for {plan:.0f} s", []).append(_own(plan, seed))
            for name, program in PEERS.items():
                courses.setdefault(name, []).append(_peer(python, program, data, seconds, seed))
            shutil.rmtree(data)
    return courses


def write_data(folder: Path, seed: int) -> None:
    """Write what the peers are given: the split that a run of this seed makes, and the search space."""
    raw = dataset.load(data_source(), seed)
    train, validation = dataset.split(raw.train, 0.1, seed)
    artifacts.write_training_data(TrainingData(train, validation, raw.info, ""), folder / "training_data")
    files.write_json(space_for(EXPERIMENT, raw.info).as_list(), folder / "space.json")


@contextlib.contextmanager
def two_processors() -> Iterator[None]:
    """Keep this process and those that it starts on two processors, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def rows(courses: Courses, seconds: float) -> list[list[str]]:
    """Return the table's lines: best accuracies by time, trials, and seconds to what two of them have at the end."""
    goals = list(goals_of(courses, seconds).values())
    return [
        [
            name,
            *(_accuracy([course.best_at(seconds * share) for course in runs]) for share in SHARES),
            f"{statistics.fmean(course.n_trials for course in runs):.0f}",
            *(", ".join(_time(course.seconds_to(goal)) for course in runs) for goal in goals),
        ]
        for name, runs in courses.items()
    ]


def goals_of(courses: Courses, seconds: float) -> dict[str, float]:
    """Return what stock Keras Tuner, the better of its two, and Optuna with PyTorch have at the end, on average."""
    ends = {name: _mean([course.best_at(seconds) for course in courses[name]]) for name in (*STOCK, TORCH)}
    best = max(STOCK, key=lambda name: ends[name])
    return {best: ends[best], TORCH: ends[TORCH]}


def _own(seconds: float, seed: int) -> Course:
    name = f"own-{seconds:.0f}-{seed}"
    _announce(name)
    folder = OUTPUT / name
    lines = own.run(seconds, seed, folder, folder.with_suffix(".log"))
    folder.with_suffix(".jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shutil.rmtree(folder)
    return Course(lines)


def _peer(python: Path, program: Sequence[str], data: Path, seconds: float, seed: int) -> Course:
    name = "-".join([*(text.strip("-") for text in program), str(seed)])
    _announce(name)
    module, *options = program
    output = OUTPUT / f"{name}.jsonl"
    output.touch()
    given = map(str, (data, seconds, seed, output, *options))
    with open(output.with_suffix(".log"), "w") as log:
        subprocess.run(
            [python, "-m", f"benchmarks.peers.{module}", *given],
            cwd=environment.ROOT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=log,
            stderr=log,
            timeout=seconds + GRACE_S,
            check=True,
        )
    shutil.rmtree(output.with_suffix(".tuner"), ignore_errors=True)
    return Course([json.loads(line) for line in output.read_text().splitlines()])


def _announce(name: str) -> None:
    print(f"measuring: {name}", file=sys.stderr, flush=True)


def _accuracy(values: Sequence[float | None]) -> str:
    """Return mean and standard error, or a dash while one of them has nothing yet."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    error = f" ± {statistics.stdev(known) / len(known) ** 0.5:.4f}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.4f}{error}"


def _mean(values: Sequence[Any]) -> float:
    return statistics.fmean(value or 0.0 for value in values)


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.0f}"
