"""What `check` shows: a table of the networks that were tried, what to mend, and how long a run will take."""

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from components.core import artifacts
from components.core.data import TrainingData
from components.experiment import EXPERIMENT
from components.sources import dataset
from components.sources.split import split
from components.workers.count import resolve_workers
from local.check import CheckReport, Trained, check


def check_and_show(parameters: dict[str, Any]) -> bool:
    """Check the experiment on the data that the pipeline's parameters name, print what was found, and return whether
    nothing has to be mended."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        data = _prepared(parameters, Path(folder) / "training_data")
        _show_data(data, console)
        workers = resolve_workers(parameters["workers"])
        report = check(EXPERIMENT, data, parameters, workers)
    if report.trained:
        console.print(_table(report), markup=False)
    for remark in report.remarks:
        _say(console, f"note: {remark}")
    if report.estimate_s is not None:
        about = _duration(report.estimate_s)
        _say(console, f"The whole run takes about {about} here, with {workers} worker(s) and these parameters.")
    for problem in report.problems:
        _say(console, f"problem: {problem}")
    found = f"{len(report.problems)} problem(s)" if report.problems else "no problem"
    _say(console, f"{report.n_points} networks were built, {len(report.trained)} of them trained: {found}.")
    return not report.problems


def _prepared(parameters: dict[str, Any], path: Path) -> TrainingData:
    """Return the data as the prepare step hands it on."""
    names = ("data_source", "seed", "test_fraction", "image_size")
    raw = dataset.load(**{name: parameters[name] for name in names})
    train, validation = split(raw.train, parameters["validation_fraction"], parameters["seed"])
    artifacts.write_training_data(TrainingData(train, validation, raw.info, ""), path)
    return artifacts.read_training_data(path)


def _show_data(data: TrainingData, console: Console) -> None:
    info = data.info
    shape = " x ".join(map(str, info.input_shape))
    counts = np.bincount(data.train.labels, minlength=info.n_classes)
    _say(
        console,
        f"Data: {info.source}: {len(data.train):,} training and {len(data.validation):,} validation examples of "
        f"{shape} ({info.input_dtype}), {info.n_classes} classes with {counts.min():,} to {counts.max():,} examples.",
    )
    _say(console, f"Objective: {EXPERIMENT.objective.name} ({EXPERIMENT.objective.direction})")


def _table(report: CheckReport) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("network", "parameters", "memory", "compiled", "compilation", "an epoch", report_objective()):
        table.add_column(name, justify="left" if name in ("network", "compiled") else "right", overflow="fold")
    for trained in sorted(report.trained, key=lambda each: each.n_parameters):
        table.add_row(*_row(report, trained))
    return table


def report_objective() -> str:
    """Return the heading of the figure that the search would go by."""
    return f"{EXPERIMENT.objective.name}, 2 short epochs"


def _row(report: CheckReport, trained: Trained) -> tuple[str, ...]:
    outcome = trained.outcome
    best = max(outcome.curve) if EXPERIMENT.objective.direction == "max" else min(outcome.curve)
    return (
        trained.point.name,
        f"{trained.n_parameters:,}",
        f"{outcome.peak_memory_bytes / 2**20:.0f} MB",
        str(outcome.compiled),
        f"{outcome.compile_seconds:.1f} s",
        f"{report.seconds_an_epoch(outcome):.1f} s",
        f"{best:.3f}",
    )


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _duration(seconds: float) -> str:
    """Return seconds as a few words, to the minute where there are many."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"
