"""Tries an experiment out in a minute, before a search is spent on it.

The space is sampled, networks are built, some of them trained for two short epochs on real data by the workers that a
search has, saved, and loaded in a fresh process.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.core import artifacts, events
from components.core.data import Labelled, TrainingData
from components.core.errors import PipelineError
from components.core.experiment import Experiment
from components.core.plan import make_plan
from components.core.space import Space, space_for
from components.training.inspection import unread_hyperparameters
from components.tune.planning import Pace
from components.workers import devices
from components.workers.pool import Finished, Lost, Note, Pool
from components.workers.stretch import Outcome, Stretch
from local.check_points import Built, Point, build, one_line, points_of

N_TRAIN, N_VALIDATION = 2_000, 500
N_EPOCHS = 2
TRAINING_LIMIT_S = 60
N_TRAINED_AT_RANDOM = 2


@dataclass(frozen=True)
class Trained:
    """What came of training a point for two short epochs."""

    point: Point
    n_parameters: int
    outcome: Outcome


@dataclass
class CheckReport:
    """What was found.

    Attributes:
        data: the data it was found on.
        n_points: how many networks were built.
        trained: those that were trained.
        problems: what must be mended, a sentence each.
        remarks: what a user should know, a sentence each.
        estimate_s: seconds that the whole run will take here, or None when no network could be trained.
    """

    data: TrainingData
    n_points: int = 0
    trained: list[Trained] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    estimate_s: float | None = None

    def seconds_an_epoch(self, outcome: Outcome) -> float:
        """Return the seconds of an epoch over all training examples."""
        n_examples = len(self.data.train)
        return outcome.epoch_seconds * n_examples / min(N_TRAIN, n_examples)


def check(experiment: Experiment, data: TrainingData, parameters: dict[str, Any], workers: int) -> CheckReport:
    """Return what is found of an experiment on its data.

    Args:
        experiment: the `Experiment`.
        data: training and validation split.
        parameters: the pipeline's parameters, for the estimate.
        workers: how many trials the search would run at once.
    """
    report = CheckReport(data)
    try:
        space = space_for(experiment, data.info)
    except Exception as error:
        report.problems.append(one_line(error))
        return report
    devices.leave_to_workers()
    _check_reads(experiment, space, report)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = _build_all(experiment, space, report, folder / "models")
        if built:
            _check_loading(built, report, folder / "models")
            try:
                _train(_selected(built), report, folder, parameters["seed"], workers)
            except PipelineError as error:  # no worker can begin
                report.problems.append(one_line(error))
    if report.trained:
        report.estimate_s = _estimate(report, parameters, workers)
    return report


def _check_reads(experiment: Experiment, space: Space, report: CheckReport) -> None:
    try:
        unread = unread_hyperparameters(experiment, space, report.data)
    except Exception as error:
        report.problems.append(one_line(error))
        return
    report.problems += [f"nothing reads the hyperparameter {name}: use it, or leave it out" for name in unread]


def _build_all(experiment: Experiment, space: Space, report: CheckReport, folder: Path) -> list[Built]:
    """Build every point's network, and return those that can be built."""
    points = points_of(space)
    events.note(f"building {len(points)} networks of a space of {len(space.declarations)} hyperparameters")
    built = [build(experiment, point, report.data, folder / str(number)) for number, point in enumerate(points)]
    report.n_points = len(points)
    reasons: dict[str, list[str]] = {}
    for each in built:
        if each.problem:
            reasons.setdefault(each.problem, []).append(each.point.name)
    report.problems += [f"{_few(names)}: no network: {reason}" for reason, names in reasons.items()]
    return [each for each in built if not each.problem]


def _check_loading(built: list[Built], report: CheckReport, folder: Path) -> None:
    """Load the saved models in a fresh process."""
    names = dict(enumerate(points.point.name for points in built))
    events.note(f"loading {len(built)} saved networks in a fresh process, in safe mode")
    words = [sys.executable, "-m", "local.load_models", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[1])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        report.problems.append(f"the saved networks can't be loaded in a fresh process: {last}")
        return
    reasons: dict[str, list[str]] = {}
    for number, reason in json.loads(done.stdout.splitlines()[-1]).items():
        reasons.setdefault(reason, []).append(names.get(int(number), number))
    report.problems += [f"{_few(where)}: can't be loaded again: {reason}" for reason, where in reasons.items()]


def _selected(built: list[Built]) -> list[Built]:
    """Return what is worth training: the defaults, the smallest, the largest, and some at random."""
    by_size = sorted(built, key=lambda each: each.n_parameters or 0)
    random = [each for each in built if each.point.name.startswith("random")][:N_TRAINED_AT_RANDOM]
    chosen = [built[0], by_size[0], by_size[-1], *random]
    return list({each.point.name: each for each in chosen}.values())


def _train(selected: list[Built], report: CheckReport, folder: Path, seed: int, workers: int) -> None:
    """Train each of the points for two epochs on a part of the data, in the workers of a search."""
    events.note(f"training {len(selected)} of them for {N_EPOCHS} epochs on {N_TRAIN:,} examples at most")
    artifacts.write_training_data(_part(report.data), folder / "training_data")
    setup = {"training_data": str(folder / "training_data"), "fingerprint": ""}
    waiting = list(range(len(selected)))
    n_left = len(selected)
    with Pool(min(workers, n_left), setup, TRAINING_LIMIT_S) as pool:
        while n_left:
            for slot in pool.idle[: len(waiting)]:
                number = waiting.pop(0)
                values = selected[number].point.values
                pool.assign(slot, Stretch(number, values, N_EPOCHS, N_EPOCHS, seed, checkpoint=""))
            for event in pool.wait():
                if isinstance(event, Note):
                    report.remarks.append(event.text)
                elif isinstance(event, Finished):
                    _take(selected[event.number], event.outcome, report)
                    n_left -= 1
                elif isinstance(event, Lost):
                    report.problems.append(f"{selected[event.number].point.name}: {event.reason}")
                    n_left -= 1
    report.remarks = list(dict.fromkeys(report.remarks))


def _take(built: Built, outcome: Outcome, report: CheckReport) -> None:
    if outcome.status == "failed":
        report.problems.append(f"{built.point.name}: can't be trained: {outcome.reason}")
    else:
        report.trained.append(Trained(built.point, built.n_parameters or 0, outcome))


def _part(data: TrainingData) -> TrainingData:
    """Return some examples of each split, in a random order."""
    random = np.random.default_rng(0)

    def some(labelled: Labelled, n: int) -> Labelled:
        chosen = np.sort(random.permutation(len(labelled))[:n])
        return Labelled(np.ascontiguousarray(labelled.inputs[chosen]), labelled.labels[chosen])

    return TrainingData(some(data.train, N_TRAIN), some(data.validation, N_VALIDATION), data.info, "")


def _estimate(report: CheckReport, parameters: dict[str, Any], workers: int) -> float:
    """Return about how many seconds the run takes: a plan of trainings like the ones that were tried."""
    names = ("max_trials", "trial_epochs", "training_epochs", "stop_trials_early", "round_size", "finalists")
    plan = make_plan(**{name: parameters[name] for name in names}, processors=workers)
    epoch_s = float(np.mean([report.seconds_an_epoch(each.outcome) for each in report.trained]))
    compilation_s = float(np.mean([each.outcome.compile_seconds for each in report.trained]))
    seconds = Pace(epoch_s, compilation_s, 0.0).seconds(plan, workers)
    return seconds + (plan.training_epochs * epoch_s if parameters["refit"] else 0.0)


def _few(names: list[str]) -> str:
    shown = "; ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
